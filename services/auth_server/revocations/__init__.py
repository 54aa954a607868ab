"""Revoke grants and tokens, and announce the revocations to gateways."""
