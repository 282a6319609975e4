"""How good lists are on held-out choices, what the dial costs, and the reports that say so."""
