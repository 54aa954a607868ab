"""The e-mail domains that tenants claim, and which of them they proved to own."""
