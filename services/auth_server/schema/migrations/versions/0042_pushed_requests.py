"""Add pushed authorization requests, and the clients that must push theirs."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0042"
down_revision = "0041"
branch_labels = None
depends_on = None

_JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    """Apply the migration."""
    op.create_table(
        "pushed_requests",
        sa.Column("uri_hash", sa.String(length=64), nullable=False),
        sa.Column("client_id", sa.String(length=1024), nullable=False),
        sa.Column("parameters", _JSON, nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["client_id"], ["clients.client_id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("uri_hash"),
    )
    # The table is empty, so these indexes take no time.
    for column in ("client_id", "expires_at"):
        op.create_index(f"ix_pushed_requests_{column}", "pushed_requests", [column])
    op.add_column(
        "clients",
        sa.Column("must_push", sa.Boolean(), nullable=False, server_default=sa.false()),
    )


def downgrade() -> None:
    """Undo the migration."""
    op.drop_column("clients", "must_push")
    op.drop_table("pushed_requests")
