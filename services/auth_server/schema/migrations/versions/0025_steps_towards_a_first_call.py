"""Count how far apps and people come on the way to a first call, and what agents try in vain."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the migration."""
    op.create_table(
        "connect_steps",
        sa.Column("day", sa.DateTime(timezone=True), nullable=False),
        sa.Column("step", sa.String(length=32), nullable=False),
        sa.Column("result", sa.String(length=100), nullable=False),
        sa.Column("times", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("day", "step", "result"),
    )
    op.create_table(
        "unmet_calls",
        sa.Column("day", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.String(length=64), nullable=False),
        sa.Column("tool", sa.String(length=128), nullable=False),
        sa.Column("error", sa.String(length=300), nullable=False),
        sa.Column("times", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("day", "reason", "tool", "error"),
    )
    with op.batch_alter_table("transactions", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("progress", sa.String(length=32), nullable=False, server_default="sign_in")
        )
    with op.batch_alter_table("grants", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_grants_created_at"), ["created_at"])


def downgrade() -> None:
    """Undo the migration."""
    with op.batch_alter_table("grants", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_grants_created_at"))
    with op.batch_alter_table("transactions", schema=None) as batch_op:
        batch_op.drop_column("progress")
    op.drop_table("unmet_calls")
    op.drop_table("connect_steps")
