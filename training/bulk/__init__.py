"""Restaurants of a file, written to a running service: many at once, each row accounted for."""
