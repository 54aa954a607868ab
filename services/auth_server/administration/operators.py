"""Add and remove operators."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict

from auth_server.administration.errors import NotFound, Refused
from auth_server.administration.operator import ActingOperator
from auth_server.db.engine import DbSession
from auth_server.records.audit.store import Audit, record
from auth_server.records.operators.store import (
    drop_operator,
    find_operator,
    list_operators,
    put_operator,
)
from auth_server.records.operators.table import Operator, Role
from auth_server.records.people.store import find_people, find_person


class OperatorView(BaseModel):
    """An operator as the console and the admin API show them."""

    model_config = ConfigDict(frozen=True)

    person_id: str
    name: str
    email: str | None
    role: Role
    created_at: datetime


async def read_operators(db: DbSession, operator: ActingOperator) -> list[OperatorView]:
    """List the operators.

    Raises:
        Forbidden: `operators:read` is missing.
    """
    operator.require("operators:read")
    rows = await list_operators(db)
    people = await find_people(db, {row.person_id for row in rows})
    return [
        OperatorView(
            person_id=row.person_id,
            name=people[row.person_id].name,
            email=people[row.person_id].email,
            role="operator" if row.role == "operator" else "viewer",
            created_at=row.created_at,
        )
        for row in rows
        if row.person_id in people
    ]


async def set_operator(
    db: DbSession, operator: ActingOperator, person_id: str, role: Role, *, now: datetime
) -> None:
    """Make a person an operator, or change their role.

    Raises:
        Forbidden: `operators:write` is missing.
        NotFound: the person does not exist.
        Refused: the operator would change their own role.
    """
    operator.act(db, "operators:write")
    _refuse_self(operator, person_id)
    if await find_person(db, person_id) is None:
        raise NotFound(f"the person {person_id} does not exist")
    known = await find_operator(db, person_id)
    created_at = now if known is None else known.created_at
    await put_operator(db, Operator(person_id=person_id, role=role, created_at=created_at))
    await record(db, Audit("operator.set", person_id=person_id, detail={"role": role}), now=now)


async def remove_operator(
    db: DbSession, operator: ActingOperator, person_id: str, *, now: datetime
) -> None:
    """Take the role from an operator; the person stays.

    Raises:
        Forbidden: `operators:write` is missing.
        NotFound: the person is not an operator.
        Refused: the operator would remove themselves.
    """
    operator.act(db, "operators:write")
    _refuse_self(operator, person_id)
    known = await find_operator(db, person_id)
    if known is None:
        raise NotFound(f"{person_id} is not an operator")
    await drop_operator(db, known)
    await record(db, Audit("operator.removed", person_id=person_id), now=now)


def _refuse_self(operator: ActingOperator, person_id: str) -> None:
    if operator.name == person_id:
        raise Refused("person_id", "is your own; ask another operator")
