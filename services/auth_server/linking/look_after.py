"""Maintenance of linked accounts: end those that nothing uses, and tell providers of their end."""

from collections.abc import Mapping
from datetime import datetime, timedelta

import structlog

from auth_server.db.engine import Database
from auth_server.keys import Keys
from auth_server.linking.provider import LinkProvider, ProviderUnavailable
from auth_server.linking.sealed import unseal_tokens
from auth_server.records.linked_accounts.store import (
    drop_linked_account,
    lease_due_accounts,
    lock_linked_account,
    note_failed_revocation,
)
from auth_server.records.linked_accounts.table import LinkedAccount
from auth_server.revocations.linked_accounts import end_unused_accounts
from gatepost.clock import Now

LOOK_AGAIN = timedelta(days=1)
"""How often it is looked whether something still uses an account."""
MOST_ATTEMPTS = 10
_AT_ONCE = 20
_MOST_ROUNDS = 50
_LEASE = timedelta(minutes=5)
_FIRST_PAUSE = timedelta(minutes=1)
_LONGEST_PAUSE = timedelta(hours=4)

log = structlog.get_logger()


async def look_after_accounts(
    database: Database, keys: Keys, providers: Mapping[str, LinkProvider], now: Now
) -> None:
    """Look at the accounts that are due.

    The end of a connection ends its account at once; this finds the accounts of people who never
    connected an app, and those whose last two connections ended at the same moment.
    """
    silent: set[str] = set()
    for _ in range(_MOST_ROUNDS):
        async with database.writing() as db, db.begin():
            due = await lease_due_accounts(db, now=now(), most=_AT_ONCE, lease=_LEASE)
        for account in due:
            if account.ended_at is None:
                await _check_use(database, account, now())
            else:
                provider = providers.get(account.provider)
                await _tell_provider(database, keys, provider, account, now, silent)
        if len(due) < _AT_ONCE:
            return


async def _check_use(database: Database, account: LinkedAccount, now: datetime) -> None:
    async with database.writing() as db, db.begin():
        row = await lock_linked_account(db, account.link_id)
        if row is not None:
            row.due_at = now + LOOK_AGAIN
        await end_unused_accounts(db, account.person_id, account.tenant_id, now=now)


async def _tell_provider(
    database: Database,
    keys: Keys,
    provider: LinkProvider | None,
    account: LinkedAccount,
    now: Now,
    silent: set[str],
) -> None:
    """Tell the provider that an account has ended, unless it has just not answered for another one.

    Many accounts end at once with a tenant, and all other maintenance waits meanwhile.
    """
    tokens = unseal_tokens(account, keys)
    try:
        if tokens is None:
            raise ProviderUnavailable("no secret_key of this server opens its tokens", certain=True)
        if account.provider in silent:
            raise ProviderUnavailable("it did not answer for another account", certain=True)
        told = provider is not None and await provider.revoke(tokens)
    except ProviderUnavailable as problem:
        if not problem.certain:
            silent.add(account.provider)
        again = now() + min(_FIRST_PAUSE * 2**account.attempts, _LONGEST_PAUSE)
        if account.attempts + 1 < MOST_ATTEMPTS:
            async with database.writing() as db, db.begin():
                await note_failed_revocation(db, account.link_id, again=again)
            return
        log.error("linked_account_not_revoked", provider=account.provider, reason=str(problem))
    else:
        log.info("linked_account_forgotten", provider=account.provider, revoked=told)
    async with database.writing() as db, db.begin():
        await drop_linked_account(db, account.link_id)
