"""The versions of gateways' catalogues that consent pages may have shown."""
