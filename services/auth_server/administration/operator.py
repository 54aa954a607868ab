"""Who acts as an operator, and what they may do."""

from dataclasses import dataclass

from auth_server.administration.errors import Forbidden
from auth_server.administration.scopes import SCOPES, SCOPES_OF_ROLES
from auth_server.db.engine import DbSession
from auth_server.records.audit.store import acting_as
from auth_server.records.operators.store import find_operator
from auth_server.records.operators.table import Role


@dataclass(frozen=True, slots=True)
class ActingOperator:
    """An operator at the console, a program with an admin token, or the command line.

    Attributes:
        name: the person's id, `token` with the token's id, or `command`, as the audit log names it.
        scopes: what the operator may do.
        token_id: the admin token that the program sends; None for people and the command line.
    """

    name: str
    scopes: frozenset[str]
    token_id: str | None = None

    def may(self, scope: str) -> bool:
        """Return whether the operator has a scope."""
        return scope in self.scopes

    def require(self, scope: str) -> None:
        """Refuse an operator without a scope.

        Raises:
            Forbidden: the scope is missing.
        """
        if not self.may(scope):
            raise Forbidden(scope)

    def act(self, db: DbSession, scope: str) -> None:
        """Require a scope, and name this operator in every audit entry of the transaction.

        Raises:
            Forbidden: the scope is missing.
        """
        self.require(scope)
        acting_as(db, self.name)


COMMAND_LINE = ActingOperator("command", SCOPES)
"""Whoever may run commands on the server may do everything."""


async def find_acting_operator(db: DbSession, person_id: str) -> ActingOperator | None:
    """Find what a person may do as an operator; None if they are not one."""
    operator = await find_operator(db, person_id)
    if operator is None:
        return None
    role: Role = "operator" if operator.role == "operator" else "viewer"
    return ActingOperator(person_id, SCOPES_OF_ROLES[role])
