"""OpenID Connect: the code flow with PKCE, a nonce, and a verified ID token."""

import asyncio
import base64
import binascii
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import httpx2
import structlog
from authlib.integrations.base_client import OAuthError
from authlib.integrations.httpx_client import AsyncOAuth2Client

from auth_server.connectors.claims import read_claims
from auth_server.connectors.port import (
    AssertedIdentity,
    ProviderRequest,
    SignInRefused,
    answered_error,
)
from auth_server.connectors.signed import (
    LEEWAY,
    UnknownKey,
    read_signed,
    read_time,
    require_claims,
)
from auth_server.connectors.transport import MakeTransport, get_json, read_endpoint
from auth_server.jwks import PublicKey, UnusableKeySet, parse_jwk_set
from auth_server.outbound.traced import TracedClient, send_recorded
from auth_server.sign_in_settings import OidcSignIn
from gatepost.clock import Now

REREAD = timedelta(hours=1)
"""How long a provider's documents are cached; an unknown key causes an earlier read."""
REREAD_KEYS = timedelta(seconds=30)
RETRY = timedelta(seconds=5)
LONGEST_OUTAGE = timedelta(hours=24)
"""How long keys are used for assertions while the provider can't be read."""
_GOOGLE = "https://accounts.google.com"
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Provider:
    """A provider's metadata (OpenID Connect Discovery §3) and keys."""

    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None
    other_account_prompt: str
    """The `prompt` that lets another person sign in (OpenID Connect Core §3.1.2.1)."""
    names_itself: bool
    """Whether its authorization responses contain `iss` (RFC 9207)."""
    keys: Sequence[PublicKey]
    read_at: datetime


class OidcConnector:
    """Signs people in at one OpenID provider."""

    def __init__(
        self,
        settings: OidcSignIn,
        now: Now,
        transport: MakeTransport,
        *,
        allow_loopback: bool = False,
    ) -> None:
        """Create the connector; the first sign-in sends the first request to the provider.

        Args:
            settings: the provider's settings.
            now: the clock.
            transport: makes the HTTP transport.
            allow_loopback: allows an http provider on this machine, for development.
        """
        self.settings = settings
        self._now = now
        self._transport = transport
        self._allow_loopback = allow_loopback
        self._known: Provider | None = None
        self._failed_at: datetime | None = None
        self._reading = asyncio.Lock()

    async def authorization_url(self, provider_request: ProviderRequest) -> str:
        """Return the URL of an authentication request (OpenID Connect Core §3.1.2.1)."""
        async with self._client(provider_request) as client:
            provider = await self._provider()
            asked = {"nonce": provider_request.nonce, "response_mode": "query"}
            if provider_request.login_hint:
                asked["login_hint"] = provider_request.login_hint
            if provider_request.fresh:
                asked |= {"prompt": "login", "max_age": "0"}
            elif provider_request.other:
                asked["prompt"] = provider.other_account_prompt
            url, _ = client.create_authorization_url(
                provider.authorization_endpoint,
                state=provider_request.state,
                code_verifier=provider_request.verifier,
                **asked,
            )
        return str(url)

    async def read_callback(
        self, parameters: Mapping[str, str], provider_request: ProviderRequest
    ) -> AssertedIdentity:
        """Redeem the code, verify the ID token, and read its claims and those of userinfo."""
        async with self._client(provider_request) as client:
            provider = await self._provider()
            _require_issuer(parameters, provider, self.settings.issuer)
            if error := parameters.get("error"):
                raise answered_error(error)
            token = await self._redeem(
                client, provider, parameters.get("code", ""), provider_request
            )
            claims = await self._id_claims(provider, token, provider_request)
            if provider.userinfo_endpoint and isinstance(token.get("access_token"), str):
                # Many providers return more claims there; those of the ID token take precedence.
                bearer = f"Bearer {token['access_token']}"
                more = await get_json(client, provider.userinfo_endpoint, Authorization=bearer)
                if more.get("sub") != claims.get("sub"):
                    raise SignInRefused("userinfo has another sub than the ID token")
                claims = {**more, **claims}
        return read_claims(claims, self.settings.claims)

    async def read_statement(self, token: str, *, token_type: str | None) -> dict[str, Any]:
        """Verify the signature of a statement that a program brings; return its claims.

        Args:
            token: the compact JWT.
            token_type: the required `typ`; None for any, if the claims tell the kinds apart.

        Raises:
            SignInRefused: the provider did not sign it, or its keys are unknown or too old.
        """
        provider = await self._provider()
        if self._now() >= provider.read_at + LONGEST_OUTAGE:
            raise SignInRefused("the provider's keys are too old", told="unavailable")
        return await self._read_signed(token, provider, token_type=token_type)

    async def _read_signed(
        self, token: object, provider: Provider, *, token_type: str | None
    ) -> dict[str, Any]:
        try:
            return read_signed(token, provider.keys, token_type=token_type)
        except UnknownKey:
            # Strangers choose the key's id, so one read answers all of them.
            async with self._reading:
                known = self._known or provider
                if known is provider:
                    if self._now() < provider.read_at + REREAD_KEYS:
                        raise
                    failed = self._failed_at
                    if failed is not None and self._now() < failed + RETRY:
                        raise SignInRefused(
                            "the provider can't be read", told="unavailable"
                        ) from None
                    known = await self._try_to_read()
            return read_signed(token, known.keys, token_type=token_type)

    def _client(self, provider_request: ProviderRequest) -> AsyncOAuth2Client:
        secret = self.settings.client_secret
        return _OAuthClient(
            self.settings.client_id,
            secret.get_secret_value() if secret else None,
            scope=" ".join(self.settings.scopes),
            redirect_uri=provider_request.callback,
            code_challenge_method="S256",
            transport=self._transport(),
            trust_env=False,
            follow_redirects=False,
        )

    async def _redeem(
        self,
        client: AsyncOAuth2Client,
        provider: Provider,
        code: str,
        provider_request: ProviderRequest,
    ) -> Mapping[str, Any]:
        if not code:
            raise SignInRefused("the provider sent no code")
        try:
            token = await client.fetch_token(
                provider.token_endpoint,
                grant_type="authorization_code",
                code=code,
                code_verifier=provider_request.verifier,
            )
        except OAuthError as error:
            raise SignInRefused(f"the provider refused the code: {str(error.error)[:80]}") from None
        except (httpx2.HTTPError, ValueError, TypeError) as error:
            reason = f"no answer from the token endpoint ({type(error).__name__})"
            raise SignInRefused(reason, told="unavailable") from None
        return dict(token)

    async def _id_claims(
        self,
        provider: Provider,
        token: Mapping[str, Any],
        provider_request: ProviderRequest,
    ) -> dict[str, Any]:
        claims = await self._read_signed(token.get("id_token"), provider, token_type=None)
        require_claims(
            claims,
            issuer=self.settings.issuer,
            audience=self.settings.client_id,
            nonce=provider_request.nonce,
            now=self._now(),
        )
        _require_hash(claims, token.get("access_token"))
        if provider_request.fresh:
            since = provider_request.left_at.timestamp() - LEEWAY.total_seconds()
            if read_time(claims, "auth_time") < since:
                raise SignInRefused("auth_time is from before this sign-in")
        return claims

    async def _provider(self) -> Provider:
        known = self._known
        # What was read before serves while it is read again.
        if known is not None and (self._now() < known.read_at + REREAD or self._reading.locked()):
            return known
        # One read at a time, with a pause after a failure, so that clicks on the link of a
        # provider that is down send no requests.
        async with self._reading:
            known, failed = self._known, self._failed_at
            stale = known is None or self._now() >= known.read_at + REREAD
            if stale and (failed is None or self._now() >= failed + RETRY):
                try:
                    known = await self._try_to_read()
                except SignInRefused as refusal:
                    log.warning(
                        "provider_unavailable", name=self.settings.name, reason=str(refusal)
                    )
            if known is None:
                raise SignInRefused("the provider can't be read", told="unavailable")
            return known

    async def _try_to_read(self) -> Provider:
        self._failed_at = self._now()
        try:
            known = await self._read()
        except SignInRefused:
            # The pause begins now, because whoever waited meanwhile must not wait as long again.
            self._failed_at = self._now()
            raise
        self._failed_at = None
        return known

    async def _read(self) -> Provider:
        issuer = self.settings.issuer
        url = f"{issuer.removesuffix('/')}/.well-known/openid-configuration"
        document = await self._get(url)
        if document.get("issuer") != issuer:
            raise SignInRefused("the provider's document names another issuer", told="unavailable")
        keys_at = self._endpoint(document, "jwks_uri")
        try:
            keys = parse_jwk_set(await self._get(keys_at))
        except UnusableKeySet as error:
            raise SignInRefused(f"jwks_uri {error}", told="unavailable") from None
        more = "userinfo_endpoint"
        self._known = Provider(
            authorization_endpoint=self._endpoint(document, "authorization_endpoint"),
            token_endpoint=self._endpoint(document, "token_endpoint"),
            jwks_uri=keys_at,
            userinfo_endpoint=self._endpoint(document, more) if more in document else None,
            other_account_prompt=_other_account_prompt(document),
            names_itself=document.get("authorization_response_iss_parameter_supported") is True,
            keys=keys,
            read_at=self._now(),
        )
        return self._known

    async def _get(self, url: str) -> dict[str, Any]:
        async with TracedClient(
            transport=self._transport(), trust_env=False, follow_redirects=False
        ) as http:
            return await get_json(http, url)

    def _endpoint(self, document: Mapping[str, Any], name: str) -> str:
        return read_endpoint(document, name, allow_loopback=self._allow_loopback)


class _OAuthClient(AsyncOAuth2Client):  # type: ignore[misc] # it has no types
    """A client whose requests are recorded."""

    async def send(self, request: httpx2.Request, **options: Any) -> httpx2.Response:
        """Send a request."""
        return await send_recorded(super().send, request, **options)


def _other_account_prompt(document: Mapping[str, Any]) -> str:
    # Every provider must support `login`, but Google refuses it and doesn't list what it supports.
    listed = document.get("prompt_values_supported")
    chooses = isinstance(listed, list) and "select_account" in listed
    return "select_account" if chooses or document["issuer"] == _GOOGLE else "login"


def _require_issuer(parameters: Mapping[str, str], provider: Provider, issuer: str) -> None:
    # Another provider's code must not be sent to this one (RFC 9207 §2.4).
    named = parameters.get("iss")
    if (named is not None or provider.names_itself) and named != issuer:
        raise SignInRefused("iss of the answer is not the configured issuer")


def _require_hash(claims: Mapping[str, Any], access_token: object) -> None:
    # OpenID Connect Core §3.1.3.6: the left half of the hash. Every algorithm used here has
    # SHA-256, except EdDSA, for which providers differ.
    given = claims.get("at_hash")
    if given is None:
        return
    if not isinstance(given, str) or not isinstance(access_token, str):
        raise SignInRefused("at_hash is malformed")
    digests = (
        hashlib.sha256(access_token.encode()).digest()[:16],
        hashlib.sha512(access_token.encode()).digest()[:32],
    )
    try:
        read = base64.urlsafe_b64decode(given + "=" * (-len(given) % 4))
    except (binascii.Error, ValueError):
        read = b""
    if read not in digests:
        raise SignInRefused("at_hash does not match the access token")
