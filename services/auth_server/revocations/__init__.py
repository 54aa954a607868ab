"""Revocations: what ended early, written with what caused it, announced once it is committed."""
