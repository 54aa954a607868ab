"""The syntax of media types in documents."""

import re

_MEDIA_TYPE = re.compile(r"[\x21-\x3a\x3c-\x7e]+(?: *; *[\x21-\x3a\x3c-\x7e]+)*")


def is_media_type(text: str) -> bool:
    """Tell whether a text is a valid value of a Content-Type or Accept header."""
    return _MEDIA_TYPE.fullmatch(text) is not None
