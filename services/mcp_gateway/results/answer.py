"""Read the JSON of an answer once, for its check, its edit and its text."""

from dataclasses import dataclass
from typing import Any

import orjson

from mcp_gateway.results.exact import read_json, write_json
from mcp_gateway.results.visible import strip_json
from mcp_gateway.work.size import MOST_ANSWER_VALUES, holds_more

BOM = b"\xef\xbb\xbf"


class TooMuch(Exception):
    """The answer has more parts than the gateway reads; the message is for the model."""

    def __init__(self, what: str) -> None:
        """Take the limit that the answer exceeds, in words."""
        super().__init__(f"The API's answer holds more than {what}. Request less at a time.")


@dataclass(frozen=True, slots=True)
class Answer:
    """A JSON answer without hidden characters, parsed and as text."""

    value: Any
    text: bytes

    def rewritten(self) -> "Answer":
        """Return the same answer with the text of the parsed value.

        A member that occurs twice is then in both only once, so that a check of the value covers
        everything in the text.
        """
        return Answer(self.value, write_json(self.value))


def read_answer(body: bytes, *, exact: bool) -> Answer:
    """Parse an answer without its hidden characters.

    Args:
        body: the API's bytes.
        exact: whether the value is written again, so that its numbers must stay exact.

    Raises:
        ValueError: the body is not JSON, or is nested too deeply.
        TooMuch: the body has too many values.
    """
    if holds_more(body, (b",", b"[", b"{"), MOST_ANSWER_VALUES):
        raise TooMuch(f"{MOST_ANSWER_VALUES:,} values")
    text = strip_json(body.removeprefix(BOM))
    return Answer(read_json(text) if exact else orjson.loads(text), text)
