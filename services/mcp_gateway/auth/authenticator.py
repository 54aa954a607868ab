"""From one credential to the caller's claims, as they hold for the tools that are served now."""

from gatepost.claims import AccessClaims
from mcp_gateway.auth.api_keys import ApiKeys
from mcp_gateway.auth.outdated_tokens import OutdatedTokens
from mcp_gateway.auth.verify_token import InvalidToken, TokenVerifier


class Authenticator:
    """Knows callers by an access token or an API key."""

    def __init__(
        self, verifier: TokenVerifier, api_keys: ApiKeys, outdated: OutdatedTokens
    ) -> None:
        """Take what judges tokens and keys."""
        self._verifier = verifier
        self._api_keys = api_keys
        self._outdated = outdated

    async def verify_token(self, token: bytes) -> AccessClaims:
        """Verify an access token.

        Raises:
            InvalidToken: it is not one to accept, or must be refreshed.
            KeysUnavailable: no token can be verified at the moment.
        """
        caller = await self._verifier.verify(token)
        if self._outdated.include(caller):
            raise InvalidToken("the tool list has changed since; refresh the token")
        return caller

    async def resolve_key(self, key: bytes) -> AccessClaims:
        """Find out what an API key is worth, as `ApiKeys.resolve` does."""
        caller = await self._api_keys.resolve(key)
        if self._outdated.include(caller):
            return await self._api_keys.resolve(key, renew=True)
        return caller
