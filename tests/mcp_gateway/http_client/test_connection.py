"""Laws of reading an answer: how it was cut says nothing, and it never takes more than it may."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from mcp_gateway.http_client.connection import Answer, Connection, Unanswered
from mcp_gateway.http_client.port import RequestFailed

MOST = 40
PIECES = [
    b"HTTP/1.1 200 OK\r\n",
    b"HTTP/1.0 204 No Content\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n",
    b"Content-Length: 3\r\n",
    b"Content-Length: 41\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Connection: close\r\n",
    b"Keep-Alive: timeout=5\r\n",
    b"\r\n",
    b"\n",
    b"abc",
    b"3\r\nabc\r\n",
    b"0\r\n\r\n",
    b"0\r\nX: 1\r\n\r\n",
    b"x" * 30,
]
REST = st.lists(st.sampled_from(PIECES) | st.binary(max_size=4), max_size=8).map(b"".join)
ANSWERS = REST | REST.map(PIECES[0].__add__)


class Line(asyncio.Transport):
    """A transport that records whether it was closed."""

    closed = False

    def write(self, data: object) -> None:
        """Send nothing."""

    def get_write_buffer_size(self) -> int:
        """Everything was sent."""
        return 0

    def is_closing(self) -> bool:
        """Tell."""
        return self.closed

    def abort(self) -> None:
        """Close."""
        self.closed = True


async def read(pieces: list[bytes], *, bodiless: bool) -> tuple[Answer | Exception, bool]:
    """Read an answer in pieces; also return whether the connection was kept at once."""
    released: list[Connection] = []
    connection = Connection(MOST, reusable=True, release=released.append, lost=lambda _: None)
    line = Line()
    connection.connection_made(line)
    asked = asyncio.get_running_loop().time() + 60
    answer = connection.ask(b"", until=asked, bodiless=bodiless)
    for piece in pieces:
        if not line.closed:
            connection.data_received(piece)
    kept = bool(released) and not line.closed
    connection.connection_lost(None)
    assert answer.done()
    return answer.exception() or answer.result(), kept  # type: ignore[return-value]


@given(ANSWERS, st.booleans())
def test_an_answer_means_the_same_however_it_is_cut(text: bytes, bodiless: bool) -> None:
    async def both() -> None:
        whole, kept = await read([text], bodiless=bodiless)
        cut, still = await read([text[n : n + 1] for n in range(len(text))], bodiless=bodiless)
        assert kept == still
        if isinstance(whole, Answer):
            assert whole == cut
            assert len(whole.body) <= MOST
            assert whole.status >= 200
            assert not (bodiless and whole.body)
        else:
            assert isinstance(whole, RequestFailed | Unanswered)
            assert str(whole) == str(cut)

    asyncio.run(both())
