"""Add the keys to which codes and refresh tokens are bound, and the clients that require one."""

import sqlalchemy as sa
from alembic import op

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None

_REQUIRED = ("dpop_bound_access_tokens", "tls_client_certificate_bound_access_tokens")


def upgrade() -> None:
    """Apply the migration."""
    op.add_column("transactions", sa.Column("dpop_jkt", sa.String(43), nullable=True))
    op.add_column("authorization_codes", sa.Column("dpop_jkt", sa.String(43), nullable=True))
    op.add_column("refresh_tokens", sa.Column("bound_to", sa.String(64), nullable=True))
    for name in _REQUIRED:
        flag = sa.Boolean()
        op.add_column("clients", sa.Column(name, flag, nullable=False, server_default=sa.false()))


def downgrade() -> None:
    """Undo the migration."""
    for name in _REQUIRED:
        op.drop_column("clients", name)
    op.drop_column("refresh_tokens", "bound_to")
    op.drop_column("authorization_codes", "dpop_jkt")
    op.drop_column("transactions", "dpop_jkt")
