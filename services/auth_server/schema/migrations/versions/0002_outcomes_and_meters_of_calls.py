"""Record the outcome of each call, and the meter of its units."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the migration."""
    with op.batch_alter_table("call_log", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("outcome", sa.String(length=16), nullable=False, server_default="success")
        )
        batch_op.add_column(
            sa.Column("meter", sa.String(length=255), nullable=False, server_default="")
        )
        batch_op.add_column(
            sa.Column("counted", sa.Boolean(), nullable=False, server_default=sa.true())
        )


def downgrade() -> None:
    """Undo the migration."""
    with op.batch_alter_table("call_log", schema=None) as batch_op:
        batch_op.drop_column("counted")
        batch_op.drop_column("meter")
        batch_op.drop_column("outcome")
