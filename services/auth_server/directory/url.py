"""Where providers reach the SCIM API."""

SCIM_PATH = "/scim/v2"


def scim_url(issuer: str) -> str:
    """Return the URL of the SCIM API, which the provider's administrator enters."""
    return f"{issuer.rstrip('/')}{SCIM_PATH}"
