"""Which answers are read in a thread, so that other calls go on."""

import pytest

from mcp_gateway.work.worker import takes_long


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"[" + b"{}," * 40_000 + b"{}]", True),
        (b"[" + b"1," * 10_000 + b"1]", True),
        (b'["' + b"x" * 200_000 + b'"]', True),
        (b'["' + b"x" * 100_000 + b'"]', False),
        (b"[" + b"1," * 5_000 + b"1]", False),
    ],
)
def test_an_answer_takes_long_by_its_bytes_or_by_its_values(body: bytes, expected: bool) -> None:
    assert takes_long(body) == expected
