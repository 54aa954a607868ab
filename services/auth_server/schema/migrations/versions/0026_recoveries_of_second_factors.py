"""Add the recoveries of lost second factors."""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the migration."""
    with op.batch_alter_table("people", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("password_by_mail_at", sa.DateTime(timezone=True), nullable=True)
        )
    op.create_table(
        "factor_recoveries",
        sa.Column("person_id", sa.String(length=255), nullable=False),
        sa.Column("recovery_id", sa.String(length=64), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ready_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("told_ready", sa.Boolean(), nullable=False),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["people.person_id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("person_id"),
        sa.UniqueConstraint("recovery_id"),
    )
    with op.batch_alter_table("factor_recoveries", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_factor_recoveries_expires_at"), ["expires_at"])
        batch_op.create_index(batch_op.f("ix_factor_recoveries_ready_at"), ["ready_at"])


def downgrade() -> None:
    """Undo the migration."""
    op.drop_table("factor_recoveries")
    with op.batch_alter_table("people", schema=None) as batch_op:
        batch_op.drop_column("password_by_mail_at")
