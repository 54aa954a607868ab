"""The gateways' catalogues, as this server reads and remembers them."""
