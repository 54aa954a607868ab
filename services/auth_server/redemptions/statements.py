"""The raw SQL statements that read and redeem authorization codes, device codes and refresh tokens.

One SELECT reads the token with its grant and everything on which the grant depends. One change
redeems it, and of any number of parallel requests, exactly one makes that change.
"""

from collections import namedtuple
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from auth_server.db.raw_sql import AtomicUpdate, RawSql, Row, read_json, read_time
from auth_server.records.catalogues.names import read_taken
from auth_server.records.tenants.policy import TenantPolicy
from auth_server.redemptions.facts import (
    CodeFacts,
    DeviceFacts,
    GrantFacts,
    MembershipFacts,
    NewToken,
    RefreshFacts,
)
from gatepost.catalogue import parse_catalogue


def _columns(table: str, names: str) -> dict[str, str]:
    return {name: f"{table}.{name}" for name in names.split()}


# The SQL of each column by the name under which the code reads it.
_REFRESH_TOKEN_COLUMNS = _columns(
    "t",
    "family_id client_id resource scope idle_expires_at absolute_expires_at first_used_at "
    "revoked_at bound_to",
)
_CODE_COLUMNS = _columns(
    "t",
    "family_id grant_id client_id redirect_uri resource scope code_challenge dpop_jkt "
    "expires_at redeemed_at",
)
_DEVICE_COLUMNS = _columns(
    "t",
    "family_id grant_id client_id resource scope poll_interval expires_at answered_at redeemed_at",
)
# The gateway of an organisation's address; for any other resource a string with #, which none has.
_GATEWAY = "replace(g.resource || '#', '/o/' || g.tenant_id || '#', '')"
_GRANT_COLUMNS = {
    **_columns(
        "g",
        "grant_id version person_id client_id tenant_id resource scope asked_scope tools apis data_scope "
        "redirect_host provider approved_at expires_at",
    ),
    **_columns(
        "n",
        "rate_limit_tier required_level allowed_clients read_only longest_grant longest_token "
        "approval",
    ),
    "own_provider": "q.provider",
    "provider_only": "n.provider_only_since IS NOT NULL",
    "client_enabled": "c.client_id IS NOT NULL",
    "person_enabled": "p.person_id IS NOT NULL",
    "member_data_scope": "CASE WHEN n.tenant_id IS NOT NULL THEN m.data_scope END",
    "catalogue": "CAST(k.document AS TEXT)",
    "taken": f"(SELECT taken FROM tool_names WHERE resource IN (g.resource, {_GATEWAY}) LIMIT 1)",  # noqa: S608 - of constants
}


def _named(columns: Mapping[str, str]) -> Any:
    return namedtuple("_Columns", columns)  # cheaper for each request than a dict


_GrantRow = _named(_GRANT_COLUMNS)


def _reads(columns: Mapping[str, str]) -> Callable[[Row], tuple[Any, Any]]:
    """Return a function that names the columns of a row: first these, then the grant's."""
    count, token_row = len(columns), _named(columns)
    return lambda row: (token_row._make(row[:count]), _GrantRow._make(row[count:]))


_read_refresh_token_row = _reads(_REFRESH_TOKEN_COLUMNS)
_read_code_row = _reads(_CODE_COLUMNS)
_read_device_row = _reads(_DEVICE_COLUMNS)

_GRANT_JOINS = f"""
LEFT JOIN grants g ON g.grant_id = t.grant_id AND g.revoked_at IS NULL
LEFT JOIN clients c ON c.client_id = g.client_id AND c.disabled_at IS NULL
LEFT JOIN people p ON p.person_id = g.person_id AND p.disabled_at IS NULL
LEFT JOIN memberships m ON m.person_id = g.person_id AND m.tenant_id = g.tenant_id
LEFT JOIN tenants n ON n.tenant_id = m.tenant_id AND n.disabled_at IS NULL
LEFT JOIN tenant_providers q ON q.tenant_id = n.tenant_id
LEFT JOIN catalogues k ON n.read_only AND (k.resource, k.hash) = (
    SELECT resource, hash FROM catalogues
    WHERE resource IN (g.resource, {_GATEWAY}) ORDER BY seen_at DESC LIMIT 1)
"""  # noqa: S608 - of constants
_READ_REFRESH_TOKEN = f"""
SELECT {", ".join((*_REFRESH_TOKEN_COLUMNS.values(), *_GRANT_COLUMNS.values()))}
FROM refresh_tokens t {_GRANT_JOINS} WHERE t.token_hash = :token_hash
"""  # noqa: S608 - of constants
_READ_CODE = f"""
SELECT {", ".join((*_CODE_COLUMNS.values(), *_GRANT_COLUMNS.values()))}
FROM authorization_codes t {_GRANT_JOINS} WHERE t.code_hash = :code_hash
"""  # noqa: S608 - of constants
_READ_GRANT = f"""
SELECT {", ".join(_GRANT_COLUMNS.values())}
FROM (SELECT CAST(:grant_id AS VARCHAR(64)) AS grant_id) t {_GRANT_JOINS}
"""  # noqa: S608 - of constants
_READ_DEVICE = f"""
SELECT {", ".join((*_DEVICE_COLUMNS.values(), *_GRANT_COLUMNS.values()))}
FROM device_authorizations t {_GRANT_JOINS} WHERE t.device_code_hash = :code_hash
"""  # noqa: S608 - of constants
_IS_LIVE = """
SELECT bound_to FROM refresh_tokens WHERE token_hash = :token_hash AND revoked_at IS NULL
"""

_INSERT = """
INSERT INTO refresh_tokens (token_hash, family_id, generation, grant_id, client_id, resource,
    scope, idle_expires_at, absolute_expires_at, bound_to)
"""
_USE = """
UPDATE refresh_tokens SET first_used_at = :now, idle_expires_at = :keep_until
WHERE token_hash = :token_hash AND first_used_at IS NULL AND revoked_at IS NULL
"""
_SUCCESSOR = """
SELECT :new_hash, family_id, generation + 1, grant_id, client_id, resource, scope,
    :idle_expires_at, :absolute_expires_at, :bound_to
"""
_ROTATE = AtomicUpdate(
    sqlite=(_USE, f"{_INSERT} {_SUCCESSOR} FROM refresh_tokens WHERE token_hash = :token_hash"),
    postgresql=f"""
        WITH used AS ({_USE} RETURNING *) {_INSERT} {_SUCCESSOR} FROM used RETURNING token_hash
    """,
)
_FIRST = """
SELECT :new_hash, family_id, 1, grant_id, client_id, resource, scope,
    :idle_expires_at, :absolute_expires_at, :bound_to
"""


def _redemption(table: str, key: str) -> tuple[AtomicUpdate, AtomicUpdate]:
    """Make the changes that use a row of a table up: without a first refresh token, and with one."""
    redeem = f"""
        UPDATE {table} SET redeemed_at = :now
        WHERE {key} = :code_hash AND redeemed_at IS NULL AND expires_at > :now
    """  # noqa: S608 - of constants
    insert = f"{_INSERT} {_FIRST} FROM"
    return (
        AtomicUpdate(sqlite=(redeem,), postgresql=f"{redeem} RETURNING {key}"),
        AtomicUpdate(
            sqlite=(redeem, f"{insert} {table} WHERE {key} = :code_hash"),
            postgresql=f"WITH used AS ({redeem} RETURNING *) {insert} used RETURNING token_hash",
        ),
    )


_USE_UP, _REDEEM_FOR_TOKEN = _redemption("authorization_codes", "code_hash")
_USE_DEVICE_UP, _REDEEM_DEVICE_FOR_TOKEN = _redemption("device_authorizations", "device_code_hash")
_POLL = """
UPDATE device_authorizations SET next_poll_at = :next WHERE device_code_hash = :code_hash
"""
_POLL_IN_TIME, _POLL_TOO_EARLY = (
    AtomicUpdate(sqlite=(sql,), postgresql=f"{sql} RETURNING device_code_hash")
    for sql in (
        f"{_POLL} AND next_poll_at <= :now",
        _POLL.replace("SET", "SET poll_interval = :longer,"),
    )
)


async def read_refresh_token(raw_sql: RawSql, token_hash: str) -> RefreshFacts | None:
    """Read a refresh token, its grant, and everything on which the grant depends."""
    row = await raw_sql.fetch(_READ_REFRESH_TOKEN, {"token_hash": token_hash})
    if row is None:
        return None
    token, grant = _read_refresh_token_row(row)
    return RefreshFacts(
        family_id=token.family_id,
        client_id=token.client_id,
        resource=token.resource,
        scope=token.scope,
        idle_expires_at=read_time(token.idle_expires_at),
        absolute_expires_at=read_time(token.absolute_expires_at),
        first_used_at=token.first_used_at and read_time(token.first_used_at),
        revoked_at=token.revoked_at and read_time(token.revoked_at),
        bound_to=token.bound_to,
        grant=await _read_grant(grant),
    )


async def read_code(raw_sql: RawSql, code_hash: str) -> CodeFacts | None:
    """Read an authorization code, its grant, and everything on which the grant depends."""
    row = await raw_sql.fetch(_READ_CODE, {"code_hash": code_hash})
    if row is None:
        return None
    code, grant = _read_code_row(row)
    return CodeFacts(
        family_id=code.family_id,
        grant_id=code.grant_id,
        client_id=code.client_id,
        redirect_uri=code.redirect_uri,
        resource=code.resource,
        scope=code.scope,
        code_challenge=code.code_challenge,
        dpop_jkt=code.dpop_jkt,
        expires_at=read_time(code.expires_at),
        redeemed_at=code.redeemed_at and read_time(code.redeemed_at),
        grant=await _read_grant(grant),
    )


async def read_grant(raw_sql: RawSql, grant_id: str) -> GrantFacts | None:
    """Read a live grant, and everything on which it depends."""
    row = await raw_sql.fetch(_READ_GRANT, {"grant_id": grant_id})
    return None if row is None else await _read_grant(_GrantRow._make(row))


async def read_device_code(raw_sql: RawSql, code_hash: str) -> DeviceFacts | None:
    """Read a device authorization, its grant if it has one, and everything on which that depends."""
    row = await raw_sql.fetch(_READ_DEVICE, {"code_hash": code_hash})
    if row is None:
        return None
    device, grant = _read_device_row(row)
    return DeviceFacts(
        family_id=device.family_id,
        grant_id=device.grant_id,
        client_id=device.client_id,
        resource=device.resource,
        scope=device.scope,
        poll_interval=device.poll_interval,
        expires_at=read_time(device.expires_at),
        answered_at=device.answered_at and read_time(device.answered_at),
        redeemed_at=device.redeemed_at and read_time(device.redeemed_at),
        grant=await _read_grant(grant),
    )


async def poll_device_code(
    raw_sql: RawSql, code_hash: str, interval: int, *, slower: int, now: datetime
) -> bool:
    """Note that a device polls; return whether the interval since its last poll is over.

    Of any number of parallel polls, exactly one returns True. The others make the interval `slower`.
    A poll may come a second early, because the device's clock and the network are not exact.
    """
    values = {"code_hash": code_hash, "now": now}
    due = now + timedelta(seconds=interval - 1)
    if await raw_sql.update(_POLL_IN_TIME, {**values, "next": due}):
        return True
    later = {"longer": slower, "next": now + timedelta(seconds=slower - 1)}
    await raw_sql.update(_POLL_TOO_EARLY, {"code_hash": code_hash, **later})
    return False


async def _read_grant(row: Any) -> GrantFacts | None:
    if row.grant_id is None:
        return None
    document = row.catalogue
    return GrantFacts(
        grant_id=row.grant_id,
        version=row.version,
        person_id=row.person_id,
        client_id=row.client_id,
        tenant_id=row.tenant_id,
        resource=row.resource,
        scope=row.scope,
        asked_scope=row.asked_scope,
        tools=tuple(read_json(row.tools)),
        apis=read_json(row.apis),
        taken=read_taken(read_json(row.taken)),
        data_scope=row.data_scope,
        redirect_host=row.redirect_host,
        provider=row.provider,
        approved_at=read_time(row.approved_at),
        expires_at=read_time(row.expires_at),
        client_enabled=bool(row.client_enabled),
        person_enabled=bool(row.person_enabled),
        membership=_read_membership(row),
        catalogue=document and await parse_catalogue(document),
    )


def _read_membership(row: Any) -> MembershipFacts | None:
    if row.member_data_scope is None:
        return None
    clients, longest = read_json(row.allowed_clients), row.longest_grant
    token = row.longest_token
    policy = TenantPolicy(
        required_level=row.required_level,
        allowed_clients=None if clients is None else tuple(clients),
        read_only=bool(row.read_only),
        longest_grant=None if longest is None else timedelta(seconds=longest),
        longest_token=None if token is None else timedelta(seconds=token),
        approval=row.approval or "none",
    )
    return MembershipFacts(
        row.member_data_scope,
        row.rate_limit_tier,
        policy,
        own_provider=row.own_provider,
        provider_only=bool(row.provider_only),
    )


async def is_live(raw_sql: RawSql, token_hash: str, *, bound_to: str | None = None) -> bool:
    """Return whether a refresh token is known, not revoked, and bound to this key or none."""
    row = await raw_sql.fetch(_IS_LIVE, {"token_hash": token_hash})
    return row is not None and row[0] == bound_to


async def rotate(
    raw_sql: RawSql,
    token_hash: str,
    successor: NewToken,
    *,
    keep_until: datetime,
    now: datetime,
) -> bool:
    """Mark a refresh token as used and store its successor; return whether this call did so.

    Of any number of parallel calls, exactly one returns True; for a revoked token, none does.
    """
    values = _values(successor, token_hash=token_hash, keep_until=keep_until, now=now)
    return await raw_sql.update(_ROTATE, values)


async def redeem(
    raw_sql: RawSql, code_hash: str, first_token: NewToken | None, *, now: datetime
) -> bool:
    """Redeem a code and store the first token of its family; return whether this call did so.

    Of any number of parallel calls, exactly one returns True (OAuth 2.1 §4.1.3).
    """
    if first_token is None:
        return await raw_sql.update(_USE_UP, {"code_hash": code_hash, "now": now})
    values = _values(first_token, code_hash=code_hash, now=now)
    return await raw_sql.update(_REDEEM_FOR_TOKEN, values)


async def redeem_device(
    raw_sql: RawSql, code_hash: str, first_token: NewToken | None, *, now: datetime
) -> bool:
    """Redeem a device code as `redeem` redeems an authorization code; the caller knows its grant."""
    if first_token is None:
        return await raw_sql.update(_USE_DEVICE_UP, {"code_hash": code_hash, "now": now})
    values = _values(first_token, code_hash=code_hash, now=now)
    return await raw_sql.update(_REDEEM_DEVICE_FOR_TOKEN, values)


def _values(token: NewToken, **others: str | datetime) -> dict[str, str | datetime | None]:
    return {
        "new_hash": token.token_hash,
        "idle_expires_at": token.idle_expires_at,
        "absolute_expires_at": token.absolute_expires_at,
        "bound_to": token.bound_to,
        **others,
    }
