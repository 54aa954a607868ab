"""Add what an authorization request says about pages, and where people return to after signing out."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0044"
down_revision = "0043"
branch_labels = None
depends_on = None

_JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    """Apply the migration."""
    for name in ("silent", "choose_account"):
        no = sa.false()
        op.add_column(
            "transactions", sa.Column(name, sa.Boolean(), nullable=False, server_default=no)
        )
    op.add_column("transactions", sa.Column("wanted_class", sa.String(length=32), nullable=True))
    op.add_column(
        "transactions", sa.Column("expected_person", sa.String(length=255), nullable=True)
    )
    op.add_column(
        "clients",
        sa.Column("post_logout_redirect_uris", _JSON, nullable=False, server_default="[]"),
    )


def downgrade() -> None:
    """Undo the migration."""
    op.drop_column("clients", "post_logout_redirect_uris")
    for name in ("expected_person", "wanted_class", "choose_account", "silent"):
        op.drop_column("transactions", name)
