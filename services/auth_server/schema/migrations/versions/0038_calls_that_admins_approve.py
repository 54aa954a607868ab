"""Add the calls that admins approve, and each tenant's rule for them."""

import sqlalchemy as sa
from alembic import op

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the migration."""
    op.add_column("tenants", sa.Column("approval", sa.String(length=16), nullable=True))
    op.create_table(
        "call_approvals",
        sa.Column("approval_id", sa.String(length=64), nullable=False),
        sa.Column("tenant_id", sa.String(length=255), nullable=False),
        sa.Column("sub", sa.String(length=255), nullable=False),
        sa.Column("client_id", sa.String(length=1024), nullable=False),
        sa.Column("client_name", sa.String(length=200), nullable=False),
        sa.Column("resource", sa.String(length=2048), nullable=False),
        sa.Column("tool", sa.String(length=128), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.tenant_id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("approval_id"),
    )
    with op.batch_alter_table("call_approvals", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_call_approvals_expires_at"), ["expires_at"])
        batch_op.create_index(batch_op.f("ix_call_approvals_tenant_id"), ["tenant_id"])


def downgrade() -> None:
    """Undo the migration."""
    op.drop_table("call_approvals")
    op.drop_column("tenants", "approval")
