"""Add what apps hand to sub-agents, and which sub-agent made a call."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0039"
down_revision = "0038"
branch_labels = None
depends_on = None

_JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
_DETACHED = sa.text(r"""
SELECT oid::regclass::text FROM pg_class
WHERE relkind = 'r' AND NOT relispartition AND relname ~ '^call_log_\d{4}_\d{2}$'
  AND relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = to_regclass('call_log'))
""")


def upgrade() -> None:
    """Apply the migration."""
    at = sa.DateTime(timezone=True)
    op.create_table(
        "delegations",
        sa.Column("delegation_id", sa.String(length=64), nullable=False),
        sa.Column("grant_id", sa.String(length=64), nullable=False),
        sa.Column("path", sa.String(length=255), nullable=False),
        sa.Column("actor", sa.String(length=1100), nullable=False),
        sa.Column("actor_client_id", sa.String(length=1024), nullable=True),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("scope", sa.String(length=2048), nullable=False),
        sa.Column("tools", _JSON, nullable=False),
        sa.Column("data_scope", sa.String(length=4096), nullable=False),
        sa.Column("created_at", at, nullable=False),
        sa.Column("expires_at", at, nullable=False),
        sa.Column("ended_at", at, nullable=True),
        sa.Column("ended_by", sa.String(length=16), nullable=True),
        sa.ForeignKeyConstraint(["grant_id"], ["grants.grant_id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("delegation_id"),
    )
    # The table is empty, so these indexes take no time.
    op.create_index("delegations_of_a_grant", "delegations", ["grant_id", "expires_at"])
    op.create_index("ix_delegations_expires_at", "delegations", ["expires_at"])
    column = sa.Column("actor", sa.String(2048), nullable=False, server_default="")
    op.add_column("call_log", column)
    if op.get_bind().dialect.name == "postgresql":
        for table in op.get_bind().execute(_DETACHED).scalars().all():
            op.execute(f"ALTER TABLE {table} ADD COLUMN actor VARCHAR(2048) DEFAULT '' NOT NULL")


def downgrade() -> None:
    """Undo the migration."""
    op.drop_column("call_log", "actor")
    op.drop_table("delegations")
