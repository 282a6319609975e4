"""How fast, how often it fails, and compared with what: load, the SLO verdict, the bench.

Nothing imports this package; it may import anything. All traffic it makes says ``load``, so it
never teaches a model.
"""
