"""The commands for the members of a tenant, and for the apps that they ask for."""
