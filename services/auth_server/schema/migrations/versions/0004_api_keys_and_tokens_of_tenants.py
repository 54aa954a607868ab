"""Let a tenant decide whether its members have API keys, and how long access tokens live."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the migration."""
    with op.batch_alter_table("tenants", schema=None) as batch_op:
        batch_op.add_column(sa.Column("api_keys", sa.Boolean(), nullable=True))
        batch_op.add_column(sa.Column("longest_token", sa.Integer(), nullable=True))


def downgrade() -> None:
    """Undo the migration."""
    with op.batch_alter_table("tenants", schema=None) as batch_op:
        batch_op.drop_column("longest_token")
        batch_op.drop_column("api_keys")
