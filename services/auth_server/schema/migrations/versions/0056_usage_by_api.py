"""Add which of several APIs the calls of an hour were for."""

import sqlalchemy as sa
from alembic import op

revision = "0056"
down_revision = "0054"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the migration."""
    column = sa.Column("api", sa.String(32), nullable=False, server_default="")
    op.add_column("usage_hours", column)


def downgrade() -> None:
    """Undo the migration."""
    op.drop_column("usage_hours", "api")
