"""Add the usage by the day, added up from the usage by the hour."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

_KINDS = {
    "total": "''",
    "tool": "tool",
    "tenant": "tenant_id",
    "client": "client_id",
    "person": "sub",
}
_BOUNDS = (5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000, 60000)
_BUCKETS = (*(f"under_{bound}" for bound in _BOUNDS), "longer")
_OUTCOMES = {"errors": "error", "refused": "refused", "unknown": "unknown"}


def upgrade() -> None:
    """Apply the migration."""
    op.create_table(
        "usage_days",
        sa.Column("env", sa.String(length=255), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("key", sa.String(length=400), nullable=False),
        *(
            sa.Column(name, sa.BigInteger(), nullable=False)
            for name in ("calls", "units", *_OUTCOMES, *_BUCKETS)
        ),
        sa.PrimaryKeyConstraint("env", "kind", "day", "key"),
        sqlite_with_rowid=False,
    )
    day = "substr(hour, 1, 10)"
    if op.get_bind().dialect.name == "postgresql":
        # Workers that write hours wait, so that no hour is missing.
        op.execute("LOCK TABLE usage_hours IN SHARE MODE")
        day = "CAST(hour AT TIME ZONE 'UTC' AS date)"
    for kind, column in _KINDS.items():
        op.execute(_add_up(kind, column, day))


def _add_up(kind: str, column: str, day: str) -> str:
    sums = {
        "calls": "calls",
        "units": "units",
        **{
            name: f"CASE WHEN outcome = '{value}' THEN calls ELSE 0 END"
            for name, value in _OUTCOMES.items()
        },
        **{name: f"CASE WHEN outcome <> 'refused' THEN {name} ELSE 0 END" for name in _BUCKETS},
    }
    # Only names that are written above.
    return (
        f"INSERT INTO usage_days (env, kind, day, key, {', '.join(sums)}) "  # noqa: S608 - our names
        f"SELECT env, '{kind}', {day}, substr({column}, 1, 400), "
        f"{', '.join(f'sum({amount})' for amount in sums.values())} "
        "FROM usage_hours GROUP BY 1, 3, 4"
    )


def downgrade() -> None:
    """Undo the migration."""
    op.drop_table("usage_days")
