"""Add when a client last refreshed a token."""

import sqlalchemy as sa
from alembic import op

revision = "0045"
down_revision = "0044"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the migration."""
    at = sa.DateTime(timezone=True)
    op.add_column("clients", sa.Column("refreshed_at", at, nullable=True))


def downgrade() -> None:
    """Undo the migration."""
    op.drop_column("clients", "refreshed_at")
