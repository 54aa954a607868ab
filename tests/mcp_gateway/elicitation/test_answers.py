"""Answers reach only the call that waits for them."""

from datetime import UTC, datetime
from itertools import count

import orjson
import pytest

from gatepost.claims import parse_claims
from mcp_gateway.elicitation.answers import LocalAnswers
from mcp_gateway.elicitation.ask import ask_confirmation
from mcp_gateway.pipeline.conversation import NobodyAnswered
from mcp_gateway.wire.conversation import HandshakeConversation
from support.in_process.tokens import claims

ADA = parse_claims(claims(datetime.now(UTC)))


class Heard:
    """A client that only listens."""

    def __init__(self) -> None:
        """Start without messages."""
        self.messages: list[bytes] = []
        self.gone = False
        self.waiting = False

    async def emit(self, message: bytes) -> None:
        """Store one message."""
        self.messages.append(message)


async def test_the_first_answer_of_the_asked_client_counts() -> None:
    ids = count()
    answers = LocalAnswers(lambda: str(next(ids)))
    with answers.expect("ada") as (ask_id, waiting):
        await answers.deliver("bo", ask_id, {"result": "bo"})
        await answers.deliver("ada", "7", {"result": "other"})
        await answers.deliver("ada", ask_id, {"result": "first"})
        await answers.deliver("ada", ask_id, {"result": "second"})
        assert await waiting == {"result": "first"}
    await answers.deliver("ada", ask_id, {"result": "late"})


async def no_level() -> None:
    """Have set no level."""


@pytest.mark.parametrize("gone", [True, False])
async def test_a_call_stops_waiting_after_the_time_limit_or_a_disconnect(gone: bool) -> None:
    heard = Heard()
    heard.gone = gone
    conversation = HandshakeConversation(
        heard,
        None,
        capabilities=("elicitation",),
        answers=LocalAnswers(lambda: "1"),
        caller=ADA,
        is_revoked=lambda _: False,
        read_level=no_level,
        patience=0,
    )
    with pytest.raises(NobodyAnswered, match="Nothing was done"):
        await conversation.ask([ask_confirmation("Really?", {}, tool="a")])
    assert [orjson.loads(message)["id"] for message in heard.messages] == ([] if gone else ["1"])
    assert heard.waiting is False


def test_a_confirmation_shows_every_argument() -> None:
    """The last of 31 is the one that matters."""
    arguments = {f"id_{number}": f"database-{number}" for number in range(30)}
    asked = ask_confirmation(
        "Really?", arguments | {"last": ["CUSTOMER-PRODUCTION-DATABASE"]}, tool="a"
    )
    lines = asked.params["message"].split("\n")
    assert lines[1:31] == [f"{name}: {value}" for name, value in arguments.items()]
    assert lines[31:] == ['last: ["CUSTOMER-PRODUCTION-DATABASE"]']
