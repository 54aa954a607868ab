"""Add whose the names of tools are, so that a granted name opens the tool of its API only."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0054"
down_revision = "0053"
branch_labels = None
depends_on = None

_JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
_COLUMNS = (
    ("grants", "apis"),
    ("api_keys", "apis"),
    ("ceilings", "apis"),
    ("tenant_app_choices", "ceiling_apis"),
)


def upgrade() -> None:
    """Apply the migration."""
    op.create_table(
        "tool_names",
        sa.Column("resource", sa.String(512), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("taken", _JSON, nullable=False),
        sa.Column("gone", _JSON, nullable=False),
        sa.PrimaryKeyConstraint("resource"),
    )
    for table, column in _COLUMNS:
        op.add_column(table, sa.Column(column, _JSON, nullable=True))


def downgrade() -> None:
    """Undo the migration."""
    for table, column in _COLUMNS:
        op.drop_column(table, column)
    op.drop_table("tool_names")
