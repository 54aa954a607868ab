"""The network: which addresses are public, and how Redis is opened."""
