"""Judge new passwords: by their length, and by lists of those that everybody guesses first.

There are no rules about kinds of characters, and passwords do not expire (NIST SP 800-63B §3.1.1).
"""

from auth_server.records.people.passwords import LONGEST, SHORTEST
from auth_server.records.people.table import Person
from auth_server.rendering.translation import translatable

_FEWEST_CHARACTERS = 4
_ROWS = ("abcdefghijklmnopqrstuvwxyz", "01234567890123456789", "qwertyuiop", "asdfghjkl", "zxcvbnm")
# The words that begin most of the passwords in lists of leaked ones.
_COMMON = frozenset(
    [
        "password",
        "passwort",
        "passw0rd",
        "p@ssword",
        "p@ssw0rd",
        "letmein",
        "welcome",
        "willkommen",
        "iloveyou",
        "sunshine",
        "princess",
        "football",
        "baseball",
        "superman",
        "batman",
        "starwars",
        "dragon",
        "monkey",
        "shadow",
        "master",
        "michael",
        "jennifer",
        "charlie",
        "trustno1",
        "whatever",
        "freedom",
        "computer",
        "internet",
        "admin",
        "administrator",
        "changeme",
        "default",
        "secret",
        "geheim",
        "hallo",
        "hello",
        "qwerty",
        "qwertz",
        "azerty",
        "abc123",
        "1q2w3e4r",
        "1qaz2wsx",
        "zaq12wsx",
        "asdfghjkl",
        "login",
        "user",
        "test",
        "guest",
    ]
)


def find_problem(password: str, person: Person, product: str) -> str | None:
    """Return why a password can't be used, for the person; None if it can.

    Args:
        password: the new password.
        person: whose it will be.
        product: the product's name.
    """
    if len(password) < SHORTEST:
        return translatable("Use at least 8 characters.")
    if len(password) > LONGEST:
        return translatable("This password is too long.")
    plain = password.casefold()
    stem = plain.rstrip("0123456789!?.,-_*#$%&+ ")
    own = {person.person_id, person.name, product, person.email or "", *person.name.split()}
    own |= {(person.email or "").partition("@")[0]}
    names = {name.casefold() for name in own if name}
    if (
        len(set(plain)) < _FEWEST_CHARACTERS
        or not {plain, stem}.isdisjoint(_COMMON | names)
        or any(plain in row or plain[::-1] in row for row in _ROWS)
        or (stem.strip("0123456789") == "" and len(plain) < 12)
    ):
        return translatable("This password is easy to guess. Choose another one.")
    return None
