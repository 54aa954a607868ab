"""Outgoing webhooks: signed events, sent to endpoints of the operator and of tenants."""
