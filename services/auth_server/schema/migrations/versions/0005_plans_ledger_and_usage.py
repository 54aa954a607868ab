"""Add the plans, the ledger, the usage by the hour, and the budgets of tenants."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the migration."""
    op.create_table(
        "ledger",
        sa.Column("call_id", sa.String(length=64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tenant_id", sa.String(length=255), nullable=False),
        sa.Column("env", sa.String(length=255), nullable=False),
        sa.Column("meter", sa.String(length=255), nullable=False),
        sa.Column("units", sa.BigInteger(), nullable=False),
        sa.Column("tool", sa.String(length=128), nullable=False),
        sa.Column("written_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("call_id"),
    )
    with op.batch_alter_table("ledger", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_ledger_written_at"), ["written_at"], unique=False)
        batch_op.create_index("units_of_a_tenant", ["tenant_id", "at"], unique=False)

    op.create_table(
        "plans",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column(
            "terms", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False
        ),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "usage_hours",
        sa.Column("usage_id", sa.String(length=64), nullable=False),
        sa.Column("hour", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tenant_id", sa.String(length=255), nullable=False),
        sa.Column("env", sa.String(length=255), nullable=False),
        sa.Column("tool", sa.String(length=128), nullable=False),
        sa.Column("sub", sa.String(length=2048), nullable=False),
        sa.Column("client_id", sa.String(length=2048), nullable=False),
        sa.Column("grant_id", sa.String(length=255), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("meter", sa.String(length=255), nullable=False),
        sa.Column("calls", sa.BigInteger(), nullable=False),
        sa.Column("units", sa.BigInteger(), nullable=False),
        sa.Column("under_5", sa.BigInteger(), nullable=False),
        sa.Column("under_10", sa.BigInteger(), nullable=False),
        sa.Column("under_25", sa.BigInteger(), nullable=False),
        sa.Column("under_50", sa.BigInteger(), nullable=False),
        sa.Column("under_100", sa.BigInteger(), nullable=False),
        sa.Column("under_250", sa.BigInteger(), nullable=False),
        sa.Column("under_500", sa.BigInteger(), nullable=False),
        sa.Column("under_1000", sa.BigInteger(), nullable=False),
        sa.Column("under_2500", sa.BigInteger(), nullable=False),
        sa.Column("under_5000", sa.BigInteger(), nullable=False),
        sa.Column("under_10000", sa.BigInteger(), nullable=False),
        sa.Column("under_30000", sa.BigInteger(), nullable=False),
        sa.Column("under_60000", sa.BigInteger(), nullable=False),
        sa.Column("longer", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("usage_id"),
    )
    with op.batch_alter_table("usage_hours", schema=None) as batch_op:
        batch_op.create_index("hours_of_a_tenant", ["tenant_id", "hour"], unique=False)
        batch_op.create_index(batch_op.f("ix_usage_hours_hour"), ["hour"], unique=False)

    with op.batch_alter_table("tenants", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column(
                "budgets", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=True
            )
        )
        batch_op.add_column(sa.Column("plan_changed_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.create_index(
            batch_op.f("ix_tenants_plan_changed_at"), ["plan_changed_at"], unique=False
        )


def downgrade() -> None:
    """Undo the migration."""
    with op.batch_alter_table("tenants", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_tenants_plan_changed_at"))
        batch_op.drop_column("plan_changed_at")
        batch_op.drop_column("budgets")

    with op.batch_alter_table("usage_hours", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_usage_hours_hour"))
        batch_op.drop_index("hours_of_a_tenant")

    op.drop_table("usage_hours")
    op.drop_table("plans")
    with op.batch_alter_table("ledger", schema=None) as batch_op:
        batch_op.drop_index("units_of_a_tenant")
        batch_op.drop_index(batch_op.f("ix_ledger_written_at"))

    op.drop_table("ledger")
