"""Authorization codes: sixty seconds, one redemption."""
