"""The webhook: Orbit tells Gatepost which record has changed."""
