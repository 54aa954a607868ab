"""Exporting the ledger's units to the system that writes the invoices."""
