"""Add prepaid credit and what was taken from it."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the migration."""
    op.create_table(
        "credits",
        sa.Column("credit_id", sa.String(length=255), nullable=False),
        sa.Column("tenant_id", sa.String(length=255), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("amount", sa.String(length=60), nullable=False),
        sa.Column("source", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=300), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("credit_id"),
    )
    with op.batch_alter_table("credits", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_credits_tenant_id"), ["tenant_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_credits_expires_at"), ["expires_at"], unique=False)
    op.create_table(
        "credit_uses",
        sa.Column("credit_id", sa.String(length=255), nullable=False),
        sa.Column("cause", sa.String(length=255), nullable=False),
        sa.Column("amount", sa.String(length=60), nullable=False),
        sa.Column("units", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["credit_id"], ["credits.credit_id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("credit_id", "cause"),
    )


def downgrade() -> None:
    """Undo the migration."""
    op.drop_table("credit_uses")
    op.drop_table("credits")
