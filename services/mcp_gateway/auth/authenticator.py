"""Turn one credential into the caller's claims, checked against the tools that are served now."""

from contextlib import suppress

from gatepost.claims import AccessClaims
from mcp_gateway.auth.api_keys import ApiKeys, ExchangeFailed
from mcp_gateway.auth.outdated_tokens import OutdatedTokens
from mcp_gateway.auth.verify_token import InvalidToken, TokenVerifier


class Authenticator:
    """Authenticates callers by an access token or an API key."""

    def __init__(
        self, verifier: TokenVerifier, api_keys: ApiKeys, outdated: OutdatedTokens
    ) -> None:
        """Take the verifier of tokens, the API keys, and the check for outdated tokens."""
        self._verifier = verifier
        self._api_keys = api_keys
        self._outdated = outdated

    async def verify_token(self, token: bytes, organisation: str = "") -> AccessClaims:
        """Verify an access token for the gateway's own resource, or for an organisation's address.

        The caller still has to check its `confirmation`.

        Raises:
            InvalidToken: the token is invalid, or the client must refresh it.
            KeysUnavailable: the gateway can't verify tokens at the moment.
        """
        caller = await self._verifier.verify_unproven(token, organisation)
        if self._outdated.include(caller):
            raise InvalidToken("the tool list has changed since; refresh the token")
        return caller

    async def resolve_key(self, key: bytes, organisation: str = "") -> AccessClaims:
        """Return an API key's claims, as `ApiKeys.resolve` does.

        While a key whose token is outdated can't be exchanged, its token is still accepted.
        """
        caller = await self._api_keys.resolve(key, organisation)
        if self._outdated.include(caller):
            with suppress(ExchangeFailed):
                return await self._api_keys.resolve(key, organisation, renew=True)
        return caller
