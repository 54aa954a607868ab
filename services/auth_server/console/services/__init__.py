"""The console's pages of gateways and webhooks."""
