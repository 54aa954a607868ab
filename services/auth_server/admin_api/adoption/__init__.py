"""The admin API of how apps and people come to use the service."""
