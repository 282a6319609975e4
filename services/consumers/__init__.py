"""Programs that read the log of events: diner state, the archive, and the trigger of retraining."""
