"""Get the token of the account that the calling person linked, from the authorization server."""

import hashlib
import re
from collections.abc import Awaitable, Callable
from datetime import timedelta

from gatepost.claims import AccessClaims
from gatepost.clock import Now
from gatepost.linked_tokens import AskedToken, LinkedTokenAnswer
from mcp_gateway.upstream.credentials.port import NoCredential
from mcp_gateway.upstream.credentials.token_cache import Issued, Key, TokenCache

_TOKEN = re.compile(r"[\x21-\x7e]{1,16384}")


class LinkUnknown(Exception):
    """The authorization server gave no usable answer; the log has the reason."""


FetchLinkedToken = Callable[[AskedToken], Awaitable[LinkedTokenAnswer]]
"""Asks the authorization server for a token; raises `LinkUnknown`."""


class LinkMissing(NoCredential):
    """The person has to link an account, or to link it again."""

    is_for_person = True

    def __init__(self, text: str, url: str) -> None:
        """Take the message for the model, and the page on which the person links the account."""
        super().__init__(text)
        self.url = url


class ByLinkedAccount:
    """Holds the token of the linked account for each access token of the callers.

    Whatever ends a linked account, or replaces it by another one, also ends the access tokens of its
    person. So a token that is kept for an access token ends with it, within seconds and everywhere.
    """

    def __init__(self, provider: str, fetch: FetchLinkedToken, now: Now) -> None:
        """Take the provider's name, and the function that asks the authorization server."""
        self._provider = provider
        self._fetch_token = fetch
        self._refused: dict[Key, str] = {}
        self._cache = TokenCache(self._fetch, now=now)

    async def resolve(self, caller: AccessClaims, *, within: float) -> str:
        """Return the caller's own token.

        Raises:
            LinkMissing: the person has to link the account.
            NoCredential: the caller is not a person, or the token is unavailable at the moment.
        """
        return await self._cache.get((caller.grant_id, caller.jti), within=within)

    def reject(self, caller: AccessClaims, secret: str) -> bool:
        """Drop a token that the upstream refused, and ask for another one the next time."""
        key = (caller.grant_id, caller.jti)
        renewable = self._cache.drop(key, secret)
        if renewable:
            self._refused[key] = hashlib.sha256(secret.encode()).hexdigest()
        return renewable

    async def _fetch(self, key: Key) -> Issued:
        refused = self._refused.pop(key, "")
        asked = AskedToken(provider=self._provider, grant_id=key[0], refused=refused)
        try:
            answer = await self._fetch_token(asked)
        except LinkUnknown:
            raise NoCredential(
                "The gateway can't get the token of the linked account at the moment. Nothing was "
                "sent. Try again in 5 seconds."
            ) from None
        if answer.state == "linked" and _TOKEN.fullmatch(answer.access_token):
            return Issued(answer.access_token, timedelta(seconds=max(answer.expires_in, 1)))
        if answer.state == "nobody" or not answer.url:
            raise NoCredential(
                f"This tool works with a person's own account at {answer.title}, and a service client "
                "has none. Nothing was sent."
            )
        told = (
            f"{answer.title} does not accept the link to the person's account any more."
            if answer.state == "broken"
            else f"The person has not linked an account at {answer.title} yet."
        )
        raise LinkMissing(
            f"{told} Nothing was sent. The person can link it at {answer.url} and then ask again.",
            answer.url,
        )
