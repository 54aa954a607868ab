"""Authorization codes, valid for sixty seconds and one redemption."""
