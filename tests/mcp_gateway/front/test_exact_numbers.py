"""Numbers that reading JSON would change."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_gateway.work.exact_numbers import find_inexact, may_be_inexact
from support.in_process.gateway import World


def found(body: str) -> str | None:
    return find_inexact(body.encode()) if may_be_inexact(body.encode()) else None


@pytest.mark.parametrize(
    ("number", "exact"),
    [
        ("123456789012345678901234567890", False),
        ("-9223372036854775809", False),
        ("18446744073709551616", False),
        ("18446744073709551615", True),
        ("-9223372036854775808", True),
        ("0.12345678901234567890123", False),
        ("0.1000000000000000000", True),
        ("1234567890123456.7890", False),
        ("1.7976931348623157e+308", True),
        ("1e22", True),
    ],
)
def test_a_number_that_would_change_is_found_and_no_other(number: str, exact: bool) -> None:
    assert found(f'{{"n": [{number}], "text": "{number}"}}') == (None if exact else number)


def test_digits_in_text_are_not_numbers() -> None:
    assert found(r'{"a": "\": 123456789012345678901234567890,", "b": 1}') is None


@given(st.recursive(st.floats(allow_nan=False, allow_infinity=False) | st.text(), st.lists))
def test_what_a_program_writes_is_exact(value: object) -> None:
    assert found(json.dumps(value)) is None


async def test_a_call_with_such_a_number_is_refused_with_the_number(world: World) -> None:
    arguments = '{"title": "x", "estimate": 123456789012345678901234567890}'
    params = f'{{"name": "create_task", "arguments": {arguments}}}'
    body = f'{{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {params}}}'
    answer = await world.post(body.encode())
    assert answer.status_code == 400
    assert "123456789012345678901234567890 has more digits" in answer.json()["error"]["message"]
