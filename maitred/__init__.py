"""What all programs agree on: contracts, domain rules and storage; no program starts here."""
