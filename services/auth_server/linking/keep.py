"""Store an account that a person has just linked."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from auth_server.db.engine import DbSession
from auth_server.keys import Keys
from auth_server.linking.provider import ProviderTokens
from auth_server.linking.sealed import seal_tokens
from auth_server.records.audit.store import Audit, record
from auth_server.records.linked_accounts.store import add_linked_account, find_linked_account
from auth_server.records.linked_accounts.table import LinkedAccount
from auth_server.records.tenants.store import find_tenant_membership
from auth_server.revocations.linked_accounts import end_linked_accounts
from auth_server.revocations.revoke import outdate_tokens
from auth_server.secrets import NewSecret

UNUSED_FOR = timedelta(hours=1)
"""How long an account is kept for a person who has not connected an app yet."""


@dataclass(frozen=True, slots=True)
class NewAccount:
    """An account that a person has just linked in a tenant."""

    provider: str
    person_id: str
    tenant_id: str
    tokens: ProviderTokens


async def keep_account(
    db: DbSession,
    new: NewAccount,
    *,
    keys: Keys,
    new_secret: NewSecret,
    lifetime: timedelta,
    now: datetime,
) -> bool:
    """Store an account, in place of one that the person had linked there in the same tenant.

    Returns False if the person is not a member of the tenant any more. The account has ended then, so that
    maintenance revokes its tokens.

    A replaced account may be another one at the provider, so gateways must forget its token: the
    person's access tokens end, and with them what gateways keep for them.

    Args:
        db: the open transaction.
        new: the account.
        keys: seal the tokens.
        new_secret: makes the account's id.
        lifetime: how long access tokens live.
        now: the time.
    """
    account = LinkedAccount(
        link_id=f"link_{new_secret()}",
        provider=new.provider,
        person_id=new.person_id,
        tenant_id=new.tenant_id,
        sealed=b"",
        renewed_at=now,
        linked_at=now,
        due_at=now,
    )
    _fill(account, new.tokens, keys, now)
    whose = (new.provider, new.person_id, new.tenant_id)
    known = await find_linked_account(db, *whose, lock=True)
    if known is None and not await add_linked_account(db, account):
        known = await find_linked_account(db, *whose, lock=True)
    if known is not None:
        _fill(known, new.tokens, keys, now)
        known.attempt = known.busy_until = known.broken = None
        known.uncertain = False
        await db.flush()
        await outdate_tokens(db, "person", new.person_id, lifetime=lifetime, now=now)
    linked = Audit(
        "linked_account.created",
        person_id=new.person_id,
        tenant_id=new.tenant_id,
        detail={"provider": new.provider},
    )
    await record(db, linked, now=now)
    if await find_tenant_membership(db, new.person_id, new.tenant_id) is not None:
        return True
    reason = "no longer a member of the tenant"
    await end_linked_accounts(db, new.person_id, new.tenant_id, reason, now=now)
    return False


def _fill(account: LinkedAccount, tokens: ProviderTokens, keys: Keys, now: datetime) -> None:
    account.sealed = seal_tokens(tokens, account.link_id, keys)
    account.expires_at = None if tokens.lifetime is None else now + tokens.lifetime
    account.renewed_at = account.linked_at = now
    account.due_at = now + UNUSED_FOR
