"""Recognise the arguments that ask for the API's own credential, by their names."""

import re
from collections.abc import Collection

_NAMES = frozenset(
    """accesskey accesstoken apikey apisecret apitoken authkey authorization authtoken clientsecret
    oauthtoken secretkey token""".split()  # noqa: SIM905 - read as words
)


def find_credential(names: Collection[str]) -> str | None:
    """Return the first name that means the caller's credential, or None."""
    return next((n for n in sorted(names) if re.sub(r"[^a-z]", "", n.lower()) in _NAMES), None)
