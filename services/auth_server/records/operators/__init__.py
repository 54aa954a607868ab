"""Who operates this server."""
