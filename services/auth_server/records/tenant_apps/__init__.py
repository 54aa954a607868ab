"""The apps that tenants connect for their members, and what members left out or ended."""
