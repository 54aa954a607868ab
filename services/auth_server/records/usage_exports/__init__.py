"""Exports: units on their way to the system that writes the invoices."""
