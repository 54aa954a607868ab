"""Build the response to the client: its redirect URI with parameters, always with `iss`."""

from urllib.parse import quote, urlencode

from starlette.responses import RedirectResponse, Response

from auth_server.errors import OAuthError
from auth_server.records.clients import redirect_uris
from auth_server.records.clients.table import Client
from auth_server.rendering.render import Pages


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


def send_to_client(url: str) -> Response:
    """Redirect the browser to a client."""
    response = RedirectResponse("/", status_code=303)
    # Set by hand, because the registered URI must be sent byte for byte, without re-quoting.
    response.headers["Location"] = url
    response.headers["Cache-Control"] = "no-store"
    return response


def may_redirect(client: Client, redirect_uri: str) -> bool:
    """Return whether a browser may be redirected without a click (RFC 9700 §4.11.2).

    Anybody can register a client and send people a link to this server, which would redirect them
    to an address of the sender's choice.
    """
    return client.source == "managed" or redirect_uris.is_loopback(redirect_uri)


def turn_back(
    client: Client,
    redirect_uri: str,
    error: OAuthError,
    *,
    state: str | None,
    issuer: str,
    pages: Pages,
) -> Response:
    """Send a refusal to the client, with a page for the person to click on where `may_redirect` wants it."""
    url = error_url(redirect_uri, error, state=state, issuer=issuer)
    if may_redirect(client, redirect_uri):
        return send_to_client(url)
    return pages.answer(
        "turned_back.html",
        status=400,
        refusal=error,
        redirect_host=redirect_uris.redirect_host(redirect_uri),
        url=url,
    )


def _append(redirect_uri: str, parameters: dict[str, str | None]) -> str:
    # The registered URI stays byte for byte; only the new parameters are encoded.
    sent = {name: value for name, value in parameters.items() if value is not None}
    separator = "&" if "?" in redirect_uri else "?"
    return f"{redirect_uri}{separator}{urlencode(sent, quote_via=quote)}"
