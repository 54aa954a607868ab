"""The comparisons of the ledger with the usage that run once a day."""
