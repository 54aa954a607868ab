"""The ledger of billable units, to which rows are only added."""
