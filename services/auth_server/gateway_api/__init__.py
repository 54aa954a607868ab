"""The API for gateways: they deliver call events and follow revocations."""
