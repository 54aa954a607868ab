"""Hand out the access tokens of linked accounts, and renew each once for all who wait for it."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

import structlog
from sqlalchemy.exc import SQLAlchemyError

from auth_server.db.engine import Database, DbSession
from auth_server.keys import Keys
from auth_server.linking.provider import (
    LinkProvider,
    ProviderTokens,
    ProviderUnavailable,
    RefreshRefused,
)
from auth_server.linking.sealed import keep_refresh_token, seal_tokens, unseal_tokens
from auth_server.records.audit.store import Audit, record
from auth_server.records.linked_accounts.store import (
    find_linked_account,
    lock_linked_account,
    note_failed_attempt,
    store_renewed,
)
from auth_server.records.linked_accounts.table import LinkedAccount
from auth_server.secrets import NewSecret, hash_secret
from gatepost.clock import Now

EARLY = timedelta(seconds=60)
"""How long before its expiry a token is renewed; at most half its lifetime."""
PAUSE = timedelta(seconds=5)
"""The minimum time between two attempts to renew a token."""
LEASE = timedelta(seconds=60)
"""How long an attempt may take; after that, its process counts as killed.

It is longer than three requests, two of which read metadata, and the times at which the end is stored.
"""
UNKNOWN_LIFETIME = timedelta(minutes=5)
"""How long gateways keep a token whose provider does not say when it expires."""
_LOOK_EVERY = 0.2
_MOST_LOOKS = 60
_STORED_AGAIN_AFTER = (0.5, 2.0, 5.0)

Sleep = Callable[[float], Awaitable[None]]
T = TypeVar("T")
log = structlog.get_logger()


class NotLinked(Exception):
    """The person has no account there that works."""

    def __init__(self, *, broken: bool) -> None:
        """Take whether they linked one whose tokens can't be renewed any more."""
        super().__init__()
        self.broken = broken


class TokenUnavailable(Exception):
    """The token can't be renewed at the moment."""


@dataclass(frozen=True, slots=True)
class LinkedToken:
    """An access token, and how long it may be kept."""

    access_token: str = field(repr=False)
    lifetime: timedelta


class LinkedTokens:
    """The access tokens of linked accounts.

    A token is renewed by one request, however many callers wait for it: the callers of a process share a
    task, and processes agree through the row of the account. No transaction is open meanwhile.
    """

    def __init__(
        self,
        database: Database,
        keys: Keys,
        providers: Mapping[str, LinkProvider],
        now: Now,
        new_secret: NewSecret,
        *,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        """Take the database, the keys that seal tokens, and the providers by name."""
        self._database = database
        self._keys = keys
        self._providers = providers
        self._now = now
        self._new_secret = new_secret
        self._sleep = sleep
        self._flights: dict[str, asyncio.Task[LinkedToken]] = {}

    async def get(
        self, provider: str, person_id: str, tenant_id: str, *, refused: str = ""
    ) -> LinkedToken:
        """Return a person's access token for a provider's API in a tenant.

        Args:
            provider: the provider's name.
            person_id: the person.
            tenant_id: the tenant.
            refused: the hash of a token that the API does not accept, which is replaced.

        Raises:
            NotLinked: the person has to link the account, or to link it again.
            TokenUnavailable: the provider does not answer.
        """
        async with self._database.reading() as db:
            account = await find_linked_account(db, provider, person_id, tenant_id)
        if account is None:
            raise NotLinked(broken=False)
        if (token := self._usable(account, refused)) is not None:
            return token
        link_id = account.link_id
        if (flight := self._flights.get(link_id)) is None:
            flight = asyncio.create_task(self._renew(link_id, refused))
            self._flights[link_id] = flight
            flight.add_done_callback(lambda task: task.cancelled() or task.exception())
        # A caller that leaves must not cancel it for the others.
        return await asyncio.shield(flight)

    def _usable(self, account: LinkedAccount, refused: str) -> LinkedToken | None:
        """Return the stored token, unless it must be renewed first.

        Raises:
            NotLinked: it can't be renewed.
        """
        if account.broken is not None:
            raise NotLinked(broken=True)
        tokens, now = unseal_tokens(account, self._keys), self._now()
        if tokens is None:
            # It is not stored: a process that has the new `secret_key` already opens what this one can't.
            log.warning("linked_account_unreadable", provider=account.provider)
            raise NotLinked(broken=True)
        is_new = now - account.renewed_at < PAUSE
        if hash_secret(tokens.access_token) == refused and not is_new:
            return None
        if account.expires_at is None:
            return LinkedToken(tokens.access_token, UNKNOWN_LIFETIME)
        left = account.expires_at - now
        early = min(EARLY, (account.expires_at - account.renewed_at) / 2)
        if left > early or (left > timedelta(0) and (is_new or tokens.refresh_token is None)):
            return LinkedToken(tokens.access_token, left)
        return None

    async def _renew(self, link_id: str, refused: str) -> LinkedToken:
        try:
            for _ in range(_MOST_LOOKS):
                async with self._database.writing() as db, db.begin():
                    account = await lock_linked_account(db, link_id)
                    if account is None:
                        raise NotLinked(broken=False)
                    if (token := self._usable(account, refused)) is not None:
                        return token
                    now = self._now()
                    if account.busy_until is None or account.busy_until <= now:
                        attempt, was_uncertain = self._begin_attempt(account, now)
                        break
                    if account.attempt is None:
                        raise TokenUnavailable
                # Another process renews it.
                await self._sleep(_LOOK_EVERY)
            else:
                raise TokenUnavailable
            return await self._attempt(account, attempt, was_uncertain=was_uncertain)
        finally:
            del self._flights[link_id]

    def _begin_attempt(self, account: LinkedAccount, now: datetime) -> tuple[str, bool]:
        """Note in the row that an attempt begins; return its id, and whether an answer was lost before.

        If this process is killed before it stores the answer, the note tells so: a refresh token that
        the provider has replaced meanwhile is tried once more, and its refusal ends the link.
        """
        was_uncertain = account.uncertain
        account.attempt, account.busy_until = self._new_secret(), now + LEASE
        account.uncertain = True
        return account.attempt, was_uncertain

    async def _attempt(
        self, account: LinkedAccount, attempt: str, *, was_uncertain: bool
    ) -> LinkedToken:
        tokens = unseal_tokens(account, self._keys)
        former = tokens.refresh_token if tokens is not None else None
        provider = self._providers.get(account.provider)
        if former is None:
            raise await self._break(account, attempt, "expired")
        try:
            if provider is None:
                raise ProviderUnavailable("not in link_providers any more", certain=True)
            renewed = keep_refresh_token(await provider.renew(former), former)
        except RefreshRefused:
            reason = "interrupted" if was_uncertain else "refused"
            raise await self._break(account, attempt, reason) from None
        except ProviderUnavailable as problem:
            log.warning(
                "linked_account_not_renewed", provider=account.provider, reason=str(problem)
            )
            uncertain = was_uncertain or not problem.certain
            await self._pause(account, attempt, uncertain=uncertain)
            raise TokenUnavailable from None
        return await self._keep(account, renewed)

    async def _keep(self, account: LinkedAccount, renewed: ProviderTokens) -> LinkedToken:
        now, lifetime = self._now(), renewed.lifetime
        sealed = seal_tokens(renewed, account.link_id, self._keys)
        expires_at = None if lifetime is None else now + lifetime

        async def store(db: DbSession) -> LinkedAccount | None:
            return await store_renewed(
                db, account, sealed=sealed, expires_at=expires_at, renewed_at=now
            )

        stored = await self._store(account, store)
        if stored is None:
            # The person has linked another account meanwhile.
            raise TokenUnavailable
        if stored.ended_at is not None:
            raise NotLinked(broken=False)
        return LinkedToken(renewed.access_token, lifetime or UNKNOWN_LIFETIME)

    async def _pause(self, account: LinkedAccount, attempt: str, *, uncertain: bool) -> None:
        until = self._now() + PAUSE

        async def store(db: DbSession) -> bool:
            return await note_failed_attempt(
                db, account.link_id, attempt, busy_until=until, uncertain=uncertain
            )

        await self._store(account, store)

    async def _break(self, account: LinkedAccount, attempt: str, reason: str) -> Exception:
        """Store that the tokens can't be renewed any more; return what to raise."""
        entry = Audit(
            "linked_account.broken",
            person_id=account.person_id,
            tenant_id=account.tenant_id,
            detail={"provider": account.provider, "reason": reason},
        )

        async def store(db: DbSession) -> bool:
            noted = await note_failed_attempt(
                db, account.link_id, attempt, broken=reason, busy_until=None
            )
            if noted:
                await record(db, entry, now=self._now())
            return noted

        if not await self._store(account, store):
            # Another attempt has succeeded, or the person has linked the account again.
            return TokenUnavailable()
        log.warning("linked_account_broken", provider=account.provider, reason=reason)
        return NotLinked(broken=True)

    async def _store(self, account: LinkedAccount, store: Callable[[DbSession], Awaitable[T]]) -> T:
        """Store how an attempt ended, again if the database fails: the answer would be lost."""
        kind = ""
        for pause in (0, *_STORED_AGAIN_AFTER):
            if pause:
                await self._sleep(pause)
            try:
                async with self._database.writing() as db, db.begin():
                    return await store(db)
            except SQLAlchemyError as problem:
                kind = type(problem).__name__
        log.error("linked_account_not_stored", provider=account.provider, kind=kind)
        raise TokenUnavailable
