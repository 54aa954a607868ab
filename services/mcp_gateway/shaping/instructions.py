"""Telling text that talks to a model from text that is data.

A list of phrases catches the careless alone, and now and then a harmless text: it is off unless the
manifest turns it on, and best used to report.
"""

import re
import unicodedata
from typing import Literal

Guard = Literal["off", "report", "block"]

_GAP = r"(?:\s|\\[nrt])+"
_PHRASES = (
    (
        r"(?:ignore|disregard|forget|override){_}(?:all{_})?(?:of{_})?(?:(?:the|your|my|any){_})?"
        r"(?:previous|prior|above|earlier|preceding|system|existing){_}(?:instructions?|prompts?|rules|messages)"
    ),
    r"(?:new|updated|real|actual){_}(?:system{_})?instructions?(?:{_})?:",
    r"you{_}are{_}now{_}(?:in{_})?(?:an?{_})?(?:\w+{_})?(?:ai|agent|assistant|chatbot|model|dan)\b",
    r"(?:do{_}not|don't|never){_}(?:tell|inform){_}(?:(?:this|it){_})?(?:to{_})?the{_}user",
    r"without{_}(?:telling|informing|asking){_}the{_}user",
    r"(?:reveal|print|repeat|show|output){_}(?:me{_})?your{_}(?:system{_})?(?:prompt|instructions)",
    r"(?:begin|end|start){_}of{_}(?:system{_})?(?:prompt|instructions)",
    r"</?(?:system|assistant|instructions?|important)>",
    r"<\|(?:im_start|im_end|system|user|assistant|endoftext)\|>",
    r"\[/?inst\]",
)
_PATTERN = re.compile("|".join(_PHRASES).replace("{_}", _GAP), re.IGNORECASE)


def find_instructions(text: str) -> str | None:
    """Answer the first phrase that reads like an instruction to a model; None where there is none."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    found = _PATTERN.search(text)
    return None if found is None else " ".join(found[0].split())[:80]
