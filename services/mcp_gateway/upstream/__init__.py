"""What protects the upstream REST API, and the credentials that its requests bear."""
