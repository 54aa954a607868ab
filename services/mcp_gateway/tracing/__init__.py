"""What the gateway records of some calls; without traces, none of it is imported."""
