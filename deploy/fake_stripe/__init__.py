"""A stateful imitation of the parts of Stripe that Gatepost uses, for tests and the demo.

It keeps everything in memory, takes no money and shares no code with Gatepost. It follows what Stripe
documents: idempotency keys, subscriptions and dunning, meters, signed webhooks.
"""
