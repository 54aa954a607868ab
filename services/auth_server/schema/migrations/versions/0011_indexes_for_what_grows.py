"""Index the tables that grow with people, as pages, revocations and purges read them."""

from alembic import op

from auth_server.schema.concurrently import without_locks

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_INDEXES = (
    ("authorization_codes", "expires_at"),
    ("authorization_codes", "grant_id"),
    ("grants", "tenant_id"),
    ("memberships", "tenant_id"),
    ("refresh_tokens", "grant_id"),
    ("refresh_tokens", "idle_expires_at"),
    ("sessions", "expires_at"),
)


def upgrade() -> None:
    """Apply the migration; PostgreSQL builds the indexes while others write."""
    with without_locks():
        for table, column in _INDEXES:
            name = f"ix_{table}_{column}"
            # An interrupted build leaves an invalid index.
            op.drop_index(name, table, if_exists=True, postgresql_concurrently=True)
            op.create_index(name, table, [column], postgresql_concurrently=True)


def downgrade() -> None:
    """Undo the migration."""
    for table, column in reversed(_INDEXES):
        op.drop_index(f"ix_{table}_{column}", table)
