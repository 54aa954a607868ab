"""Add the comparisons of the books, the tenants of events, and indexes for months and plans."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the migration."""
    op.create_table(
        "book_comparisons",
        sa.Column("month", sa.String(length=7), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("compared_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ledger", sa.BigInteger(), nullable=False),
        sa.Column("usage", sa.BigInteger(), nullable=False),
        sa.Column("metered", sa.BigInteger(), nullable=False),
        sa.Column("differences", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("month"),
    )
    op.create_table(
        "book_differences",
        sa.Column("month", sa.String(length=7), nullable=False),
        sa.Column("tenant_id", sa.String(length=255), nullable=False),
        sa.Column("env", sa.String(length=255), nullable=False),
        sa.Column("meter", sa.String(length=255), nullable=False),
        sa.Column("ledger", sa.BigInteger(), nullable=False),
        sa.Column("usage", sa.BigInteger(), nullable=False),
        sa.Column("metered", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("month", "tenant_id", "env", "meter"),
    )
    op.create_index(
        "hours_of_all_tenants",
        "metered_hours",
        ["hour", "tenant_id", "units", "exported", "problem"],
    )
    op.create_index("ix_tenants_rate_limit_tier", "tenants", ["rate_limit_tier"])
    op.add_column(
        "external_events",
        sa.Column("tenant_id", sa.String(length=255), server_default="", nullable=False),
    )


def downgrade() -> None:
    """Undo the migration."""
    op.drop_index("ix_tenants_rate_limit_tier", table_name="tenants")
    op.drop_column("external_events", "tenant_id")
    op.drop_index("hours_of_all_tenants", table_name="metered_hours")
    op.drop_table("book_differences")
    op.drop_table("book_comparisons")
