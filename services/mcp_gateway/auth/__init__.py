"""Who is calling: access tokens, the keys that verify them, and what a client is told without."""
