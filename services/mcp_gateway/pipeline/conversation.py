"""What a step may say to the client, and ask of it, while a call is on its way."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol

from gatepost.call_event import Era
from mcp_gateway.elicitation.ask import Ask

Level = Literal["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"]


class Conversation(Protocol):
    """The client's side of one call, in the form of its era."""

    era: Era

    async def progress(self, done: int, total: int, message: str) -> None:
        """Report a step, where the client asked for progress; `done` only ever grows."""
        ...

    async def log(self, level: Level, text: str) -> None:
        """Tell what happens, where the client wants to know; never with a secret or an argument."""
        ...

    async def ask(self, asked: Sequence[Ask]) -> Mapping[str, Any]:
        """Put questions, all at once, and bring an answer to each key.

        Raises:
            CannotAsk: this client can't be asked.
            NobodyAnswered: nobody did.
            InputRequired: the answers come with a request yet to be made.
        """
        ...


class Silent:
    """Nobody listens and nobody can be asked."""

    era: Era = "modern"

    async def progress(self, done: int, total: int, message: str) -> None:
        """Say nothing."""

    async def log(self, level: Level, text: str) -> None:
        """Say nothing."""

    async def ask(self, asked: Sequence[Ask]) -> Mapping[str, Any]:
        """Refuse (`CannotAsk`)."""
        raise CannotAsk(asked[0].capability)


class CallRefused(Exception):
    """The call ends here; the message is what the model may read, `reason` is for the record."""

    reason = "refused"


class CannotAsk(CallRefused):
    """Somebody has to be asked first, and this client has no way to."""

    reason = "cannot_ask"

    def __init__(self, capability: str) -> None:
        """Name the capability that the client would have to declare."""
        super().__init__(
            f"This needs an answer through the client ({capability}), which this client can't "
            "ask for. Nothing was done. Use a client that supports it."
        )
        self.capability = capability


class NobodyAnswered(CallRefused):
    """Somebody was asked, and no answer that can be used came."""

    reason = "not_answered"

    def __init__(self, why: str) -> None:
        """Say what came instead."""
        super().__init__(f"{why} Nothing was done.")


class AnswerRefused(CallRefused):
    """An answer came that is not in order: of another call, too late, changed, or malformed."""

    reason = "answer_refused"


class InputRequired(CallRefused):
    """The request ends with questions, and is to be made again with the answers."""

    reason = "input_required"

    def __init__(self, asked: Sequence[Ask], state: str) -> None:
        """Take the questions and the sealed state that the answers must come with."""
        super().__init__("Input is required")
        self.asked = asked
        self.state = state


SILENT = Silent()
