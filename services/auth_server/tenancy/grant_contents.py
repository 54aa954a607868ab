"""Change what a grant contains, compare grants, and describe them for the audit log."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from auth_server.db.engine import DbSession
from auth_server.records.audit.store import Audit, record
from auth_server.records.catalogues.store import find_apis
from auth_server.records.grants.table import Grant
from auth_server.records.refresh_tokens.store import widen_families
from auth_server.revocations.revoke import outdate_grant
from auth_server.tenancy.tenant_apps import leave_out
from gatepost.catalogue import CatalogueDocument
from gatepost.data_scope import DataScope
from gatepost.scopes import BESIDE_RESOURCES, covers, format_scope, parse_scope

BY_THE_PERSON = frozenset({"consent", "connected apps", "component"})
"""Where people change their own grants, as the entries say in `by`."""


def audit_of(grant: Grant, *, by: str = "consent") -> Audit:
    """Make the audit entry for a new or changed grant."""
    return Audit(
        "grant.created" if grant.version == 1 else "grant.changed",
        person_id=grant.person_id,
        client_id=grant.client_id,
        tenant_id=grant.tenant_id,
        grant_id=grant.grant_id,
        detail={
            "by": by,
            "client_name": str(grant.client_snapshot.get("name", "")),
            "resource": grant.resource,
            "version": grant.version,
            "scope": grant.scope,
            "tools": grant.tools,
            "data_scope": grant.data_scope,
            "redirect_host": grant.redirect_host,
            "catalogue_hash": grant.catalogue_hash,
            "expires_at": grant.expires_at.isoformat(timespec="seconds"),
        },
    )


def what_it_holds(grant: Grant) -> frozenset[tuple[str, str]]:
    """Return a grant's contents as a set, to detect changes that must end older access tokens.

    Data is compared as a whole: fewer entries of a kind restrict it further, but none lift it.
    """
    scopes = {("scope", scope) for scope in parse_scope(grant.scope)}
    apis = grant.apis or {}
    tools = {(f"tool of {apis[tool]}" if tool in apis else "tool", tool) for tool in grant.tools}
    return frozenset(scopes | tools | {("data", grant.data_scope)})


@dataclass(frozen=True, slots=True)
class Offered:
    """What a person was shown when they changed a grant: tools, and the values of each kind of data."""

    tools: frozenset[str]
    data: Mapping[str, frozenset[str]]


async def set_contents(
    db: DbSession,
    grant: Grant,
    tools: Collection[str],
    data_scope: DataScope,
    catalogue: CatalogueDocument,
) -> frozenset[str]:
    """Set the tools, their scopes and the data; return the scopes that the app has never requested.

    Args:
        db: the open transaction.
        grant: the grant, locked.
        tools: the names of the tools.
        data_scope: the data.
        catalogue: the one from which the tools were chosen.
    """
    needed = {tool.scope for tool in catalogue.tools if tool.name in tools}
    asked, held = parse_scope(grant.asked_scope), parse_scope(grant.scope)
    grant.scope = format_scope(needed | (held & BESIDE_RESOURCES))
    grant.tools, grant.apis = sorted(tools), await find_apis(db, catalogue, tools)
    grant.data_scope = str(data_scope)
    return frozenset(scope for scope in needed - held if not covers(asked, scope))


async def store_contents(
    db: DbSession,
    grant: Grant,
    offered: Offered,
    *,
    held: frozenset[tuple[str, str]],
    added: frozenset[str] = frozenset(),
    by: str,
    lifetime: timedelta,
    now: datetime,
) -> None:
    """Let a change that `set_contents` made reach tokens, refreshes and the audit log.

    Args:
        db: the open transaction.
        grant: the changed grant.
        offered: what the person was shown.
        held: `what_it_holds` from before the change.
        added: the scopes that `set_contents` returned.
        by: where the person changed it.
        lifetime: how long access tokens live.
        now: the time.
    """
    if added:
        await widen_families(db, grant.grant_id, added)
    if grant.by_tenant:
        await leave_out(db, grant, tools=offered.tools, data=offered.data)
    if what_it_holds(grant) == held:
        return
    grant.version += 1
    grant.updated_at = now
    await db.flush()
    # Also after a wider choice, so that the app refreshes and gets it at once.
    await outdate_grant(db, grant.grant_id, grant.version, lifetime=lifetime, now=now)
    await record(db, audit_of(grant, by=by), now=now)
