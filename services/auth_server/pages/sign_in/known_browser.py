"""In which browsers a person signed in before, as a cookie says that nobody else could write."""

from starlette.requests import Request
from starlette.responses import Response

from auth_server.runtime import Runtime
from auth_server.web.browser import read_known, set_known

_MOST_PEOPLE = 5


def is_known(known: str, person_id: str, opened: Runtime) -> bool:
    """Tell whether this cookie's browser is one that the person signed in in before."""
    browser, *marks = known.split(".")
    return any(opened.keys.verify(mark, "known browser", browser, person_id) for mark in marks)


def make_known(known: str | None, person_id: str, opened: Runtime) -> str:
    """Write the cookie of a browser in which this person, too, has signed in.

    The latest few people count; the cookie grows no further.
    """
    browser, *marks = (known or opened.new_secret()).split(".")
    mark = opened.keys.sign("known browser", browser, person_id)
    others = [given for given in marks if given != mark]
    return ".".join([browser, mark, *others][: _MOST_PEOPLE + 1])


def remember(request: Request, response: Response, person_id: str, opened: Runtime) -> None:
    """Have the browser remember that this person signed in in it."""
    known = make_known(read_known(request, opened.settings), person_id, opened)
    set_known(response, opened.settings, known)
