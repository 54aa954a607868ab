"""The commands with which operators manage clients, tenants and so on."""
