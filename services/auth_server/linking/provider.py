"""An API's authorization server, as this server uses it as a client: code flow, renewal, revocation."""

import asyncio
import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal
from urllib.parse import quote, quote_plus, urlencode, urlsplit

import httpx2

from auth_server.connectors.port import SignInRefused
from auth_server.connectors.transport import MakeTransport, get_json, read_endpoint
from auth_server.outbound.traced import TracedClient
from auth_server.secrets import s256
from auth_server.sign_in_settings import LinkProviderSettings
from gatepost.clock import Now

REREAD = timedelta(hours=1)
"""How long a provider's metadata is cached."""
RETRY = timedelta(seconds=5)
# RFC 6749 §5.2 has the first. GitHub answers the second with status 200, and servers of OpenID Connect such as
# Microsoft Entra the others when only the person can go on.
_OVER = frozenset(
    {
        "invalid_grant",
        "bad_refresh_token",
        "consent_required",
        "interaction_required",
        "login_required",
    }
)
_LONGEST_TOKEN = 16 * 1024
_LONGEST_LIFETIME = 30 * 24 * 3600


class LinkRefused(Exception):
    """The account was not linked. The text is for the logs; `told` selects the message for the person."""

    def __init__(
        self, reason: str, *, told: Literal["cancelled", "refused", "unavailable"] = "refused"
    ) -> None:
        """Take the reason for the logs, and the kind of refusal for the person."""
        super().__init__(reason)
        self.told = told


class RefreshRefused(Exception):
    """The provider does not accept the refresh token any more, or only the person can go on there."""


class ProviderUnavailable(Exception):
    """The provider did not do what was asked; the text is for the logs."""

    def __init__(self, reason: str, *, certain: bool = False) -> None:
        """Take the reason, and whether it is certain that the provider has changed nothing."""
        super().__init__(reason)
        self.certain = certain


@dataclass(frozen=True, slots=True)
class ProviderTokens:
    """The tokens of an account."""

    access_token: str = field(repr=False)
    refresh_token: str | None = field(repr=False)
    lifetime: timedelta | None
    """How long the access token is valid; None if the provider does not say."""


@dataclass(frozen=True, slots=True)
class _Endpoints:
    authorization: str
    token: str
    revocation: str | None
    names_itself: bool
    """Whether its authorization responses contain `iss` (RFC 9207)."""


class LinkProvider:
    """One provider."""

    def __init__(
        self,
        settings: LinkProviderSettings,
        now: Now,
        transport: MakeTransport,
        *,
        allow_loopback: bool = False,
    ) -> None:
        """Create it; the first link sends the first request.

        Args:
            settings: the provider's settings.
            now: the clock.
            transport: makes the HTTP transport.
            allow_loopback: allows http endpoints on this machine, for development.
        """
        self.settings = settings
        self._now = now
        self._transport = transport
        self._allow_loopback = allow_loopback
        self._known: tuple[_Endpoints, datetime] | None = None
        self._failed_at: datetime | None = None
        self._reading = asyncio.Lock()

    async def authorization_url(self, *, state: str, verifier: str, callback: str) -> str:
        """Return the URL of an authorization request (RFC 6749 §4.1.1, RFC 7636 §4.3).

        Raises:
            LinkRefused: the provider's metadata can't be read.
        """
        endpoint = (await self._endpoints()).authorization
        asked = {
            **self.settings.parameters,
            "response_type": "code",
            "client_id": self.settings.client_id,
            "redirect_uri": callback,
            "scope": " ".join(self.settings.scopes),
            "resource": self.settings.resource,
            "state": state,
            "code_challenge": s256(verifier),
            "code_challenge_method": "S256",
        }
        query = urlencode({name: value for name, value in asked.items() if value}, quote_via=quote)
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{query}"

    async def redeem(
        self, given: Mapping[str, str], *, verifier: str, callback: str
    ) -> ProviderTokens:
        """Redeem the code of an authorization response (RFC 6749 §4.1.3).

        Raises:
            LinkRefused: the response is an error or another server's, or its code is not accepted.
        """
        endpoints = await self._endpoints()
        # Another server's code must not be sent to this one (RFC 9207 §2.4).
        issuer, named = self.settings.issuer, given.get("iss")
        if issuer is not None and named != issuer and (named is not None or endpoints.names_itself):
            raise LinkRefused("iss of the answer is not the configured issuer")
        if error := given.get("error"):
            cancelled = error == "access_denied"
            told: Literal["cancelled", "refused"] = "cancelled" if cancelled else "refused"
            raise LinkRefused(f"the provider answered {error[:80]}", told=told)
        if not given.get("code"):
            raise LinkRefused("the provider sent no code")
        form = {
            "grant_type": "authorization_code",
            "code": given["code"],
            "code_verifier": verifier,
            "redirect_uri": callback,
            "resource": self.settings.resource,
        }
        try:
            return await self._ask_for_tokens(endpoints, form)
        except RefreshRefused:
            raise LinkRefused("the provider refused the code") from None
        except ProviderUnavailable as problem:
            raise LinkRefused(str(problem), told="unavailable") from None

    async def renew(self, refresh_token: str) -> ProviderTokens:
        """Use a refresh token (RFC 6749 §6).

        Raises:
            RefreshRefused: the provider does not accept it any more.
            ProviderUnavailable: there is no usable answer.
        """
        endpoints = await self._find_endpoints()
        form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        return await self._ask_for_tokens(endpoints, form | {"resource": self.settings.resource})

    async def revoke(self, tokens: ProviderTokens) -> bool:
        """Revoke the tokens (RFC 7009 §2.1); return False if the provider has no endpoint for it.

        Raises:
            ProviderUnavailable: there is no answer, or the provider refused.
        """
        endpoints = await self._find_endpoints()
        if endpoints.revocation is None:
            return False
        form = {"token": tokens.access_token, "token_type_hint": "access_token"}
        if tokens.refresh_token is not None:
            form = {"token": tokens.refresh_token, "token_type_hint": "refresh_token"}
        status, _ = await self._post(endpoints.revocation, form)
        if status >= 400:
            raise ProviderUnavailable(f"status {status}", certain=status < 500)
        return True

    async def _ask_for_tokens(
        self, endpoints: _Endpoints, form: Mapping[str, str]
    ) -> ProviderTokens:
        status, body = await self._post(endpoints.token, form)
        error = body.get("error")
        if isinstance(error, str) and error in _OVER:
            raise RefreshRefused
        if error is not None or status != 200:
            reason = f"status {status} {error if isinstance(error, str) else ''}"[:100].strip()
            # Behind a proxy's 5xx the provider may have replaced the refresh token.
            raise ProviderUnavailable(reason, certain=status < 500)
        tokens = _read_tokens(body)
        if tokens is None:
            raise ProviderUnavailable("the token endpoint's answer is not understood")
        return tokens

    async def _post(self, url: str, form: Mapping[str, str]) -> tuple[int, Mapping[str, Any]]:
        sent = {name: value for name, value in form.items() if value}
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Accept": "application/json",
        }
        secret = self.settings.client_secret
        if secret is not None and self.settings.authentication == "basic":
            # RFC 6749 §2.3.1: each half is form-encoded first.
            pair = f"{quote_plus(self.settings.client_id)}:{quote_plus(secret.get_secret_value())}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        else:
            sent["client_id"] = self.settings.client_id
            if secret is not None:
                sent["client_secret"] = secret.get_secret_value()
        try:
            async with self._client() as http:
                answer = await http.post(url, content=urlencode(sent), headers=headers)
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise ProviderUnavailable(f"no answer ({type(error).__name__})") from None
        try:
            body = json.loads(answer.content)
        except (ValueError, RecursionError):
            body = None
        return answer.status_code, body if isinstance(body, dict) else {}

    def _client(self) -> TracedClient:
        return TracedClient(transport=self._transport(), trust_env=False, follow_redirects=False)

    async def _find_endpoints(self) -> _Endpoints:
        try:
            return await self._endpoints()
        except LinkRefused as problem:
            raise ProviderUnavailable(str(problem), certain=True) from None

    async def _endpoints(self) -> _Endpoints:
        settings = self.settings
        if settings.issuer is None:
            return _Endpoints(
                settings.authorization_endpoint or "",
                settings.token_endpoint or "",
                settings.revocation_endpoint,
                names_itself=False,
            )
        # One read at a time, with a pause after a failure; what was read before serves meanwhile.
        if self._known is not None and self._reading.locked():
            return self._known[0]
        async with self._reading:
            known, failed, now = self._known, self._failed_at, self._now()
            stale = known is None or now >= known[1] + REREAD
            if stale and (failed is None or now >= failed + RETRY):
                try:
                    known = self._known = await self._read(settings.issuer), now
                    self._failed_at = None
                except SignInRefused as problem:
                    self._failed_at = self._now()
                    if known is None:
                        raise LinkRefused(str(problem), told="unavailable") from None
            if known is None:
                raise LinkRefused("the provider's metadata can't be read", told="unavailable")
            return known[0]

    async def _read(self, issuer: str) -> _Endpoints:
        """Read the metadata (RFC 8414 §3.1, else OpenID Connect Discovery §4)."""
        parts, base = urlsplit(issuer), issuer.removesuffix("/")
        path = parts.path.removesuffix("/")
        first = f"{parts.scheme}://{parts.netloc}/.well-known/oauth-authorization-server{path}"
        async with self._client() as http:
            try:
                document = await get_json(http, first)
            except SignInRefused:
                document = await get_json(http, f"{base}/.well-known/openid-configuration")
        if document.get("issuer") != issuer:
            raise SignInRefused("the provider's document names another issuer", told="unavailable")
        # RFC 9700 §2.1.1: without PKCE, a stolen code could be redeemed here.
        methods = document.get("code_challenge_methods_supported")
        if isinstance(methods, list) and "S256" not in methods:
            raise SignInRefused("the provider does not support PKCE with S256", told="unavailable")
        revocation = "revocation_endpoint"
        return _Endpoints(
            self._url(document, "authorization_endpoint"),
            self._url(document, "token_endpoint"),
            self._url(document, revocation) if revocation in document else None,
            document.get("authorization_response_iss_parameter_supported") is True,
        )

    def _url(self, document: Mapping[str, Any], name: str) -> str:
        return read_endpoint(document, name, allow_loopback=self._allow_loopback)


def _read_tokens(body: Mapping[str, Any]) -> ProviderTokens | None:
    """Read a successful answer (RFC 6749 §5.1); None if it is not one."""
    token, kind = body.get("access_token"), body.get("token_type")
    if not _is_token(token) or not isinstance(kind, str) or kind.lower() != "bearer":
        return None
    refresh, seconds = body.get("refresh_token"), body.get("expires_in")
    if isinstance(seconds, str) and seconds.isascii() and seconds.isdigit():
        seconds = int(seconds[:9])
    lifetime = None
    if isinstance(seconds, int | float) and not isinstance(seconds, bool) and seconds > 0:
        lifetime = timedelta(seconds=min(seconds, _LONGEST_LIFETIME))
    return ProviderTokens(str(token), str(refresh) if _is_token(refresh) else None, lifetime)


def _is_token(value: object) -> bool:
    return (
        isinstance(value, str)
        and 0 < len(value) <= _LONGEST_TOKEN
        and value.isascii()
        and value.isprintable()
        and " " not in value
    )
