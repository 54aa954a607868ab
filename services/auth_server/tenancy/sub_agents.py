"""The sub-agents of connections, for people, admins and operators."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Literal, NamedTuple

from auth_server.db.engine import DbSession
from auth_server.records.delegations.store import find_delegation, list_live_delegations
from auth_server.records.delegations.table import Delegation
from auth_server.records.grants.store import find_grant
from auth_server.records.grants.table import Grant
from auth_server.revocations.revoke import end_delegation


class SubAgent(NamedTuple):
    """A live delegation; `depth` is 1 below the app, 2 below another sub-agent, and so on."""

    delegation: Delegation
    depth: int

    @property
    def above(self) -> str:
        """The id of the delegation above it, or an empty text below the app."""
        return self.delegation.families[1] if self.depth > 1 else ""


async def list_sub_agents(
    db: DbSession, grant_ids: Collection[str], *, now: datetime
) -> Mapping[str, Sequence[SubAgent]]:
    """List the live sub-agents by grant, each before those below it."""
    below: dict[str, list[Delegation]] = defaultdict(list)
    for each in await list_live_delegations(db, grant_ids, now=now):
        above = each.families[1]
        below[above if len(each.families) > 2 else each.grant_id].append(each)

    def walk(above: str, depth: int) -> list[SubAgent]:
        found: list[SubAgent] = []
        for each in below[above]:
            found += [SubAgent(each, depth), *walk(each.delegation_id, depth + 1)]
        return found

    return {grant_id: walk(grant_id, 1) for grant_id in grant_ids}


async def find_grant_of_sub_agent(db: DbSession, delegation_id: str) -> Grant | None:
    """Find the live grant to which a sub-agent belongs."""
    delegation = await find_delegation(db, delegation_id)
    return await find_grant(db, delegation.grant_id) if delegation is not None else None


async def end_sub_agent(
    db: DbSession,
    delegation_id: str,
    ended_by: Literal["person", "admin", "operator"],
    *,
    now: datetime,
) -> bool:
    """End a sub-agent with those below it; return whether this call did so.

    The app can't begin it again before the person approves the app again.
    """
    return await end_delegation(db, delegation_id, ended_by, now=now)
