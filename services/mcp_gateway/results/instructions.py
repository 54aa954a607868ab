"""Detect text that addresses a model instead of being data.

A list of phrases catches only careless attacks, and sometimes a harmless text. The guard is off unless
the manifest turns it on, and is best used to report.
"""

import re
import unicodedata
from typing import Literal

_STEP = 1 << 14
"""Characters that are looked at together, since one character may become 18."""
_LONGEST = 500
"""Characters that a phrase may have beyond the end of a step."""
InstructionGuard = Literal["off", "report", "block"]

_GAP = r"(?:\s|\\[nrt])+"
_EARLIER = (
    r"{_}(?:all{_})?(?:of{_})?(?:(?:the|your|my|any){_})?"
    r"(?:previous|prior|above|earlier|preceding|system|existing){_}"
    r"(?:instruction|prompt|rules|messages)"
)
_TO_THE_USER = r"{_}(?:tell|inform){_}(?:(?:this|it){_})?(?:to{_})?the{_}user"
_YOUR_PROMPT = r"{_}(?:me{_})?your{_}(?:system{_})?(?:prompt|instruction)"
_THE_PROMPT = r"{_}of{_}(?:system{_})?(?:prompt|instruction)"
# Each pattern begins with literal characters, which makes the search fast.
_PHRASES = (
    *(verb + _EARLIER for verb in ("ignore", "disregard", "forget", "override")),
    *(f"{kind}{{_}}(?:system{{_}})?instructions?(?:{{_}})?:" for kind in ("new", "real", "actual")),
    r"you{_}are{_}now{_}(?:in{_})?(?:an?{_})?(?:\w+{_})?(?:ai|agent|assistant|chatbot|model|dan)\b",
    *(no + _TO_THE_USER for no in ("do{_}not", "don't", "never")),
    r"without{_}(?:telling|informing|asking){_}the{_}user",
    *(verb + _YOUR_PROMPT for verb in ("reveal", "print", "repeat", "show", "output")),
    *(edge + _THE_PROMPT for edge in ("begin", "start", "end")),
    *(f"<{end}{who}>" for end in ("", "/") for who in ("system", "assistant", "instructions")),
    r"<\|(?:im_start|im_end|system|user|assistant|endoftext)\|>",
    *(r"\[inst\]", r"\[/inst\]"),
)
_PATTERNS = tuple(re.compile(phrase.replace("{_}", _GAP)) for phrase in _PHRASES)


def find_instructions(text: str) -> str | None:
    """Return the first phrase that reads like an instruction to a model, or None."""
    for start in range(0, len(text), _STEP):
        if found := _find(text[start : start + _STEP + _LONGEST]):
            return found
    return None


def _find(text: str) -> str | None:
    text = text.lower()
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text).lower()
    for pattern in _PATTERNS:
        if found := pattern.search(text):
            return " ".join(found[0].split())[:80]
    return None
