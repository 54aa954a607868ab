"""Say why an authorization request with `prompt=none` can't go on."""

from starlette.responses import Response

from auth_server.errors import (
    AccountSelectionRequired,
    InteractionRequired,
    LoginRequired,
    OAuthError,
)
from auth_server.flow.next_step import AskConsent, SignIn
from auth_server.flow.pending import PendingAuthorization
from auth_server.flow.respond import turn_back
from auth_server.rendering.render import Pages


def refuse_to_ask(pending: PendingAuthorization) -> OAuthError | None:
    """Return the refusal of a silent request that needs a page before the consent page.

    OpenID Connect Core §3.1.2.6. None if the request may show pages, or none is needed so far.
    """
    asked = pending.authorization_request
    match pending.step:
        case _ if not asked.silent:
            return None
        case SignIn():
            return LoginRequired("the person has to sign in")
        case AskConsent(person):
            hint = asked.login_hint.strip().lower()
            if hint and hint != (person.email or "").lower():
                return AccountSelectionRequired("another account than login_hint is signed in")
            return None
        case _:
            return InteractionRequired("the person has to choose or do something first")


def turn_back_pending(
    pending: PendingAuthorization, error: OAuthError, issuer: str, pages: Pages
) -> Response:
    """Send the refusal of a stored authorization request to its client."""
    asked = pending.authorization_request
    return turn_back(
        pending.client, asked.redirect_uri, error, state=asked.state, issuer=issuer, pages=pages
    )
