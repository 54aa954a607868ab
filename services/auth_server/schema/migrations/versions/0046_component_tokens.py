"""Add the tokens of the component in a SaaS's own pages."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0046"
down_revision = "0045"
branch_labels = None
depends_on = None

_JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
_REFERENCES = (
    ("admin_token_id", "admin_tokens.token_id", 32),
    ("person_id", "people.person_id", 255),
    ("tenant_id", "tenants.tenant_id", 255),
)


def upgrade() -> None:
    """Apply the migration."""
    op.create_table(
        "component_tokens",
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        *(
            sa.Column(name, sa.String(length=length), nullable=False)
            for name, _, length in _REFERENCES
        ),
        sa.Column("scopes", _JSON, nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        *(
            sa.ForeignKeyConstraint([name], [target], ondelete="CASCADE")
            for name, target, _ in _REFERENCES
        ),
        sa.PrimaryKeyConstraint("token_hash"),
    )
    # The table is empty, so these indexes take no time.
    for column in (*(name for name, _, _ in _REFERENCES), "expires_at"):
        op.create_index(f"ix_component_tokens_{column}", "component_tokens", [column])


def downgrade() -> None:
    """Undo the migration; the SaaS asks for new tokens after the next upgrade."""
    op.drop_table("component_tokens")
