"""The services around the authorization server: gateways, and receivers of webhooks."""
