"""What a signed-in person sees of their own: connections, keys, sessions, organisations."""
