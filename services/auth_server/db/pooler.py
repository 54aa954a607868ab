"""PostgreSQL behind a pooler that gives a connection for each transaction, such as PgBouncer."""

from typing import Any

from sqlalchemy.engine import URL, make_url

_OPTION = "pool_mode"
_TRANSACTION = "transaction"


def read_postgres_url(url: str) -> tuple[URL, bool]:
    """Separate the URL of a server from our own option, `pool_mode`.

    Returns:
        The URL for the driver, and whether a session ends with each transaction: then nothing of it
        lasts, such as prepared statements, settings and locks.

    Raises:
        ValueError: the option has another value.
    """
    parsed = make_url(url)
    mode = parsed.query.get(_OPTION, "session")
    if mode not in {"session", _TRANSACTION}:
        raise ValueError("pool_mode must be session or transaction")
    return parsed.difference_update_query([_OPTION]), mode == _TRANSACTION


def prepare_nothing(pooled: bool) -> dict[str, Any]:
    """Return the driver's options: a prepared statement would stay with the pooler's connection."""
    return {"prepare_threshold": None} if pooled else {}


def is_pooled(url: str) -> bool:
    """Return whether a database is PostgreSQL behind such a pooler."""
    return url.startswith("postgresql") and read_postgres_url(url)[1]
