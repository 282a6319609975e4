"""Programs that run: inference, ingest, consumers, the simulator and the embedded stack."""
