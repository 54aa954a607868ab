"""The audit trail of one tenant, as its admins see it."""

import base64
import binascii
import json
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict

from auth_server.administration.audit.read import require_filter
from auth_server.administration.audit.words import describe
from auth_server.administration.errors import Refused
from auth_server.administration.paging import Slice
from auth_server.db.engine import Database, DbSession
from auth_server.keys import Keys
from auth_server.records.audit.search import AuditFilter, search_newest, search_oldest
from auth_server.records.audit.store import Event, newest_number
from auth_server.records.audit.table import AuditEntry
from auth_server.records.clients.store import list_client_names
from auth_server.records.people.store import find_people
from auth_server.records.tenants.store import list_members_among

_STEP = 200

TENANT_SEES: Mapping[Event, tuple[str, ...]] = {
    "api_key.created": ("label", "scope"),
    "api_key.exchange_refused": (),
    "api_key.revoked": (),
    "app_request.approved": ("member", "redirect_host"),
    "app_request.created": ("member", "redirect_host"),
    "app_request.declined": ("member", "redirect_host"),
    "break_glass.named": ("member",),
    "break_glass.removed": ("member",),
    "break_glass.used": ("method",),
    "call_approval.approved": ("tool", "member", "name"),
    "call_approval.asked": ("tool", "member", "name"),
    "call_approval.declined": ("tool", "member", "name"),
    "client.changed": ("own_tokens",),
    "client.registered": ("name", "scope", "tools"),
    "code.replayed": (),
    "consent.denied": (),
    "consent.remembered": ("scope",),
    "credit.added": ("amount", "expires_at"),
    "credit.taken_back": ("amount",),
    "delegation.created": ("name", "scope", "tools", "data_scope"),
    "delegation.ended": ("name", "reason"),
    "directory_group.changed": ("group", "people"),
    "directory_group.created": ("group", "people"),
    "directory_group.deleted": ("group", "people"),
    "directory_token.created": ("label", "provider"),
    "directory_token.revoked": ("label",),
    "directory_user.activated": ("user_name",),
    "directory_user.created": ("user_name",),
    "directory_user.deactivated": ("user_name",),
    "directory_user.deleted": ("user_name",),
    "directory_user.kept": ("user_name",),
    "domain.claimed": ("domain",),
    "domain.lost": ("domain",),
    "domain.removed": ("domain",),
    "domain.verified": ("domain",),
    "grant.changed": ("scope", "tools", "data_scope", "redirect_host", "expires_at"),
    "grant.created": ("scope", "tools", "data_scope", "redirect_host", "expires_at"),
    "grant.revoked": ("reason",),
    "invitation.accepted": ("email", "role", "data_scope"),
    "invitation.created": ("email", "role", "data_scope"),
    "invitation.sent_again": ("email", "role", "data_scope"),
    "invitation.withdrawn": ("email", "role", "data_scope"),
    "linked_account.broken": ("provider", "reason"),
    "linked_account.created": ("provider",),
    "linked_account.ended": ("provider", "reason"),
    "membership.changed": ("role", "data_scope"),
    "membership.created": ("role", "data_scope"),
    "membership.removed": (),
    "playground.called": ("tool",),
    "policy.changed": (
        "required_level",
        "allowed_clients",
        "read_only",
        "longest_grant",
        "api_keys",
        "longest_token",
        "approval",
    ),
    "provider.assigned": ("provider",),
    "provider.not_required": (),
    "provider.required": ("provider",),
    "provider.withdrawn": ("provider",),
    "refresh_token.reused": (),
    "subscription.changed": ("status", "plan", "former_status", "former_plan"),
    "tenant.changed": ("name", "rate_limit_tier", "budgets", "disabled"),
    "tenant.created": ("name", "rate_limit_tier"),
    "tenant_app.allowed_again": ("member",),
    "tenant_app.ended": ("resource", "connections"),
    "tenant_app.refused": ("reason",),
    "tenant_app.set": ("resource", "ceilings"),
    "token.revoked": (),
    "webhook.added": ("url", "types"),
    "webhook.changed": ("change",),
    "webhook.disabled": ("url",),
    "webhook.removed": ("url",),
}
"""Everything that a tenant may see of its entries: the events, and the names of their details.

It does not see what operators decide about their own books (`usage.export_decided`,
`usage.customer_linked`, `billing.event_processed`), nor `token.outdated`, which follows a change that is
in the trail.
"""

_BY_OPERATORS = frozenset(
    {
        "client.changed",
        "client.registered",
        "directory_token.created",
        "directory_token.revoked",
        "provider.assigned",
        "provider.not_required",
        "provider.withdrawn",
        "policy.changed",
        "tenant.changed",
        "tenant.created",
        "tenant_app.ended",
        "tenant_app.set",
    }
) | {event for event in TENANT_SEES if event.startswith("invitation.")}
"""Events that an operator causes if no person is named."""


class TenantEntry(BaseModel):
    """An entry of a tenant's audit trail."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    at: datetime
    event: str
    words: str
    """The event in English words."""
    person_id: str
    """Whom it concerns."""
    person: str
    """Their e-mail address, or the name of somebody who is not a member."""
    by: str
    """Who else did it: another member, or an operator, whose name a tenant does not see."""
    client_id: str
    app: str
    """What the app calls itself."""
    connection: str
    """The id of the grant or API key."""
    detail: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Trail:
    """The audit trail of one tenant; whoever makes it has checked that an admin asks.

    Attributes:
        tenant_id: the tenant.
        operators: how entries name whoever acted as an operator.
        keys: seal the places of pages, because numbers would tell how much happens in other tenants.
    """

    tenant_id: str
    operators: str
    keys: Keys

    async def read(
        self, db: DbSession, which: AuditFilter, *, after: str, limit: int
    ) -> Slice[TenantEntry]:
        """List the tenant's entries that match, the newest first.

        Raises:
            Refused: `after` is not a place in this trail, or a value of the filter is invalid.
        """
        require_filter(which)
        before = self._place(after) if after else None
        rows = await search_newest(db, self._own(which), before=before, most=limit + 1)
        shown = await self._view(db, rows[:limit])
        return Slice(shown, self._seal(rows[limit - 1].number) if len(rows) > limit else "")

    async def export(
        self, database: Database, which: AuditFilter
    ) -> AsyncIterator[Sequence[TenantEntry]]:
        """Read all entries that match, the oldest first, a few at a time, as of this moment."""
        async with database.reading() as db:
            newest = await newest_number(db)
        after = 0
        while after < newest:
            async with database.reading() as db:
                rows = await search_oldest(db, self._own(which), after=after, most=_STEP)
                rows = [row for row in rows if row.number <= newest]
                yield await self._view(db, rows)
            if len(rows) < _STEP:
                return
            after = rows[-1].number

    def _own(self, which: AuditFilter) -> AuditFilter:
        return replace(which, tenant_id=self.tenant_id, events=frozenset(TENANT_SEES))

    def _seal(self, number: int) -> str:
        context = f"audit trail of {self.tenant_id}"
        sealed = self.keys.seal("tickets", str(number).encode(), context=context)
        return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()

    def _place(self, after: str) -> int:
        context = f"audit trail of {self.tenant_id}"
        try:
            sealed = base64.urlsafe_b64decode(after + "=" * (-len(after) % 4))
        except (binascii.Error, ValueError):
            sealed = b""
        number = self.keys.unseal("tickets", sealed, context=context)
        if number is None:
            raise Refused("after", "must be the `next` of the page before")
        return int(number)

    async def _view(self, db: DbSession, rows: Sequence[AuditEntry]) -> list[TenantEntry]:
        details = [json.loads(row.detail) for row in rows]
        by = {str(detail.get("by", "")) for detail in details}
        concerned = {row.person_id for row in rows} | _named(details)
        members = await list_members_among(db, self.tenant_id, by | concerned)
        # The address of somebody who left may be that of another organisation by now.
        people = {
            person_id: person.known_as if person_id in members else person.name
            for person_id, person in (await find_people(db, concerned | members)).items()
        }
        apps = await list_client_names(db, {row.client_id for row in rows if row.client_id})
        return [
            TenantEntry(
                at=row.at,
                event=row.event,
                words=describe(row.event),
                person_id=row.person_id,
                person=people.get(row.person_id, ""),
                by=self._by(row, detail, people, members),
                client_id=row.client_id,
                app=apps.get(row.client_id, ""),
                connection=row.grant_id,
                detail=_narrow(row.event, detail, people),
            )
            for row, detail in zip(rows, details, strict=True)
        ]

    def _by(
        self,
        row: AuditEntry,
        detail: Mapping[str, Any],
        people: Mapping[str, str],
        members: Collection[str],
    ) -> str:
        by = str(detail.get("by", ""))
        if "operator" in detail or by == "operator":
            return self.operators
        if not row.person_id and row.event in _BY_OPERATORS and "subscription" not in detail:
            return self.operators
        if by.startswith("directory "):
            return by
        if by == row.person_id or row.event in {"grant.changed", "grant.created"}:
            return ""
        if by in members:
            return people.get(by, "")
        # Somebody who is not a member was an admin or is an operator; their name stays hidden.
        return self.operators if row.event == "playground.called" else ""


def _narrow(event: str, detail: Mapping[str, Any], people: Mapping[str, str]) -> dict[str, Any]:
    names = dict[str, tuple[str, ...]](TENANT_SEES.items()).get(event, ())
    seen = {name: detail[name] for name in names if detail.get(name) not in ("", None)}
    if "member" in seen:
        seen["member"] = people.get(str(seen["member"]), seen["member"])
    return seen


def _named(details: Sequence[Mapping[str, Any]]) -> set[str]:
    return {str(detail["member"]) for detail in details if "member" in detail}
