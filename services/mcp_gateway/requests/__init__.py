"""Write requests to the upstream REST API as its OpenAPI document defines them. Pure functions."""
