"""Requests of the upstream REST API, as its OpenAPI document asks for them. Pure functions."""
