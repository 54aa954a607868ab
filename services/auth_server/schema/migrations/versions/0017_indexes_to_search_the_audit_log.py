"""Index the audit log as operators search it, in the order of the numbers."""

from alembic import op

from auth_server.schema.concurrently import without_locks

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_SEARCHED = ("event", "person_id", "client_id", "tenant_id", "grant_id")
_FORMER = ("event", "person_id", "tenant_id")
_INDEXES = {
    "ix_audit_log_at": ["at"],
    **{f"ix_audit_log_{name}_number": [name, "number"] for name in _SEARCHED},
}


def upgrade() -> None:
    """Apply the migration; PostgreSQL builds the indexes while others write."""
    with without_locks():
        for name, columns in _INDEXES.items():
            # An interrupted build leaves an invalid index.
            op.drop_index(name, "audit_log", if_exists=True, postgresql_concurrently=True)
            op.create_index(name, "audit_log", columns, postgresql_concurrently=True)
        for column in _FORMER:
            name = f"ix_audit_log_{column}"
            op.drop_index(name, "audit_log", if_exists=True, postgresql_concurrently=True)


def downgrade() -> None:
    """Undo the migration."""
    for column in _FORMER:
        op.create_index(f"ix_audit_log_{column}", "audit_log", [column])
    for name in _INDEXES:
        op.drop_index(name, "audit_log")
