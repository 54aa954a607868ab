"""Billing through Stripe: prices, Checkout, the portal, webhooks, and what a subscription gives."""
