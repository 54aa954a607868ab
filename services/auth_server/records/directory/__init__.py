"""What a tenant's provider keeps here by SCIM: users, groups and the tokens with which it does so."""
