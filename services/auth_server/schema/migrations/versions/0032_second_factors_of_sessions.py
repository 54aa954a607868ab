"""Add to each session when the second factor that it was begun with had been added."""

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the migration."""
    at = sa.DateTime(timezone=True)
    op.add_column("sessions", sa.Column("factor_added_at", at, nullable=True))


def downgrade() -> None:
    """Undo the migration."""
    op.drop_column("sessions", "factor_added_at")
