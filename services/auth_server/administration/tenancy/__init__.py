"""The members of a tenant, and the apps that they ask for."""
