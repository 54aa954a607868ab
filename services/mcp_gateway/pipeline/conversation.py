"""How a step notifies the client and asks it questions while a call runs."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol

from gatepost.metering.call_event import Era
from mcp_gateway.elicitation.ask import Ask
from mcp_gateway.limits.states import LimitState

Level = Literal["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"]


class Conversation(Protocol):
    """The connection to the client during one call, in the protocol of its era."""

    era: Era

    @property
    def takes_tasks(self) -> bool:
        """Whether the client follows a job that the call starts as a task."""
        ...

    async def progress(self, done: float, total: int, message: str) -> None:
        """Report progress, if the client asked for it and `done` is more than in every report before."""
        ...

    async def log(self, level: Level, text: str) -> None:
        """Send a log message, if the client wants them; never with a secret or an argument."""
        ...

    def note_limits(self, states: Sequence[LimitState], retry_after: int | None = None) -> None:
        """Take what is left of the caller's limits, and after a refusal the seconds to wait."""
        ...

    def require_capability(self, capability: str) -> None:
        """Raise `CannotAsk` unless this client supports questions of that kind."""
        ...

    async def ask(self, asked: Sequence[Ask]) -> Mapping[str, Any]:
        """Ask questions, all together, and return the answer of each by its key.

        Raises:
            CannotAsk: this client does not support the questions.
            NobodyAnswered: no usable answer arrived.
            InputRequired: the answers will arrive with a later request.
        """
        ...


class Silent:
    """A conversation without a client: messages are dropped and questions refused."""

    takes_tasks = False

    def __init__(self, era: Era = "modern") -> None:
        """Take the protocol of the client, for the call event."""
        self.era = era

    async def progress(self, done: float, total: int, message: str) -> None:
        """Do nothing."""

    async def log(self, level: Level, text: str) -> None:
        """Do nothing."""

    def note_limits(self, states: Sequence[LimitState], retry_after: int | None = None) -> None:
        """Do nothing."""

    def require_capability(self, capability: str) -> None:
        """Raise `CannotAsk`."""
        raise CannotAsk(capability)

    async def ask(self, asked: Sequence[Ask]) -> Mapping[str, Any]:
        """Raise `CannotAsk`."""
        raise CannotAsk(asked[0].capability)


class CallRefused(Exception):
    """The gateway refuses the call; the message is for the model, `reason` for the call event."""

    reason = "refused"


class CannotAsk(CallRefused):
    """The call needs an answer from a person or model, and the client can't ask for it."""

    reason = "cannot_ask"

    def __init__(self, capability: str) -> None:
        """Take the capability that the client would have to declare."""
        super().__init__(
            f"This call needs an answer through the client ({capability}), which this client does "
            "not support. Nothing was done. Use a client that supports it."
        )
        self.capability = capability


class NobodyAnswered(CallRefused):
    """The question was asked, but no usable answer arrived."""

    reason = "not_answered"

    def __init__(self, why: str) -> None:
        """Take a sentence that says what happened instead."""
        super().__init__(f"{why} Nothing was done.")


class AnswerRefused(CallRefused):
    """The answer is invalid: for another call, too late, modified or malformed."""

    reason = "answer_refused"


class InputRequired(CallRefused):
    """The request ends with questions; the client must repeat it with the answers."""

    reason = "input_required"

    def __init__(self, asked: Sequence[Ask], state: str) -> None:
        """Take the questions, and the sealed state that must accompany the answers."""
        super().__init__("Input is required")
        self.asked = asked
        self.state = state


SILENT = Silent()
