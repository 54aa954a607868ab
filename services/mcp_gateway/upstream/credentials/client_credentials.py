"""Get one token for all calls, by client credentials (RFC 6749 §4.4)."""

from gatepost.claims import AccessClaims
from gatepost.clock import Now
from mcp_gateway.apis.credential_settings import ClientCredentials
from mcp_gateway.http_client.port import HttpClient
from mcp_gateway.upstream.credentials.token_cache import Issued, Key, TokenCache
from mcp_gateway.upstream.credentials.token_endpoint import ask_for_token


class ByClientCredentials:
    """Holds a token, which it fetches at the first call and again before the token expires."""

    def __init__(self, settings: ClientCredentials, http: HttpClient, now: Now) -> None:
        """Take the settings of the token endpoint."""
        self._settings = settings
        self._http = http
        self._cache = TokenCache(self._fetch, now=now, most=1)

    async def resolve(self, caller: AccessClaims, *, within: float) -> str:
        """Return the token.

        Raises:
            NoCredential: the token is unavailable at the moment.
        """
        return await self._cache.get((), within=within)

    def reject(self, caller: AccessClaims, secret: str) -> bool:
        """Drop a token that the upstream refused."""
        return self._cache.drop((), secret)

    async def _fetch(self, _: Key) -> Issued:
        asked = self._settings
        form = {
            "grant_type": "client_credentials",
            "scope": asked.scope,
            "audience": asked.audience,
            "resource": asked.resource,
        }
        secret = asked.client_secret.get_secret_value()
        return await ask_for_token(
            self._http, asked.token_url, form, (asked.authentication, asked.client_id, secret)
        )
