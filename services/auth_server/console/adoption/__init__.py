"""The console's pages of how apps and people come to use the service."""
