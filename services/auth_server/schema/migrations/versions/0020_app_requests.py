"""Add the apps that members ask their admins for."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the migration."""
    op.create_table(
        "app_requests",
        sa.Column("request_id", sa.String(length=64), nullable=False),
        sa.Column("tenant_id", sa.String(length=255), nullable=False),
        sa.Column("person_id", sa.String(length=255), nullable=False),
        sa.Column("client_id", sa.String(length=1024), nullable=False),
        sa.Column("client_name", sa.String(length=120), nullable=False),
        sa.Column("vouched_for", sa.String(length=2048), nullable=False),
        sa.Column("redirect_host", sa.String(length=2048), nullable=False),
        sa.Column("scope", sa.String(length=2048), nullable=False),
        sa.Column("note", sa.String(length=500), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["people.person_id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.tenant_id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("request_id"),
    )
    with op.batch_alter_table("app_requests", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_app_requests_asked_at"), ["asked_at"])
        batch_op.create_index(batch_op.f("ix_app_requests_person_id"), ["person_id"])
        batch_op.create_index(batch_op.f("ix_app_requests_tenant_id"), ["tenant_id"])


def downgrade() -> None:
    """Undo the migration."""
    op.drop_table("app_requests")
