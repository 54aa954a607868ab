"""What a media type in a document looks like."""

import re

_MEDIA_TYPE = re.compile(r"[\x21-\x3a\x3c-\x7e]+(?: *; *[\x21-\x3a\x3c-\x7e]+)*")


def is_media_type(text: str) -> bool:
    """Tell whether a text can stand in a Content-Type or Accept header."""
    return _MEDIA_TYPE.fullmatch(text) is not None
