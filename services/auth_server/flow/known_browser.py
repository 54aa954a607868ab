"""Recognise browsers with which a person signed in before, by a cookie that can't be forged."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from starlette.responses import Response

from auth_server.keys import Keys
from auth_server.secrets import NewSecret
from auth_server.settings import AuthServerSettings
from auth_server.web.browser import read_known, set_known
from auth_server.web.dependencies import KeysInUse, SecretMaker, Settings

_MOST_PEOPLE = 5


def is_known(known: str, person_id: str, keys: Keys) -> bool:
    """Return whether the person signed in before with the browser of this cookie."""
    browser, *marks = known.split(".")
    marks = marks[:_MOST_PEOPLE]
    return any(keys.verify(mark, "known browser", browser, person_id) for mark in marks)


def make_known(known: str | None, person_id: str, keys: Keys, new_secret: NewSecret) -> str:
    """Add a person to the cookie of a browser, which keeps the last five people."""
    browser, *marks = (known or new_secret()).split(".")
    mark = keys.sign("known browser", browser, person_id)
    others = [given for given in marks if given != mark]
    return ".".join([browser, mark, *others][: _MOST_PEOPLE + 1])


@dataclass(frozen=True, slots=True)
class KnownBrowser:
    """The browser that sends a request, with the people who signed in with it."""

    request: Request
    settings: AuthServerSettings
    keys: Keys
    new_secret: NewSecret

    def remember(self, response: Response, person_id: str) -> None:
        """Set the cookie that records this person's sign-in with the browser."""
        known = read_known(self.request, self.settings)
        made = make_known(known, person_id, self.keys, self.new_secret)
        set_known(response, self.settings, made)


async def _known_browser(
    request: Request, settings: Settings, keys: KeysInUse, new_secret: SecretMaker
) -> KnownBrowser:
    return KnownBrowser(request, settings, keys, new_secret)


Known = Annotated[KnownBrowser, Depends(_known_browser)]
