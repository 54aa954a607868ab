"""Build the response to the client: its redirect URI with parameters, always with `iss`."""

from urllib.parse import quote, urlencode

from auth_server.errors import OAuthError


def success_url(redirect_uri: str, *, code: str, state: str | None, issuer: str) -> str:
    """Build the redirect of an approved request (RFC 6749 §4.1.2, RFC 9207 §2)."""
    return _append(redirect_uri, {"code": code, "state": state, "iss": issuer})


def error_url(redirect_uri: str, error: OAuthError, *, state: str | None, issuer: str) -> str:
    """Build the redirect of a refused request (RFC 6749 §4.1.2.1, RFC 9207 §2)."""
    parameters = {
        "error": error.code,
        "error_description": error.description,
        "state": state,
        "iss": issuer,
    }
    return _append(redirect_uri, parameters)


def _append(redirect_uri: str, parameters: dict[str, str | None]) -> str:
    # The registered URI stays byte for byte; only the new parameters are encoded.
    sent = {name: value for name, value in parameters.items() if value is not None}
    separator = "&" if "?" in redirect_uri else "?"
    return f"{redirect_uri}{separator}{urlencode(sent, quote_via=quote)}"
