"""Add when a provider told that a person's sessions there ended."""

import sqlalchemy as sa
from alembic import op

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the migration."""
    at = sa.DateTime(timezone=True)
    op.add_column("identities", sa.Column("ended_at", at, nullable=True))


def downgrade() -> None:
    """Undo the migration."""
    op.drop_column("identities", "ended_at")
