"""Record answers of a model, and give them again without it."""

import hashlib
from pathlib import Path

import orjson

from mcp_gateway.evals.chat import Body, Chat, ChatFailed, Reply, read_reply

NOT_RECORDED = "not recorded: the tools, the prompt or the model changed since"


class RecordingError(Exception):
    """The file can't be used; the message says why."""


class Recorder:
    """Asks a model and appends each answer to a file."""

    def __init__(self, chat: Chat, path: Path) -> None:
        """Take the model, and the file, which is replaced.

        Raises:
            RecordingError: the file can't be written.
        """
        self._chat = chat
        self._path = path
        try:
            path.write_bytes(b"")
        except OSError as error:
            raise RecordingError(f"{path}: {error.strerror}") from None

    async def complete(self, body: Body) -> Reply:
        """Ask, and record the answer or the failure."""
        try:
            reply = await self._chat.complete(body)
        except ChatFailed as failure:
            self._append({"request": _digest(body), "failed": str(failure)})
            raise
        self._append({"request": _digest(body), "message": reply.message})
        return reply

    def _append(self, line: Body) -> None:
        with self._path.open("ab") as file:
            file.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))


class Replayer:
    """Answers from a recorded file; a request that was not recorded fails."""

    def __init__(self, path: Path) -> None:
        """Read the file.

        Raises:
            RecordingError: it can't be read, or is not a recording.
        """
        self._answers: dict[str, Body] = {}
        try:
            for line in path.read_bytes().splitlines():
                entry = orjson.loads(line)
                self._answers[entry["request"]] = entry
        except OSError as error:
            raise RecordingError(f"{path}: {error.strerror}") from None
        except (orjson.JSONDecodeError, KeyError, TypeError):
            raise RecordingError(
                f"{path} is not a recording of `gatepost eval run --record`"
            ) from None

    async def complete(self, body: Body) -> Reply:
        """Return the recorded answer.

        Raises:
            ChatFailed: the answer was a failure, or the request is another than the recorded ones.
        """
        entry = self._answers.get(_digest(body))
        if entry is None:
            raise ChatFailed(NOT_RECORDED)
        if "failed" in entry:
            raise ChatFailed(str(entry["failed"]))
        return read_reply({"choices": [{"message": entry.get("message")}]})


def _digest(body: Body) -> str:
    written = orjson.dumps(body, default=dict, option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(written).hexdigest()
