"""Add the rule that members sign in with their tenant's own provider, and what a provider began."""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the migration."""
    at = sa.DateTime(timezone=True)
    op.add_column("tenants", sa.Column("provider_only_since", at, nullable=True))
    op.add_column("memberships", sa.Column("break_glass_since", at, nullable=True))
    for table in ("grants", "api_keys"):
        op.add_column(table, sa.Column("provider", sa.String(length=32), nullable=True))


def downgrade() -> None:
    """Undo the migration."""
    for table in ("api_keys", "grants"):
        op.drop_column(table, "provider")
    op.drop_column("memberships", "break_glass_since")
    op.drop_column("tenants", "provider_only_since")
