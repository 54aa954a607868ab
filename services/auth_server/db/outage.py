"""Tell in one sentence that the database can't be used."""

from sqlalchemy.exc import InterfaceError, OperationalError

from auth_server.db.raw_sql import DatabaseUnavailable


def describe_outage(error: Exception) -> str | None:
    """Describe an error of the database; None if it is another error.

    The drivers' first line names the server and the reason, and never a password.
    """
    if not isinstance(error, OperationalError | InterfaceError | DatabaseUnavailable):
        return None
    reason = str(getattr(error, "orig", None) or error).partition("\n")[0]
    return f"the database that database_url names can't be used: {reason}"
