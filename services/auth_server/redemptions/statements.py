"""The hand-written statements of the two grants that apps live on: codes and refresh tokens.

Each reads in one SELECT what is presented and everything that its grant stands on, and changes it
in one transaction that exactly one of any number of parallel requests gets to make.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from auth_server.db.raw_sql import Change, RawSql, Row, read_json, read_time
from auth_server.records.tenants.policy import TenantPolicy
from gatepost.catalogue import CatalogueDocument


@dataclass(frozen=True, slots=True)
class MembershipFacts:
    """The person's place in the tenant: their data scope there, its plan, its rules for agents."""

    data_scope: str
    rate_limit_tier: str
    policy: TenantPolicy


@dataclass(frozen=True, slots=True)
class GrantFacts:
    """A grant that was not revoked, and how what it stands on is doing.

    `seat`: None where the person is no member any more. `catalogue`: the tool list that the person
    was shown, read only where the tenant's policy needs it.
    """

    grant_id: str
    version: int
    person_id: str
    client_id: str
    tenant_id: str
    resource: str
    scope: str
    tools: tuple[str, ...]
    data_scope: str
    approved_at: datetime
    expires_at: datetime
    client_enabled: bool
    person_enabled: bool
    membership: MembershipFacts | None
    catalogue: CatalogueDocument | None


@dataclass(frozen=True, slots=True)
class RefreshFacts:
    """A refresh token as it stands now, used, expired and revoked ones too."""

    family_id: str
    client_id: str
    resource: str
    scope: str
    idle_expires_at: datetime
    absolute_expires_at: datetime
    first_used_at: datetime | None
    revoked_at: datetime | None
    grant: GrantFacts | None


@dataclass(frozen=True, slots=True)
class CodeFacts:
    """An authorization code as it stands now, redeemed and expired ones too."""

    family_id: str
    grant_id: str
    client_id: str
    redirect_uri: str
    resource: str
    scope: str
    code_challenge: str
    expires_at: datetime
    redeemed_at: datetime | None
    grant: GrantFacts | None


@dataclass(frozen=True, slots=True)
class NewToken:
    """A refresh token to be stored: the first of a family, or the successor of another."""

    token_hash: str
    idle_expires_at: datetime
    absolute_expires_at: datetime


_GRANT_COLUMNS = """
    g.grant_id, g.version, g.person_id, g.client_id, g.tenant_id, g.resource, g.scope, g.tools,
    g.data_scope, g.approved_at, g.expires_at, c.client_id IS NOT NULL, p.person_id IS NOT NULL,
    CASE WHEN n.tenant_id IS NOT NULL THEN m.data_scope END, n.rate_limit_tier,
    n.allowed_clients, n.read_only, n.longest_grant, k.document
"""
_GRANT_JOINS = """
LEFT JOIN grants g ON g.grant_id = t.grant_id AND g.revoked_at IS NULL
LEFT JOIN clients c ON c.client_id = g.client_id AND c.disabled_at IS NULL
LEFT JOIN people p ON p.person_id = g.person_id AND p.disabled_at IS NULL
LEFT JOIN memberships m ON m.person_id = g.person_id AND m.tenant_id = g.tenant_id
LEFT JOIN tenants n ON n.tenant_id = m.tenant_id AND n.disabled_at IS NULL
LEFT JOIN catalogues k ON n.read_only AND k.resource = g.resource AND k.hash = g.catalogue_hash
"""
_READ_REFRESH_TOKEN = f"""
SELECT t.family_id, t.client_id, t.resource, t.scope,
    t.idle_expires_at, t.absolute_expires_at, t.first_used_at, t.revoked_at, {_GRANT_COLUMNS}
FROM refresh_tokens t {_GRANT_JOINS} WHERE t.token_hash = :token_hash
"""  # noqa: S608 - of constants
_READ_CODE = f"""
SELECT t.family_id, t.grant_id, t.client_id, t.redirect_uri, t.resource, t.scope,
    t.code_challenge, t.expires_at, t.redeemed_at, {_GRANT_COLUMNS}
FROM authorization_codes t {_GRANT_JOINS} WHERE t.code_hash = :code_hash
"""  # noqa: S608 - of constants
_IS_LIVE = "SELECT 1 FROM refresh_tokens WHERE token_hash = :token_hash AND revoked_at IS NULL"

_INSERT = """
INSERT INTO refresh_tokens (token_hash, family_id, generation, grant_id, client_id, resource,
    scope, idle_expires_at, absolute_expires_at)
"""
_USE = """
UPDATE refresh_tokens SET first_used_at = :now
WHERE token_hash = :token_hash AND first_used_at IS NULL AND revoked_at IS NULL
"""
_SUCCESSOR = """
SELECT :new_hash, family_id, generation + 1, grant_id, client_id, resource, scope,
    :idle_expires_at, :absolute_expires_at
"""
_ROTATE = Change(
    sqlite=(_USE, f"{_INSERT} {_SUCCESSOR} FROM refresh_tokens WHERE token_hash = :token_hash"),
    postgresql=f"""
        WITH used AS ({_USE} RETURNING *) {_INSERT} {_SUCCESSOR} FROM used RETURNING token_hash
    """,
)
_REDEEM = """
UPDATE authorization_codes SET redeemed_at = :now
WHERE code_hash = :code_hash AND redeemed_at IS NULL AND expires_at > :now
"""
_FIRST = """
SELECT :new_hash, family_id, 1, grant_id, client_id, resource, scope,
    :idle_expires_at, :absolute_expires_at
"""
_USE_UP = Change(sqlite=(_REDEEM,), postgresql=f"{_REDEEM} RETURNING code_hash")
_REDEEM_FOR_TOKEN = Change(
    sqlite=(_REDEEM, f"{_INSERT} {_FIRST} FROM authorization_codes WHERE code_hash = :code_hash"),
    postgresql=f"""
        WITH used AS ({_REDEEM} RETURNING *) {_INSERT} {_FIRST} FROM used RETURNING token_hash
    """,
)


async def read_refresh_token(raw_sql: RawSql, token_hash: str) -> RefreshFacts | None:
    """Read a refresh token and what its grant stands on."""
    row = await raw_sql.fetch(_READ_REFRESH_TOKEN, {"token_hash": token_hash})
    if row is None:
        return None
    family_id, client_id, resource, scope, idle, absolute, used, revoked = row[:8]
    return RefreshFacts(
        family_id=family_id,
        client_id=client_id,
        resource=resource,
        scope=scope,
        idle_expires_at=read_time(idle),
        absolute_expires_at=read_time(absolute),
        first_used_at=used and read_time(used),
        revoked_at=revoked and read_time(revoked),
        grant=_read_grant(row[8:]),
    )


async def read_code(raw_sql: RawSql, code_hash: str) -> CodeFacts | None:
    """Read an authorization code and what its grant stands on."""
    row = await raw_sql.fetch(_READ_CODE, {"code_hash": code_hash})
    if row is None:
        return None
    family_id, grant_id, client_id, redirect_uri, resource, scope = row[:6]
    code_challenge, expires, redeemed = row[6:9]
    return CodeFacts(
        family_id=family_id,
        grant_id=grant_id,
        client_id=client_id,
        redirect_uri=redirect_uri,
        resource=resource,
        scope=scope,
        code_challenge=code_challenge,
        expires_at=read_time(expires),
        redeemed_at=redeemed and read_time(redeemed),
        grant=_read_grant(row[9:]),
    )


def _read_grant(columns: Row) -> GrantFacts | None:
    grant_id, version, person_id, client_id, tenant_id, resource, scope, tools = columns[:8]
    data_scope, approved, expires, client_enabled, person_enabled = columns[8:13]
    if grant_id is None:
        return None
    return GrantFacts(
        grant_id=grant_id,
        version=version,
        person_id=person_id,
        client_id=client_id,
        tenant_id=tenant_id,
        resource=resource,
        scope=scope,
        tools=tuple(read_json(tools)),
        data_scope=data_scope,
        approved_at=read_time(approved),
        expires_at=read_time(expires),
        client_enabled=bool(client_enabled),
        person_enabled=bool(person_enabled),
        membership=_read_membership(columns[13:18]),
        catalogue=columns[18] and CatalogueDocument.model_validate(read_json(columns[18])),
    )


def _read_membership(columns: Row) -> MembershipFacts | None:
    data_scope, tier, allowed_clients, read_only, longest_grant = columns
    if data_scope is None:
        return None
    clients = read_json(allowed_clients)
    policy = TenantPolicy(
        allowed_clients=None if clients is None else tuple(clients),
        read_only=bool(read_only),
        longest_grant=None if longest_grant is None else timedelta(seconds=longest_grant),
    )
    return MembershipFacts(data_scope, tier, policy)


async def is_live(raw_sql: RawSql, token_hash: str) -> bool:
    """Tell whether a refresh token is known and not revoked."""
    return await raw_sql.fetch(_IS_LIVE, {"token_hash": token_hash}) is not None


async def rotate(raw_sql: RawSql, token_hash: str, successor: NewToken, *, now: datetime) -> bool:
    """Use a refresh token for the first time and store its successor; answers whether this did.

    Of any number of parallel calls exactly one is told True; once the token is revoked, none is.
    """
    return await raw_sql.change(_ROTATE, _values(successor, token_hash=token_hash, now=now))


async def redeem(
    raw_sql: RawSql, code_hash: str, first_token: NewToken | None, *, now: datetime
) -> bool:
    """Use a code up and store the first token of its family; answers whether this call did.

    Of any number of parallel calls exactly one is told True (OAuth 2.1 §4.1.3).
    """
    if first_token is None:
        return await raw_sql.change(_USE_UP, {"code_hash": code_hash, "now": now})
    values = _values(first_token, code_hash=code_hash, now=now)
    return await raw_sql.change(_REDEEM_FOR_TOKEN, values)


def _values(token: NewToken, **others: str | datetime) -> dict[str, str | datetime]:
    return {
        "new_hash": token.token_hash,
        "idle_expires_at": token.idle_expires_at,
        "absolute_expires_at": token.absolute_expires_at,
        **others,
    }
