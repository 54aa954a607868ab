"""Long answers are read in a thread, so that other calls go on."""

import pytest

from mcp_gateway.work.worker import takes_long
from support.in_process.loop_steps import watched_steps


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"[" + b"{}," * 40_000 + b"{}]", True),
        (b"[" + b"1," * 10_000 + b"1]", True),
        (b'["' + b"x" * 200_000 + b'"]', True),
        (b'["' + b"x" * 100_000 + b'"]', False),
        (b"[" + b"{}," * 6_000 + b"1]", True),
        (b"[" + b'{"a":[{}]},' * 3_000 + b"1]", True),
        (b"[" + b"1," * 5_000 + b"1]", False),
    ],
)
def test_an_answer_takes_long_by_its_bytes_or_by_its_values(body: bytes, expected: bool) -> None:
    assert takes_long(body) == expected


async def test_work_that_waits_for_nothing_is_seen_to_hold_the_loop() -> None:
    with watched_steps() as steps:
        sorted(range(100_000), key=lambda number: -number)
    assert steps.longest > 0
