"""The embedded stack: real Valkey, real Kafka and our own programs, as processes of one machine."""
