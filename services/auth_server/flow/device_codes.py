"""The code that a device shows and its person types."""

import hashlib

from auth_server.keys import Keys

_LETTERS = "BCDFGHJKLMNPQRSTVWXZ"
"""No vowels, so that no words arise, and no digits, which look like letters (RFC 8628 §6.1)."""
_LENGTH = 8
DEVICE_PAGE = "/device"
"""The page for the code, below the issuer."""


def make_user_code(secret: str) -> str:
    """Make a code of eight letters, which has 34 bits, from a random secret."""
    number = int.from_bytes(hashlib.sha256(secret.encode()).digest())
    letters = []
    for _ in range(_LENGTH):
        number, place = divmod(number, len(_LETTERS))
        letters.append(_LETTERS[place])
    return "".join(letters)


def show_user_code(code: str) -> str:
    """Write a code as people read it: in two halves."""
    return f"{code[: _LENGTH // 2]}-{code[_LENGTH // 2 :]}"


def list_user_code_macs(typed: str, keys: Keys) -> list[str]:
    """Compute the MACs under which a code may be stored, the newest key's first.

    Other characters than its letters don't count, and neither does their case (RFC 8628 §6.1). A code is
    too short for a hash: whoever reads the database could find it by trying all.
    """
    letters = "".join(letter for letter in typed.upper() if letter in _LETTERS)
    return keys.list_macs("user code", letters)
