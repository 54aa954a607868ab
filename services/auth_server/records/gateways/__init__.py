"""The processes of gateways, as they report themselves."""
