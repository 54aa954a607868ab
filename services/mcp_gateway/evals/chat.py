"""The port to a model: one request in the form of chat completions, one answer."""

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

Body = Mapping[str, Any]


class ChatFailed(Exception):
    """The model gave no usable answer; the message says why."""


class WantedCall(NamedTuple):
    """A tool call that a model asked for."""

    id: str
    name: str
    arguments: str
    """JSON, as the model wrote it."""


class Reply(NamedTuple):
    """An answer of a model."""

    calls: tuple[WantedCall, ...]
    message: Mapping[str, Any]
    """The message as it goes back to the model in the next request."""


class Chat(Protocol):
    """Asks a model."""

    async def complete(self, body: Body) -> Reply:
        """Send one request.

        Raises:
            ChatFailed: no usable answer came.
        """
        ...


def read_reply(answer: Any) -> Reply:
    """Read the first choice of an answer.

    Raises:
        ChatFailed: it is malformed, or was cut off.
    """
    choices = answer.get("choices") if isinstance(answer, Mapping) else None
    choice = choices[0] if isinstance(choices, list) and choices else None
    choice = choice if isinstance(choice, Mapping) else {}
    message = choice.get("message")
    if not isinstance(message, Mapping):
        raise ChatFailed("the answer has no choices[0].message")
    if choice.get("finish_reason") == "length":
        raise ChatFailed("the answer was cut off (finish_reason length)")
    calls = message.get("tool_calls") or []
    if not isinstance(calls, list):
        raise ChatFailed("tool_calls is not a list")
    return Reply(
        tuple(_read_call(call, number) for number, call in enumerate(calls)),
        {"role": "assistant", "content": message.get("content"), "tool_calls": calls},
    )


def _read_call(call: Any, number: int) -> WantedCall:
    function = call.get("function") if isinstance(call, Mapping) else None
    if not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
        raise ChatFailed(f"tool_calls[{number}] has no function.name")
    arguments = function.get("arguments", "{}")
    if not isinstance(arguments, str):
        raise ChatFailed(f"tool_calls[{number}].function.arguments is not a text")
    return WantedCall(str(call.get("id", number)), function["name"], arguments)
