"""Add the metered hours and the exports of usage."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_OPEN = sa.text("state IN ('planned', 'sent')")
_TO_EXPORT = sa.text("units <> exported AND problem = ''")


def upgrade() -> None:
    """Apply the migration."""
    op.create_table(
        "export_customers",
        sa.Column("tenant_id", sa.String(length=255), nullable=False),
        sa.Column("customer", sa.String(length=255), nullable=False),
        sa.Column("licence", sa.String(length=255), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id"),
    )
    op.create_table(
        "metered_hours",
        sa.Column("tenant_id", sa.String(length=255), nullable=False),
        sa.Column("meter", sa.String(length=255), nullable=False),
        sa.Column("hour", sa.DateTime(timezone=True), nullable=False),
        sa.Column("units", sa.BigInteger(), nullable=False),
        sa.Column("exported", sa.BigInteger(), nullable=False),
        sa.Column("problem", sa.String(length=300), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "meter", "hour"),
    )
    op.create_index(
        "hours_to_export",
        "metered_hours",
        ["hour", "tenant_id", "meter"],
        unique=False,
        sqlite_where=_TO_EXPORT,
        postgresql_where=_TO_EXPORT,
    )
    op.create_table(
        "usage_exports",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("identifier", sa.String(length=100), nullable=False),
        sa.Column("system", sa.String(length=32), nullable=False),
        sa.Column("tenant_id", sa.String(length=255), nullable=False),
        sa.Column("meter", sa.String(length=255), nullable=False),
        sa.Column("hour", sa.DateTime(timezone=True), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("units", sa.BigInteger(), nullable=False),
        sa.Column("customer", sa.String(length=255), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("first_attempt_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("missing_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("problem", sa.String(length=300), nullable=False),
        sa.PrimaryKeyConstraint("number"),
        sa.UniqueConstraint("identifier"),
    )
    op.create_index(
        "exports_of_an_hour", "usage_exports", ["tenant_id", "meter", "hour"], unique=False
    )
    op.create_index("ix_usage_exports_state", "usage_exports", ["state"], unique=False)
    op.create_index(
        "open_exports",
        "usage_exports",
        ["tenant_id", "number"],
        unique=False,
        sqlite_where=_OPEN,
        postgresql_where=_OPEN,
    )
    with op.batch_alter_table("billing_accounts", schema=None) as batch_op:
        batch_op.add_column(sa.Column("subscribed_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    """Undo the migration."""
    with op.batch_alter_table("billing_accounts", schema=None) as batch_op:
        batch_op.drop_column("subscribed_at")
    op.drop_table("usage_exports")
    op.drop_table("metered_hours")
    op.drop_table("export_customers")
