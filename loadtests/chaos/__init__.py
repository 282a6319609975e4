"""Random kills under a constant stream of events, and the count of what came of it."""
