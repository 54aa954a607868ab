"""Remove characters that nobody sees from names."""

import re
import unicodedata

# `Default_Ignorable_Code_Point` (Unicode, DerivedCoreProperties), and the blank Braille pattern.
_IGNORABLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800"
    "\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff]"
)


def strip_invisible(text: str) -> str:
    """Remove controls, direction overrides, fillers and other invisible characters, but no space."""
    return "".join(
        character
        for character in _IGNORABLE.sub("", text)
        if character == " " or unicodedata.category(character)[0] not in {"C", "Z"}
    )
