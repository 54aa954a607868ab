"""Apps ask the admins of a tenant to approve a call; an admin approves or declines it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode

import orjson

from auth_server.db.engine import DbSession
from auth_server.keys import Keys
from auth_server.outbox.queue import Template, queue_mail
from auth_server.outbox.switches import is_wanted
from auth_server.records.audit.store import Audit, Event, record
from auth_server.records.call_approvals.store import (
    add_call_approval,
    answer_call_approval,
    count_waiting_calls,
    find_call_approval,
    list_waiting_calls,
    use_call_approval,
)
from auth_server.records.call_approvals.table import CallApproval
from auth_server.records.clients.store import list_client_names
from auth_server.records.delegations.actors import part_of
from auth_server.records.people.store import find_people
from auth_server.records.tenants.store import list_admins, lock_tenant
from auth_server.secrets import hash_secret
from auth_server.tenancy.change_policy import ChangeRefused, require_admin
from gatepost.approvals import ApprovableCall, ApprovalState

PAGE = "/account/organisation/approvals"
WAITS = timedelta(hours=24)
"""How long a call waits for an answer."""
ANSWER_COUNTS = timedelta(hours=1)
"""How long the call may be made after its approval, and how long a declined one is not asked again."""
MOST_WAITING = 100
"""How many calls of one tenant wait at once."""
_MOST_ADMINS = 20


@dataclass(frozen=True, slots=True)
class WaitingCall:
    """A call that waits for an answer, as its page shows it."""

    approval_id: str
    tool: str
    title: str
    arguments: tuple[str, ...]
    """Each `name: value`."""
    asked_by: str
    """The name of the person, or of the program that acts as itself."""
    client_name: str
    """The name of the app, and after it those of the sub-agents that ask for it."""
    asked_at: datetime


async def ask_for_approval(
    db: DbSession, call: ApprovableCall, *, resource: str, keys: Keys, now: datetime
) -> ApprovalState:
    """Tell whether a call is approved, and ask the tenant's admins if nobody did yet.

    An approval counts once: of any number of parallel calls, one is told `approved`.

    Args:
        db: the open transaction.
        call: the call.
        resource: the gateway that will make it.
        keys: seal its arguments.
        now: the time.
    """
    approval_id = _name(call, resource)
    if await use_call_approval(db, approval_id, now=now):
        return "approved"
    known = await find_call_approval(db, approval_id)
    if known is not None and known.expires_at > now and known.state != "approved":
        return "declined" if known.state == "declined" else "waiting"
    if await count_waiting_calls(db, call.tenant_id, now=now) >= MOST_WAITING:
        return "too_many"
    tenant = await lock_tenant(db, call.tenant_id)
    if tenant is None:
        return "declined"
    arguments = orjson.dumps(call.arguments)
    row = CallApproval(
        approval_id=approval_id,
        tenant_id=call.tenant_id,
        sub=call.sub,
        client_id=call.client_id,
        client_name=await _name_program(db, call),
        resource=resource,
        tool=call.tool,
        title=call.title,
        sealed=keys.seal("at_rest", arguments, context=_context(approval_id)),
        state="waiting",
        asked_at=now,
        expires_at=now + WAITS,
    )
    if not await add_call_approval(db, row, now=now):
        return "waiting"
    await _record(db, "call_approval.asked", row, by=call.sub, now=now)
    admins = await list_admins(db, call.tenant_id, most=_MOST_ADMINS)
    people = await find_people(db, {*admins, call.sub})
    asked_by = people[call.sub].known_as if call.sub in people else row.client_name
    for admin in (people[person_id] for person_id in admins if person_id in people):
        if not is_wanted("call_approval", admin.muted_notices):
            continue
        values = {
            "member": asked_by,
            "app": row.client_name,
            "title": row.title,
            "tenant": tenant.name,
            "path": f"{PAGE}?{urlencode({'tenant': call.tenant_id})}",
        }
        await queue_mail(
            db, "call_approval", to=admin.email, language=admin.language, values=values, now=now
        )
    return "waiting"


async def read_waiting_calls(
    db: DbSession, tenant_id: str, *, keys: Keys, now: datetime
) -> Sequence[WaitingCall]:
    """List the calls of a tenant that wait for an answer, the oldest first.

    A call whose arguments can't be unsealed with the server's present keys is left out: nobody may
    approve what they can't see.
    """
    rows = await list_waiting_calls(db, tenant_id, now=now, most=MOST_WAITING)
    people = await find_people(db, {row.sub for row in rows})
    return [
        WaitingCall(
            approval_id=row.approval_id,
            tool=row.tool,
            title=row.title,
            arguments=arguments,
            asked_by=people[row.sub].known_as if row.sub in people else row.client_name,
            client_name=row.client_name,
            asked_at=row.asked_at,
        )
        for row in rows
        if (arguments := _unseal(row, keys)) is not None
    ]


async def answer_call(
    db: DbSession, tenant_id: str, approval_id: str, *, approved: bool, by: str, now: datetime
) -> None:
    """Approve or decline a call, and tell the person whose app waits.

    Raises:
        ChangeRefused: the person is not an admin of the tenant, or the call no longer waits.
    """
    await require_admin(db, by, tenant_id)
    state: ApprovalState = "approved" if approved else "declined"
    row = await answer_call_approval(
        db, tenant_id, approval_id, state, expires_at=now + ANSWER_COUNTS, now=now
    )
    if row is None:
        raise ChangeRefused("This call no longer waits. Another admin may have answered it.")
    event: Event = "call_approval.approved" if approved else "call_approval.declined"
    await _record(db, event, row, by=by, now=now)
    person = (await find_people(db, {row.sub})).get(row.sub)
    template: Template = "call_approved" if approved else "call_declined"
    if person is None or person.disabled_at or not is_wanted(template, person.muted_notices):
        return
    values = {"title": row.title, "app": row.client_name}
    await queue_mail(
        db, template, to=person.email, language=person.language, values=values, now=now
    )


def _name(call: ApprovableCall, resource: str) -> str:
    """Name the request: an approval is not one of another caller's call, nor of a sub-agent's."""
    caller = [call.tenant_id, call.sub, call.client_id, call.grant_id]
    parts = [resource, *caller, call.digest, *call.actors]
    return hash_secret(f"call approval\n{json.dumps(parts)}")


async def _name_program(db: DbSession, call: ApprovableCall) -> str:
    """Write who asks, such as `Coder / researcher`; cut so that no name displaces another."""
    names = await list_client_names(db, {call.client_id, *call.actors})
    app = names.get(call.client_id, call.client_id)
    below = [part_of(one) or names.get(one, one) for one in reversed(call.actors)]
    if not below:
        return app[:200]
    return " / ".join((app[:80], *(name[:36] for name in below)))


def _context(approval_id: str) -> str:
    return f"call approval {approval_id}"


def _unseal(row: CallApproval, keys: Keys) -> tuple[str, ...] | None:
    content = keys.unseal("at_rest", row.sealed, context=_context(row.approval_id))
    return None if content is None else tuple(orjson.loads(content))


async def _record(
    db: DbSession, event: Event, row: CallApproval, *, by: str, now: datetime
) -> None:
    entry = Audit(
        event,
        person_id=by,
        client_id=row.client_id,
        tenant_id=row.tenant_id,
        detail={"tool": row.tool, "member": row.sub, "name": row.client_name},
    )
    await record(db, entry, now=now)
