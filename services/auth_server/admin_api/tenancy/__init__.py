"""The admin API of the members of a tenant, and of the apps that they ask for."""
