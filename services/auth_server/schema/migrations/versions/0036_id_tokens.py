"""Add what ID tokens need: the nonce of a request, and how the person had signed in."""

import sqlalchemy as sa
from alembic import op

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the migration."""
    at = sa.DateTime(timezone=True)
    op.add_column("transactions", sa.Column("nonce", sa.String(length=512), nullable=True))
    op.create_table(
        "authentications",
        sa.Column("family_id", sa.String(length=64), nullable=False),
        sa.Column("grant_id", sa.String(length=64), nullable=False),
        sa.Column("nonce", sa.String(length=512), nullable=True),
        sa.Column("signed_in_at", at, nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("method", sa.String(length=64), nullable=False),
        sa.Column("session_id", sa.String(length=64), nullable=False),
        sa.Column("expires_at", at, nullable=False),
        sa.ForeignKeyConstraint(["grant_id"], ["grants.grant_id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("family_id"),
    )
    # The table is empty, so these indexes take no time.
    op.create_index("ix_authentications_grant_id", "authentications", ["grant_id"])
    op.create_index("ix_authentications_expires_at", "authentications", ["expires_at"])


def downgrade() -> None:
    """Undo the migration."""
    op.drop_table("authentications")
    op.drop_column("transactions", "nonce")
