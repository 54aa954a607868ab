"""An imitation of a customer's identity provider, for the demo and tests."""
