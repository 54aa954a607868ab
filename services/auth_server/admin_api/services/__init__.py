"""The admin API of gateways and webhooks."""
