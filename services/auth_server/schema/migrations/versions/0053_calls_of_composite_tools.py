"""Add how many calls a composite tool made."""

import sqlalchemy as sa
from alembic import op

revision = "0053"
down_revision = "0048"
branch_labels = None
depends_on = None

_DETACHED = sa.text(r"""
SELECT oid::regclass::text FROM pg_class
WHERE relkind = 'r' AND NOT relispartition AND relname ~ '^call_log_\d{4}_\d{2}$'
  AND relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = to_regclass('call_log'))
""")


def upgrade() -> None:
    """Apply the migration."""
    column = sa.Column("calls_made", sa.Integer(), nullable=False, server_default="0")
    op.add_column("call_log", column)
    if op.get_bind().dialect.name == "postgresql":
        for table in op.get_bind().execute(_DETACHED).scalars().all():
            op.execute(f"ALTER TABLE {table} ADD COLUMN calls_made INTEGER DEFAULT 0 NOT NULL")


def downgrade() -> None:
    """Undo the migration."""
    op.drop_column("call_log", "calls_made")
