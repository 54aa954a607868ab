"""The signed hand-off, for a product that has a login page but not OpenID Connect.

The request is a JWT signed with a key from our `/jwks.json`. The product answers with a JWT signed
with its own key, which is valid for two minutes and only for the browser that was sent.
"""

from collections.abc import Mapping
from datetime import timedelta
from urllib.parse import urlencode

from auth_server.connectors.claims import read_claims
from auth_server.connectors.port import (
    AssertedIdentity,
    ProviderRequest,
    SignInRefused,
    answered_error,
)
from auth_server.connectors.signed import LEEWAY, read_signed, read_time, require_claims
from auth_server.jwks import parse_jwk_set
from auth_server.sign_in_settings import HandOffSignIn
from auth_server.tokens.signer import FindSigner
from gatepost.clock import Now

REQUEST_TYPE = "hand-off-request+jwt"
ASSERTION_TYPE = "hand-off+jwt"
REQUEST_LIFETIME = timedelta(minutes=10)
ASSERTION_LIFETIME = timedelta(minutes=2)


class HandOffConnector:
    """Signs people in at one product's login page."""

    def __init__(
        self, settings: HandOffSignIn, issuer: str, find_signer: FindSigner, now: Now
    ) -> None:
        """Create the connector.

        Args:
            settings: the provider's settings.
            issuer: our issuer.
            find_signer: returns the active signing key.
            now: the clock.
        """
        self.settings = settings
        self._issuer = issuer
        self._find_signer = find_signer
        self._now = now
        self._keys = parse_jwk_set(settings.jwks)

    async def authorization_url(self, provider_request: ProviderRequest) -> str:
        """Return the URL of the login page with a signed request."""
        issued = int(provider_request.left_at.timestamp())
        request = {
            "iss": self._issuer,
            "aud": self.settings.login_url,
            "iat": issued,
            "exp": issued + int(REQUEST_LIFETIME.total_seconds()),
            "nonce": provider_request.nonce,
            "return_to": f"{provider_request.callback}?{urlencode({'state': provider_request.state})}",
            "login_hint": provider_request.login_hint,
            "fresh": provider_request.fresh or provider_request.other,
        }
        signed = (await self._find_signer()).sign(request, token_type=REQUEST_TYPE)
        separator = "&" if "?" in self.settings.login_url else "?"
        return f"{self.settings.login_url}{separator}{urlencode({'request': signed})}"

    async def read_callback(
        self, parameters: Mapping[str, str], provider_request: ProviderRequest
    ) -> AssertedIdentity:
        """Verify and read the assertion that the product signed for this browser."""
        if error := parameters.get("error"):
            raise answered_error(error)
        claims = read_signed(parameters.get("assertion"), self._keys, token_type=ASSERTION_TYPE)
        require_claims(
            claims,
            issuer=self.settings.issuer,
            audience=self._issuer,
            nonce=provider_request.nonce,
            now=self._now(),
            longest=ASSERTION_LIFETIME,
        )
        if provider_request.fresh:
            since = provider_request.left_at.timestamp() - LEEWAY.total_seconds()
            if read_time(claims, "auth_time") < since:
                raise SignInRefused("auth_time is from before this sign-in")
        return read_claims(claims, self.settings.claims)
