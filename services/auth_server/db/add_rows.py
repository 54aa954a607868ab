"""Add many rows in one statement, or add to those that exist."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, String, Table, any_, bindparam, func, select
from sqlalchemy.dialects import postgresql, sqlite

from auth_server.db.engine import DbSession


def is_among(db: DbSession, column: Any, values: Iterable[str]) -> ColumnElement[bool]:
    """Match a column against many texts; on PostgreSQL, they are one array, as in `add_rows`."""
    if db.get_bind().dialect.name == "postgresql":
        among: ColumnElement[bool] = column == any_(
            bindparam(None, list(values), type_=ARRAY(String))
        )
        return among
    matched: ColumnElement[bool] = column.in_(list(values))
    return matched


async def add_rows(
    db: DbSession,
    table: Any,
    rows: Sequence[Mapping[str, Any]],
    *,
    key: str | tuple[str, ...],
    sums: Sequence[str] = (),
    values: Mapping[str, Any] | None = None,
) -> list[Any]:
    """Add rows whose key is new; in those that exist, add to the sums and set the values.

    On PostgreSQL, each column is one array, which costs a third of a parameter for each value.

    Args:
        db: the transaction.
        table: the class of the table.
        rows: the rows, with the same columns and different keys, ordered by the key, because two
            transactions that change the same rows in different orders could deadlock.
        key: the primary key.
        sums: the columns to add to, where a row exists.
        values: the values to set, where a row exists.

    Returns:
        The first column of the key of each row that was added or changed.
    """
    if not rows:
        return []
    columns = [key] if isinstance(key, str) else list(key)
    target: Table = table.__table__
    changing = bool(sums or values)
    if db.get_bind().dialect.name == "postgresql":
        source = select(
            *(
                func.unnest(
                    bindparam(name, [row[name] for row in rows], type_=ARRAY(target.c[name].type))
                ).label(name)
                for name in rows[0]
            )
        )
        adding: Any = postgresql.insert(target).from_select(list(rows[0]), source)
        parameters: Any = None
    else:
        adding, parameters = sqlite.insert(target), list(rows)
    if changing:
        added = {name: target.c[name] + adding.excluded[name] for name in sums}
        adding = adding.on_conflict_do_update(
            index_elements=columns, set_={**added, **(values or {})}
        )
    else:
        adding = adding.on_conflict_do_nothing(index_elements=columns)
    if changing and parameters is not None:
        await db.execute(adding, parameters)
        return [row[columns[0]] for row in rows]
    adding = adding.returning(target.c[columns[0]])
    return list((await db.execute(adding, parameters)).scalars().all())
