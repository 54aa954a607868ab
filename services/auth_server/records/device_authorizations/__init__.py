"""Device authorizations: requests of programs without a browser, stored until they are redeemed."""
