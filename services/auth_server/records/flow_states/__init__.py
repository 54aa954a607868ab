"""Flow states that were redeemed, so that none is redeemed twice."""
