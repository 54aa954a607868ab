"""Places in lists that are ordered by time."""

from datetime import datetime

from auth_server.administration.errors import Refused


def write_place(at: datetime, name: str) -> str:
    """Write the place of a row, which the request for the following page sends as `after`."""
    return f"{at.isoformat()}~{name}"


def read_place(text: str) -> tuple[datetime, str] | None:
    """Read a place; None if the text is empty.

    Raises:
        Refused: it is not the `next` of another page.
    """
    if not text:
        return None
    at, _, name = text.partition("~")
    try:
        read = datetime.fromisoformat(at)
    except ValueError:
        read = None
    if read is None or read.tzinfo is None:
        raise Refused("after", "must be the `next` of the page before")
    return read, name
