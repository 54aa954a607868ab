"""The tokens of linked accounts, sealed for storage."""

import json
from dataclasses import replace

from auth_server.db.engine import Database, DbSession
from auth_server.keys import Keys
from auth_server.linking.provider import ProviderTokens
from auth_server.records.linked_accounts.store import (
    list_all_linked_accounts,
    lock_some_linked_accounts,
)
from auth_server.records.linked_accounts.table import LinkedAccount

_AT_ONCE = 100


def seal_tokens(tokens: ProviderTokens, link_id: str, keys: Keys) -> bytes:
    """Encrypt tokens for the row with an id."""
    plain = json.dumps([tokens.access_token, tokens.refresh_token]).encode()
    return keys.seal("at_rest", plain, context=_context(link_id))


def unseal_tokens(account: LinkedAccount, keys: Keys) -> ProviderTokens | None:
    """Decrypt an account's tokens; None if none of the keys opens them."""
    plain = keys.unseal("at_rest", account.sealed, context=_context(account.link_id))
    if plain is None:
        return None
    access_token, refresh_token = json.loads(plain)
    return ProviderTokens(access_token, refresh_token, None)


def keep_refresh_token(renewed: ProviderTokens, former: str | None) -> ProviderTokens:
    """Return new tokens with the former refresh token if the provider sent none (RFC 6749 §6)."""
    return replace(renewed, refresh_token=renewed.refresh_token or former)


async def reseal_accounts(database: Database, keys: Keys) -> None:
    """Encrypt tokens with the newest key that were encrypted with a former one.

    In small transactions, because renewals wait for the rows. A row that is locked has its turn the
    next time.
    """
    after: str | None = ""
    while keys.former and after is not None:
        async with database.writing() as db, db.begin():
            some = await lock_some_linked_accounts(db, after=after, most=_AT_ONCE)
            for account in some:
                context = _context(account.link_id)
                resealed = keys.reseal("at_rest", account.sealed, context=context)
                if resealed is not None and resealed != account.sealed:
                    account.sealed = resealed
            after = some[-1].link_id if some else None


async def list_unreadable_accounts(db: DbSession, keys: Keys) -> list[str]:
    """List the accounts whose tokens none of the keys opens."""
    return [
        account.link_id
        for account in await list_all_linked_accounts(db)
        if unseal_tokens(account, keys) is None
    ]


def _context(link_id: str) -> str:
    return f"tokens of the linked account {link_id}"
