"""Answers what a diner should be shown, inside the budget, whatever is broken behind it.

A request walks ``routes`` → ``recommend`` → the reader of the store → ``snapshot`` →
``candidates`` → ``scorer`` → ``exploration`` → ``explain`` → ``impressions``; where something
runs out, ``fallback`` answers from a lower rung.
"""
