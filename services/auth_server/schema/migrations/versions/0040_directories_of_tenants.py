"""Add the users, groups and tokens of tenants' directories."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0040"
down_revision = "0039"
branch_labels = None
depends_on = None

_JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
_AT = sa.DateTime(timezone=True)


def _text(name: str, length: int, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(length=length), nullable=nullable)


def _ends_with(column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [target], ondelete="CASCADE")


def upgrade() -> None:
    """Apply the migration; the tables are empty, so their indexes take no time."""
    op.create_table(
        "directory_tokens",
        _text("token_id", 32),
        _text("token_hash", 64),
        _text("tenant_id", 255),
        _text("provider", 32),
        _text("label", 100),
        _text("data_scope", 4096),
        _text("created_by", 255),
        sa.Column("created_at", _AT, nullable=False),
        sa.Column("last_used_at", _AT, nullable=True),
        sa.Column("revoked_at", _AT, nullable=True),
        _ends_with("tenant_id", "tenants.tenant_id"),
        _ends_with("provider", "tenant_providers.provider"),
        sa.PrimaryKeyConstraint("token_id"),
        sa.UniqueConstraint("token_hash"),
    )
    op.create_index("ix_directory_tokens_tenant_id", "directory_tokens", ["tenant_id"])
    op.create_index("ix_directory_tokens_provider", "directory_tokens", ["provider"])
    op.create_table(
        "directory_users",
        _text("user_id", 64),
        _text("tenant_id", 255),
        _text("provider", 32),
        _text("person_id", 255),
        _text("user_name", 320),
        _text("user_name_key", 320),
        _text("external_id", 255, nullable=True),
        _text("email", 320),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("attributes", _JSON, nullable=False),
        _text("role", 32),
        _text("data_scope", 4096),
        sa.Column("created_at", _AT, nullable=False),
        sa.Column("updated_at", _AT, nullable=False),
        _ends_with("tenant_id", "tenants.tenant_id"),
        _ends_with("provider", "tenant_providers.provider"),
        _ends_with("person_id", "people.person_id"),
        sa.PrimaryKeyConstraint("user_id"),
    )
    for name, columns, unique in (
        ("one_directory_user_of_a_name", ["tenant_id", "user_name_key"], True),
        ("one_directory_user_of_a_person", ["tenant_id", "person_id"], True),
        ("ix_directory_users_external_id", ["tenant_id", "external_id"], False),
        ("ix_directory_users_person_id", ["person_id"], False),
        ("ix_directory_users_provider", ["provider"], False),
    ):
        op.create_index(name, "directory_users", columns, unique=unique)
    op.create_table(
        "directory_groups",
        _text("group_id", 64),
        _text("tenant_id", 255),
        _text("provider", 32),
        _text("display_name", 200),
        _text("display_name_key", 200),
        _text("external_id", 200, nullable=True),
        sa.Column("created_at", _AT, nullable=False),
        sa.Column("updated_at", _AT, nullable=False),
        _ends_with("tenant_id", "tenants.tenant_id"),
        _ends_with("provider", "tenant_providers.provider"),
        sa.PrimaryKeyConstraint("group_id"),
    )
    for name, columns, unique in (
        ("one_directory_group_of_a_name", ["tenant_id", "display_name_key"], True),
        ("ix_directory_groups_external_id", ["tenant_id", "external_id"], False),
        ("ix_directory_groups_provider", ["provider"], False),
    ):
        op.create_index(name, "directory_groups", columns, unique=unique)
    op.create_table(
        "directory_group_members",
        _text("group_id", 64),
        _text("user_id", 64),
        _ends_with("group_id", "directory_groups.group_id"),
        _ends_with("user_id", "directory_users.user_id"),
        sa.PrimaryKeyConstraint("group_id", "user_id"),
    )
    op.create_index("ix_directory_group_members_user_id", "directory_group_members", ["user_id"])
    op.add_column("tenant_app_choices", sa.Column("groups", _JSON, nullable=True))


def downgrade() -> None:
    """Undo the migration."""
    op.drop_column("tenant_app_choices", "groups")
    op.drop_table("directory_group_members")
    op.drop_table("directory_groups")
    op.drop_table("directory_users")
    op.drop_table("directory_tokens")
