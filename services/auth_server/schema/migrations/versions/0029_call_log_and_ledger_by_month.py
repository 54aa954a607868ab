"""Divide the call log and the ledger by the month of `at` on PostgreSQL."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

_TABLES = ("call_log", "ledger")
_FIRST = "date_trunc('month', {} AT TIME ZONE 'UTC')"


def upgrade() -> None:
    """Apply the migration; other transactions wait until all rows are in the new tables."""
    for table in _TABLES:
        _replace(table, key=("call_id", "at"), divided=True)


def downgrade() -> None:
    """Undo the migration."""
    for table in _TABLES:
        _replace(table, key=("call_id",), divided=False)


def _replace(name: str, *, key: Sequence[str], divided: bool) -> None:
    bind = op.get_bind()
    postgresql = bind.dialect.name == "postgresql"
    if postgresql:
        op.execute(f"LOCK TABLE {name} IN ACCESS EXCLUSIVE MODE")
    inspector, former = sa.inspect(bind), f"{name}_former"
    indexes, columns = inspector.get_indexes(name), inspector.get_columns(name)
    for index in indexes:
        op.drop_index(str(index["name"]), name)
    op.rename_table(name, former)
    # On PostgreSQL, the key follows, because an index is built faster than it grows.
    constraints = () if postgresql else (sa.PrimaryKeyConstraint(*key),)
    op.create_table(
        name,
        *(
            sa.Column(
                one["name"],
                one["type"],
                nullable=one["nullable"],
                server_default=None if one["default"] is None else sa.text(one["default"]),
            )
            for one in columns
        ),
        *constraints,
        postgresql_partition_by="RANGE (at)" if divided else None,
    )
    if postgresql and divided:
        _create_partitions(name, former)
    names = ", ".join(one["name"] for one in columns)
    op.execute(f"INSERT INTO {name} ({names}) SELECT {names} FROM {former}")  # noqa: S608 - our names
    op.drop_table(former)
    if postgresql:
        op.create_primary_key(f"{name}_pkey", name, list(key))
    for index in indexes:
        op.create_index(index["name"], name, [column or "" for column in index["column_names"]])


def _create_partitions(name: str, former: str) -> None:
    """Create one for each month with rows, for the present month and for the next two."""
    months = op.get_bind().execute(
        sa.text(
            f"SELECT {_FIRST.format('now()')} + n * interval '1 month' AS month"  # noqa: S608 - as above
            " FROM generate_series(0, 2) AS n UNION"
            f" SELECT {_FIRST.format('at')} FROM {former} WHERE at < now() ORDER BY month"
        )
    )
    op.execute(f"CREATE TABLE {name}_default PARTITION OF {name} DEFAULT")
    for [month] in months.all():
        until = month.replace(year=month.year + month.month // 12, month=month.month % 12 + 1)
        op.execute(
            f"CREATE TABLE {name}_{month:%Y_%m} PARTITION OF {name}"
            f" FOR VALUES FROM ('{month:%Y-%m-%d} 00:00+00') TO ('{until:%Y-%m-%d} 00:00+00')"
        )
