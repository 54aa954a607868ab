"""Row-level tenancy: the only module that reads the tables, through the caller's rows alone.

`Tenant` puts `_VISIBLE` before each statement: common table expressions with the tables' own names, which
hold the rows of one organisation and of the data scope's teams.
"""

import json
import sqlite3
from dataclasses import dataclass
from typing import Any

_VISIBLE = """
WITH
customers AS (
    SELECT * FROM main.customers WHERE org_id = :org_id
        AND (:teams IS NULL OR team IN (SELECT value FROM json_each(:teams)))
),
invoices AS (
    SELECT * FROM main.invoices
    WHERE org_id = :org_id AND customer IN (SELECT id FROM customers)
),
payments AS (
    SELECT * FROM main.payments
    WHERE org_id = :org_id AND invoice IN (SELECT id FROM invoices)
),
idempotency_keys AS (SELECT * FROM main.idempotency_keys WHERE org_id = :org_id)
"""


@dataclass(frozen=True, slots=True)
class Tenant:
    """The rows of one organisation that the caller may see, in one transaction."""

    connection: sqlite3.Connection
    org_id: str
    teams: frozenset[str] | None
    """The teams of the data scope; None if it does not restrict teams."""

    def rows(self, sql: str, **parameters: Any) -> list[sqlite3.Row]:
        """Run one statement on the visible rows and return its rows."""
        teams = None if self.teams is None else json.dumps(sorted(self.teams))
        scope = {"org_id": self.org_id, "teams": teams}
        return self.connection.execute(_VISIBLE + sql, parameters | scope).fetchall()

    def row(self, sql: str, **parameters: Any) -> sqlite3.Row | None:
        """Run one statement on the visible rows and return the first row, if any."""
        return next(iter(self.rows(sql, **parameters)), None)

    def add(self, table: str, **values: Any) -> None:
        """Insert a row of this organisation."""
        values = {"org_id": self.org_id, **values}
        names = ", ".join(values)
        marks = ", ".join(f":{name}" for name in values)
        self.connection.execute(
            f"INSERT INTO main.{table} ({names}) VALUES ({marks})",  # noqa: S608 - names of ours
            values,
        )
