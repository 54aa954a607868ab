"""The ledger's units by the hour, and how many of them belong to exports."""
