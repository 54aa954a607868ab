"""Revocations: ending what was issued, and announcing it to gateways."""
