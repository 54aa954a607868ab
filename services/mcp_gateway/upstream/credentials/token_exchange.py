"""Get a token for each person, in exchange for the gateway's assertion (RFC 8693)."""

from collections.abc import Callable

from gatepost.claims import AccessClaims
from gatepost.clock import Now
from mcp_gateway.apis.credential_settings import TokenExchange
from mcp_gateway.http_client.port import HttpClient
from mcp_gateway.upstream.credentials.token_cache import Issued, Key, TokenCache
from mcp_gateway.upstream.credentials.token_endpoint import ask_for_token

GRANT = "urn:ietf:params:oauth:grant-type:token-exchange"
JWT = "urn:ietf:params:oauth:token-type:jwt"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 - a name

SignSubject = Callable[[Key, str], str]
"""Signs the identity that `who` returned, for the token endpoint at a URL."""


def who(caller: AccessClaims) -> Key:
    """Return whom a token is for: tenant, person, data scope, client, and its sub-agents."""
    own = (caller.tenant_id, caller.sub, str(caller.data_scope), caller.client_id)
    return own + caller.actors


class ByTokenExchange:
    """Holds a token for each calling tenant, person, data scope, client and sub-agent."""

    def __init__(
        self, settings: TokenExchange, http: HttpClient, sign: SignSubject, now: Now
    ) -> None:
        """Take the settings of the token endpoint."""
        self._settings = settings
        self._http = http
        self._sign = sign
        self._cache = TokenCache(self._fetch, now=now)

    async def resolve(self, caller: AccessClaims, *, within: float) -> str:
        """Return the caller's own token.

        Raises:
            NoCredential: the token is unavailable, or the endpoint refused it to this person.
        """
        return await self._cache.get(who(caller), within=within)

    def reject(self, caller: AccessClaims, secret: str) -> bool:
        """Drop a token that the upstream refused."""
        return self._cache.drop(who(caller), secret)

    async def _fetch(self, key: Key) -> Issued:
        asked = self._settings
        form = {
            "grant_type": GRANT,
            "subject_token": self._sign(key, asked.token_url),
            "subject_token_type": JWT,
            "requested_token_type": ACCESS_TOKEN,
            "scope": asked.scope,
            "audience": asked.audience,
            "resource": asked.resource,
        }
        secret = "" if asked.client_secret is None else asked.client_secret.get_secret_value()
        return await ask_for_token(
            self._http, asked.token_url, form, (asked.authentication, asked.client_id, secret)
        )
