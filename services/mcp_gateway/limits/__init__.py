"""How often a tenant may call: counted in Redis for all processes of a gateway, or in this one."""
