"""Used client assertions and DPoP proofs, stored so that none can be used twice (`jti`)."""
