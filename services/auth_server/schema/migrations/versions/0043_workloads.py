"""Add the workloads of clouds and CI systems that act as service clients."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0043"
down_revision = "0042"
branch_labels = None
depends_on = None

_JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    """Apply the migration."""
    op.create_table(
        "workloads",
        sa.Column("workload_id", sa.String(length=64), nullable=False),
        sa.Column("client_id", sa.String(length=1024), nullable=False),
        sa.Column("issuer", sa.String(length=512), nullable=False),
        sa.Column("audience", sa.String(length=512), nullable=False),
        sa.Column("subject", sa.String(length=1024), nullable=False),
        sa.Column("claims", _JSON, nullable=False),
        sa.Column("jwks_uri", sa.String(length=1024), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["client_id"], ["clients.client_id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("workload_id"),
    )
    # The table is empty, so these indexes take no time.
    for column in ("client_id", "issuer"):
        op.create_index(f"ix_workloads_{column}", "workloads", [column])


def downgrade() -> None:
    """Undo the migration; workloads must authenticate in another way."""
    op.drop_table("workloads")
