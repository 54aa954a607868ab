"""Add the addresses that people had before, for those who undo a change."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the migration."""
    op.create_table(
        "email_changes",
        sa.Column("change_id", sa.String(length=64), nullable=False),
        sa.Column("person_id", sa.String(length=255), nullable=False),
        sa.Column("former_email", sa.String(length=320), nullable=False),
        sa.Column("undo_until", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["people.person_id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("change_id"),
    )
    with op.batch_alter_table("email_changes", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_email_changes_person_id"), ["person_id"])
        batch_op.create_index(batch_op.f("ix_email_changes_undo_until"), ["undo_until"])


def downgrade() -> None:
    """Undo the migration."""
    op.drop_table("email_changes")
