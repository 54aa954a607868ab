"""Redis's protocol RESP2: commands as bytes, and replies from bytes."""

from typing import Any

Argument = bytes | str | int


class RedisUnavailable(Exception):
    """Redis did not give a usable answer; the message is for the log."""


class ErrorReply(RedisUnavailable):
    """Redis answered with an error; the message begins with its code."""


class Incomplete(Exception):
    """The reply is not complete yet."""


def write_command(command: tuple[Argument, ...]) -> bytes:
    """Write a command as an array of bulk strings (RESP2)."""
    return b"*%d\r\n" % len(command) + b"".join(map(write_argument, command))


def write_argument(argument: Argument) -> bytes:
    """Write one argument of a command as a bulk string."""
    data = argument if isinstance(argument, bytes) else str(argument).encode()
    return b"$%d\r\n%b\r\n" % (len(data), data)


def read_reply(data: bytes, place: int) -> tuple[Any, int]:
    """Read one RESP2 reply at a position: bytes, an int, a list, None, or an `ErrorReply`.

    Returns:
        The reply, and the position after it.

    Raises:
        Incomplete: the rest has not arrived yet.
        ValueError: the data is not a reply.
    """
    end = data.find(b"\r\n", place)
    if end < 0:
        raise Incomplete
    kind, line, after = data[place : place + 1], data[place + 1 : end], end + 2
    if kind == b"+":
        return line, after
    if kind == b"-":
        return ErrorReply(line.decode(errors="replace")[:300]), after
    if kind not in (b":", b"$", b"*"):
        raise ValueError("not a reply")
    number = int(line)
    if kind == b":":
        return number, after
    if number < 0:
        return None, after
    if kind == b"$":
        if len(data) < after + number + 2:
            raise Incomplete
        return data[after : after + number], after + number + 2
    items = []
    for _ in range(number):
        item, after = read_reply(data, after)
        items.append(item)
    return items, after
