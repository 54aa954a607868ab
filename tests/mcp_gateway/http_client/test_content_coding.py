"""Compressed answers are read whole, or refused."""

import gzip

import pytest

from mcp_gateway.http_client.content_coding import decode_content
from mcp_gateway.http_client.port import RequestFailed


def compress(plain: bytes) -> bytes:
    """Write one member, always with the same bytes."""
    return gzip.compress(plain, mtime=0)


def test_all_members_of_a_compressed_answer_are_read() -> None:
    """RFC 1952 §2.2."""
    body = b"".join(compress(part) for part in (b'{"a":', b"", b"1}"))
    assert decode_content(body, "gzip", 100) == b'{"a":1}'


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (compress(b"a") + b"\0\0", "is damaged"),
        (compress(b"a") + compress(b"b")[:-3], "is cut off"),
        (compress(b"a" * 60) * 2, "larger than"),
        (compress(b"") * 1001, "more than 1000 compressed parts"),
    ],
    ids=["followed by zeros", "cut off", "too long", "too many"],
)
def test_a_compressed_answer_that_is_not_whole_members_within_the_limit_is_refused(
    body: bytes, why: str
) -> None:
    with pytest.raises(RequestFailed, match=why):
        decode_content(body, "gzip", 100)
