"""The `gatepost` command. It starts the services or calls them over HTTP, and imports neither."""
