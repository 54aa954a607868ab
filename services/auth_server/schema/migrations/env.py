"""Alembic's environment, which `auth_server.schema.migrate` runs on its connection."""

from typing import Any, Literal

from alembic import context
from sqlmodel.sql.sqltypes import AutoString

from auth_server.db.types import Json, UtcDateTime
from auth_server.schema.tables import is_compared, metadata


def render_item(kind: str, item: Any, _: object) -> str | Literal[False]:
    """Write our column types as plain SQLAlchemy types, so that migrations never change."""
    if kind == "type" and isinstance(item, AutoString):
        return f"sa.String(length={item.length})"
    if kind == "type" and isinstance(item, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    if kind == "type" and item is Json:
        return 'sa.JSON().with_variant(postgresql.JSONB(), "postgresql")'
    return False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # SQLite can't alter most columns in place; a batch copies the table.
    render_as_batch=True,
    compare_type=True,
    include_name=is_compared,
    render_item=render_item,
    # A failed migration leaves the earlier ones, and a lock lasts for one migration.
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
