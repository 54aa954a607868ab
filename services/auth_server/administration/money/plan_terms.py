"""Read and replace the terms of all plans."""

from collections import Counter
from datetime import datetime
from hashlib import sha256

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from auth_server.administration.errors import Refused
from auth_server.administration.money.plans import MOST_COUNTED
from auth_server.administration.operator import ActingOperator
from auth_server.credits.change import announce_prices
from auth_server.db.engine import DbSession
from auth_server.records.audit.store import Audit, record
from auth_server.records.plans.store import list_plans, replace_plans
from auth_server.records.plans.terms import PlanTerms
from auth_server.records.tenants.store import count_tenants_of_plan
from gatepost.document import DocumentError, parse_document


class PlanFile(BaseModel):
    """All plans, from the smallest to the largest."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    plans: tuple[PlanTerms, ...] = Field(max_length=100)

    def as_yaml(self) -> str:
        """Write the plans as YAML, without what is usual."""
        listed = [plan.model_dump(mode="json", exclude_defaults=True) for plan in self.plans]
        return yaml.safe_dump({"plans": listed}, sort_keys=False, allow_unicode=True)

    def digest(self) -> str:
        """Return a short text that is equal only for equal plans."""
        return sha256(self.model_dump_json().encode()).hexdigest()[:32]


def read_plan_file(data: bytes) -> PlanFile:
    """Read plans from YAML or JSON.

    Raises:
        Refused: with each wrong place.
    """
    try:
        return PlanFile.model_validate(parse_document(data))
    except DocumentError as error:
        raise Refused("plans", str(error)) from None
    except ValidationError as error:
        problems = [
            f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}"
            for problem in error.errors(include_input=False, include_url=False)
        ]
        raise Refused("plans", "; ".join(problems[:20])) from None


async def read_plan_terms(db: DbSession, operator: ActingOperator) -> PlanFile:
    """Show the terms of the plans in force.

    Raises:
        Forbidden: `plans:read` is missing.
    """
    operator.require("plans:read")
    return PlanFile(plans=await list_plans(db))


async def replace_plan_terms(
    db: DbSession,
    operator: ActingOperator,
    wanted: PlanFile,
    *,
    confirmed: str | None = None,
    now: datetime,
) -> PlanFile:
    """Replace all plans, which gateways learn within two seconds.

    Args:
        db: the open transaction.
        operator: who does it.
        wanted: the new plans.
        confirmed: the digest of the plans that a person saw and changed; others are not replaced.
        now: the time.

    Raises:
        Forbidden: `plans:write` is missing.
        Refused: there are none, a name is repeated, tenants have a plan that is missing, or the plans are not those
            that the person saw.
    """
    operator.act(db, "plans:write")
    if not wanted.plans:
        raise Refused("plans", "must not be empty")
    known = PlanFile(plans=await list_plans(db))
    if confirmed is not None and confirmed != known.digest():
        raise Refused("plans", "somebody else changed the plans; look at them again")
    names = Counter(plan.name for plan in wanted.plans)
    if repeated := [name for name, count in names.items() if count > 1]:
        raise Refused("plans", f"{', '.join(repeated)} is repeated")
    await _require_no_plan_in_use_is_missing(db, {plan.name for plan in known.plans} - {*names})
    await replace_plans(db, wanted.plans)
    await announce_prices(db, now=now)
    replaced = Audit("plans.replaced", detail={"plans": [*names]})
    await record(db, replaced, now=now)
    return wanted


async def _require_no_plan_in_use_is_missing(db: DbSession, gone: set[str]) -> None:
    users = {
        name: count
        for name in sorted(gone)
        if (count := await count_tenants_of_plan(db, name, most=MOST_COUNTED))
    }
    if users:
        said = ", ".join(f"{name} ({count} tenants)" for name, count in users.items())
        raise Refused(
            "plans",
            f"tenants have plans that are missing: {said}; keep these with `listed: false`",
        )
