"""Add the apps that tenants connect for their members, and grants that are not the person's own."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from auth_server.schema.concurrently import without_locks

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None

_JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
_LIVE = sa.text("revoked_at IS NULL")
_FORMER = ["person_id", "client_id", "tenant_id", "resource"]


def upgrade() -> None:
    """Apply the migration; the former release stores only grants of people, which stay unique."""
    at = sa.DateTime(timezone=True)
    op.create_table(
        "tenant_apps",
        sa.Column("tenant_id", sa.String(length=255), nullable=False),
        sa.Column("client_id", sa.String(length=1024), nullable=False),
        sa.Column("resource", sa.String(length=512), nullable=False),
        sa.Column("provider", sa.String(length=32), nullable=False),
        sa.Column("ceilings", _JSON, nullable=False),
        sa.Column("changed_at", at, nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.tenant_id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["provider"], ["tenant_providers.provider"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("tenant_id", "client_id", "resource"),
    )
    op.create_table(
        "tenant_app_choices",
        sa.Column("person_id", sa.String(length=255), nullable=False),
        sa.Column("tenant_id", sa.String(length=255), nullable=False),
        sa.Column("client_id", sa.String(length=1024), nullable=False),
        sa.Column("resource", sa.String(length=512), nullable=False),
        sa.Column("client_name", sa.String(length=120), nullable=False),
        sa.Column("ceiling_tools", _JSON, nullable=False),
        sa.Column("ceiling_data_scope", sa.String(length=4096), nullable=False),
        sa.Column("declined", _JSON, nullable=False),
        sa.Column("data_scope", sa.String(length=4096), nullable=False),
        sa.Column("ended_at", at, nullable=True),
        sa.Column("ended_by", sa.String(length=16), nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["people.person_id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.tenant_id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("person_id", "tenant_id", "client_id", "resource"),
    )
    # The tables are empty, so these indexes take no time.
    op.create_index("ix_tenant_apps_client_id", "tenant_apps", ["client_id"])
    op.create_index("ix_tenant_apps_provider", "tenant_apps", ["provider"])
    op.create_index("ix_tenant_app_choices_tenant_id", "tenant_app_choices", ["tenant_id"])
    op.add_column(
        "grants", sa.Column("by_tenant", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    with without_locks():
        _drop("one_live_grant_of_each_kind")
        _create("one_live_grant_of_each_kind", [*_FORMER, "by_tenant"])
        _drop("one_live_grant")


def downgrade() -> None:
    """Undo the migration; the grants that tenants made are ended."""
    op.execute("UPDATE grants SET revoked_at = updated_at WHERE by_tenant AND revoked_at IS NULL")
    op.drop_index("one_live_grant_of_each_kind", "grants")
    op.create_index(
        "one_live_grant",
        "grants",
        _FORMER,
        unique=True,
        sqlite_where=_LIVE,
        postgresql_where=_LIVE,
    )
    op.drop_column("grants", "by_tenant")
    op.drop_table("tenant_app_choices")
    op.drop_table("tenant_apps")


def _create(name: str, columns: list[str]) -> None:
    op.create_index(
        name,
        "grants",
        columns,
        unique=True,
        sqlite_where=_LIVE,
        postgresql_where=_LIVE,
        postgresql_concurrently=True,
    )


def _drop(name: str) -> None:
    op.drop_index(name, "grants", if_exists=True, postgresql_concurrently=True)
