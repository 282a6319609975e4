"""The service that takes events: accepted means durable."""
