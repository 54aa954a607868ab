"""The memory of verified tokens is bounded, and those that are used stay in it."""

from typing import Any

import pytest

from gatepost.claims import AccessClaims, parse_claims
from mcp_gateway.auth.verified_tokens import VerifiedTokens
from support.in_process import tokens
from support.in_process.clock import Clock

KEY: Any = object()


def claims(number: int, tools: list[str]) -> AccessClaims:
    """Make the claims of a token."""
    made = tokens.claims(Clock()(), jti=f"jti_{number}", allowed_tools=tools)
    return parse_claims(made)


def test_tokens_that_allow_the_same_share_one_set() -> None:
    known = VerifiedTokens()
    kept = [known.keep(bytes([n]), claims(n, ["a", "b"]), "k", KEY) for n in range(9)]
    assert len({id(one.allowed_tools) for one in kept}) == 1
    assert (len(known), known.tools) == (9, 2)
    for number in range(9):
        known.drop(bytes([number]))
    assert (len(known), known.tools) == (0, 0)


@pytest.mark.parametrize("limits", [{"most_tokens": 3}, {"most_tools": 3}])
def test_the_token_that_was_used_last_stays(limits: dict[str, int]) -> None:
    known = VerifiedTokens(**limits)
    for number in range(3):
        known.keep(bytes([number]), claims(number, [f"tool_{number}"]), "k", KEY)
    assert known.get(b"\0") is not None
    known.keep(b"\3", claims(3, ["tool_3"]), "k", KEY)
    assert [known.get(bytes([number])) is not None for number in range(4)] == [
        True,
        False,
        True,
        True,
    ]


def test_one_token_with_more_tools_than_the_limit_is_kept_alone() -> None:
    known = VerifiedTokens(most_tools=3)
    known.keep(b"a", claims(1, ["a"]), "k", KEY)
    known.keep(b"b", claims(2, ["b", "c", "d", "e"]), "k", KEY)
    assert (known.get(b"a"), known.get(b"b") is None, known.tools) == (None, False, 4)
