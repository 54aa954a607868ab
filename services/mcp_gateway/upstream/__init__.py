"""The protection of the upstream REST API, and the credentials of its requests."""
