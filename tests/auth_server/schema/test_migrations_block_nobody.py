"""Each migration can be applied while the former release serves (expand, and contract later).

`squawk` reads what PostgreSQL is sent: a lock that stops writers or readers while a table is read, and
whatever the former release would miss, such as a dropped or renamed column.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, event

from auth_server.schema.migrate import _config
from support.processes.postgres import PostgresServer

SQUAWK = Path(sys.executable).with_name("squawk")
NOT_ASKED = (
    # Matters of taste, and those that `migrate` and the types of the tables decide.
    *("prefer-bigint-over-int", "prefer-identity", "prefer-text-field", "prefer-robust-stmts"),
    "require-timeout-settings",
)
BEFORE_THE_FIRST_VERSION = {
    "0005": {"require-concurrent-index-creation"},
    "0014": {"require-concurrent-index-creation"},
    "0024": {"require-concurrent-index-creation"},
    "0025": {"require-concurrent-index-creation"},
    # It replaces two tables with both locked; docs/decisions/0027 says for how long.
    "0029": {"require-concurrent-index-deletion", "ban-drop-table", "renaming-table"},
}
"""Nobody served while these were applied. Later migrations are not added here."""


@pytest.fixture(scope="module")
def sent(postgres: PostgresServer) -> dict[str, list[tuple[str, bool]]]:
    """The statements of each migration, and whether each was sent in a transaction."""
    statements: list[tuple[str, bool]] = []
    by_migration: dict[str, list[tuple[str, bool]]] = {}

    def note(connection: Connection, _: object, sql: str, *__: object) -> None:
        driver: Any = connection.connection.driver_connection
        in_transaction = not driver.autocommit
        if sql.split()[0] in {"ALTER", "CREATE", "DROP"} and "alembic_version" not in sql:
            statements.append((sql, in_transaction))

    engine = create_engine(postgres.create_database())
    with engine.connect() as connection:
        config = _config(connection)
        event.listen(engine, "before_cursor_execute", note)
        for script in reversed(list(ScriptDirectory.from_config(config).walk_revisions())):
            command.upgrade(config, script.revision)
            by_migration[script.revision] = list(statements)
            statements.clear()
        connection.commit()
    engine.dispose()
    return by_migration


def find_faults(statements: list[tuple[str, bool]]) -> Iterator[str]:
    """Yield the rules that a migration breaks."""
    for together in (True, False):
        text = "".join(
            f"{sql};\n" for sql, in_transaction in statements if in_transaction is together
        )
        options = ["--assume-in-transaction"] if together else []
        excluded = ",".join(NOT_ASKED)
        done = subprocess.run(
            [SQUAWK, "--pg-version=15", "--reporter=json", f"--exclude={excluded}", *options],
            input=text,
            capture_output=True,
            text=True,
            check=False,  # it fails for each fault
        )
        yield from (fault["rule_name"] for fault in json.loads(done.stdout))


def test_no_migration_blocks_the_former_release(sent: dict[str, list[tuple[str, bool]]]) -> None:
    """A new one that does is written in two steps, of which the second is in a later release."""
    faults = {name: set(find_faults(statements)) for name, statements in sent.items()}

    allowed = {name: BEFORE_THE_FIRST_VERSION.get(name, set()) for name in faults}
    assert {
        name: found - allowed[name] for name, found in faults.items() if found - allowed[name]
    } == {}
    assert {name: left for name, rules in allowed.items() if (left := rules - faults[name])} == {}


@pytest.mark.parametrize(
    ("sql", "rule"),
    [
        ("ALTER TABLE grants ADD COLUMN note text NOT NULL", "adding-required-field"),
        ("ALTER TABLE grants DROP COLUMN label", "ban-drop-column"),
        ("DROP TABLE grants", "ban-drop-table"),
        ("ALTER TABLE grants RENAME COLUMN label TO title", "renaming-column"),
        ("ALTER TABLE grants RENAME TO permits", "renaming-table"),
        ("ALTER TABLE grants ALTER COLUMN label TYPE integer", "changing-column-type"),
        ("ALTER TABLE grants ALTER COLUMN label SET NOT NULL", "adding-not-nullable-field"),
        ("CREATE INDEX by_label ON grants (label)", "require-concurrent-index-creation"),
    ],
)
def test_a_migration_that_blocks_or_breaks_the_former_release_is_found(sql: str, rule: str) -> None:
    assert rule in set(find_faults([(sql, True)]))


def test_a_migration_that_only_adds_is_not_reported() -> None:
    added = "ALTER TABLE grants ADD COLUMN note varchar(20) DEFAULT '' NOT NULL"
    index = "CREATE INDEX CONCURRENTLY by_label ON grants (label)"

    assert list(find_faults([(added, True), (index, False)])) == []
