"""The log of events: its port, Kafka and an in-memory log behind it, and the way in with a spool."""
