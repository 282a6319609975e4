"""The trainer: from a data set to a published model; never imported by a service."""
