"""Add device authorizations, and the requests that people answer for a device."""

import sqlalchemy as sa
from alembic import op

revision = "0041"
down_revision = "0040"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the migration."""
    at = sa.DateTime(timezone=True)
    op.create_table(
        "device_authorizations",
        sa.Column("device_code_hash", sa.String(length=64), nullable=False),
        sa.Column("user_code_mac", sa.String(length=43), nullable=False),
        sa.Column("family_id", sa.String(length=64), nullable=False),
        sa.Column("client_id", sa.String(length=1024), nullable=False),
        sa.Column("resource", sa.String(length=512), nullable=False),
        sa.Column("scope", sa.String(length=2048), nullable=False),
        sa.Column("address", sa.String(length=64), nullable=False),
        sa.Column("created_at", at, nullable=False),
        sa.Column("expires_at", at, nullable=False),
        sa.Column("poll_interval", sa.Integer(), nullable=False),
        sa.Column("next_poll_at", at, nullable=False),
        sa.Column("person_id", sa.String(length=255), nullable=True),
        sa.Column("grant_id", sa.String(length=64), nullable=True),
        sa.Column("answered_at", at, nullable=True),
        sa.Column("redeemed_at", at, nullable=True),
        sa.ForeignKeyConstraint(["client_id"], ["clients.client_id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["person_id"], ["people.person_id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["grant_id"], ["grants.grant_id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("device_code_hash"),
    )
    # The table is empty, so these indexes take no time.
    for column in ("client_id", "expires_at", "grant_id", "person_id"):
        op.create_index(f"ix_device_authorizations_{column}", "device_authorizations", [column])
    op.create_index(
        "ix_device_authorizations_user_code_mac",
        "device_authorizations",
        ["user_code_mac"],
        unique=True,
    )
    op.add_column("transactions", sa.Column("device_code_hash", sa.String(64), nullable=True))


def downgrade() -> None:
    """Undo the migration; devices must begin again."""
    op.execute("DELETE FROM transactions WHERE device_code_hash IS NOT NULL")
    op.drop_column("transactions", "device_code_hash")
    op.drop_table("device_authorizations")
