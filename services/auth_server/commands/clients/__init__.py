"""Commands about clients: those that operators manage, and the documents of others."""
