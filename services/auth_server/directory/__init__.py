"""What a tenant's provider decides about its people here: who is a member, and in which groups."""
