"""The port `HttpClient`: requests over sockets to an API that is slow, huge, down or hostile."""

import asyncio
import gzip
import os
from collections.abc import AsyncIterator

import orjson
import pytest

from mcp_gateway.http_client.http1 import Http1Client
from mcp_gateway.http_client.port import HttpResponse, RequestFailed
from mcp_gateway.requests.request import HttpRequest
from support.processes.certificates import Authority
from support.processes.raw_api import OK, Call, RawApi, running_raw_api
from support.processes.services import free_port

LIMIT = 1 << 16
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: "


@pytest.fixture(params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    """Run on both event loops, since the gateway serves on uvloop."""
    return "asyncio", {"use_uvloop": request.param}


@pytest.fixture
async def api() -> AsyncIterator[RawApi]:
    """Serve an API on a loopback port."""
    async with running_raw_api() as api:
        yield api


@pytest.fixture
async def upstream() -> AsyncIterator[Http1Client]:
    """Open a client whose limit is 64 KiB."""
    async with Http1Client(max_response=LIMIT) as client:
        yield client


def ask(api: RawApi, method: str = "GET", *headers: tuple[str, str]) -> HttpRequest:
    """Write a request without a body."""
    return HttpRequest(method, f"{api.url}/x", headers, b"")


async def fail(upstream: Http1Client, request: HttpRequest, deadline: float = 5) -> str:
    """Send a request that fails, and return the reason."""
    with pytest.raises(RequestFailed) as failure:
        await upstream.send(request, deadline=deadline)
    assert "127.0.0.1" not in str(failure.value)
    return failure.value.reason


# --- requests -------------------------------------------------------------------------------------


async def test_the_request_arrives_exactly_as_written(api: RawApi, upstream: Http1Client) -> None:
    target = "/a%2Fb/%7Bx%7D/%C3%A9;v=1?q=a%20b%2Bc&q=%26&empty=&%5B%5D=1"
    headers = (("Content-Type", "application/json"), ("X-One", "1"), ("X-One", "2"))
    request = HttpRequest("POST", api.url + target, headers, b'{"title":"x"}')
    answer = await upstream.send(request, deadline=5)
    assert answer == HttpResponse(200, "application/json", b"{}")
    [call] = api.calls
    first, *lines = call.head.decode().splitlines()
    assert first == f"POST {target} HTTP/1.1"
    assert f"Host: 127.0.0.1:{api.port}" in lines
    assert [line for line in lines if line.startswith("X-One")] == ["X-One: 1", "X-One: 2"]
    assert lines.count("Content-Length: 13") == 1
    assert call.body == b'{"title":"x"}'


async def test_a_request_without_a_body_says_nothing_of_its_type(
    api: RawApi, upstream: Http1Client
) -> None:
    for method in ("GET", "DELETE", "POST"):
        await upstream.send(ask(api, method), deadline=5)
        head = api.calls[-1].head.lower()
        assert b"content-type:" not in head
        assert b"authorization:" not in head
        assert (b"content-length: 0" in head) == (method == "POST")


@pytest.mark.parametrize(
    "header",
    [
        ("X-One", "1\r\nX-Two: 2"),
        ("X-One", "1\nX-Two: 2"),
        ("X-One", "1\0"),
        ("X-One: 1\r\nX-Two", "2"),
        ("X One", "1"),
        ("", "1"),
        ("Content-Length", "0"),
        ("Transfer-Encoding", "chunked"),
        ("Connection", "close"),
    ],
)
async def test_a_header_that_would_make_it_another_request_is_never_sent(
    api: RawApi, upstream: Http1Client, header: tuple[str, str]
) -> None:
    assert await fail(upstream, ask(api, "GET", header)) == "unwritable"
    assert not api.calls


@pytest.mark.parametrize(
    "url", ["/x", "ftp://127.0.0.1/x", "http://a b/x", "http://ada:pw@127.0.0.1/x", "http:///x"]
)
async def test_a_url_that_names_no_plain_origin_is_never_asked(
    upstream: Http1Client, url: str
) -> None:
    assert await fail(upstream, HttpRequest("GET", url, (), b"")) == "unwritable"


@pytest.mark.parametrize("path", ["/x y", "/x\r\nX-Two: 2", "/é"])
async def test_a_path_that_is_not_encoded_is_never_asked(
    api: RawApi, upstream: Http1Client, path: str
) -> None:
    assert await fail(upstream, HttpRequest("GET", api.url + path, (), b"")) == "unwritable"
    assert not api.calls


async def test_a_redirect_is_handed_back_and_never_followed(
    api: RawApi, upstream: Http1Client
) -> None:
    api.answer(
        b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n"
    )
    response = await upstream.send(ask(api, "GET", ("X-Secret", "1")), deadline=5)
    assert (response.status, len(api.calls)) == (302, 1)


async def test_a_cookie_the_api_sets_is_not_sent_to_it_for_the_next_person(
    api: RawApi, upstream: Http1Client
) -> None:
    api.answer(b"HTTP/1.1 200 OK\r\nSet-Cookie: session=ada; Path=/\r\nContent-Length: 0\r\n\r\n")
    for _ in range(2):
        await upstream.send(ask(api), deadline=5)
    assert b"cookie" not in api.calls[-1].head.lower()


async def test_a_proxy_in_the_environment_changes_nothing(
    api: RawApi, upstream: Http1Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    assert (await upstream.send(ask(api), deadline=5)).body == b"{}"


# --- answers --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pieces", "body"),
    [
        ([HEAD + b"5\r\n\r\nhello"], b"hello"),
        ([CHUNKED + b"2\r\nhe\r\n3;x=1\r\nllo\r\n0\r\nX-Sum: 1\r\n\r\n"], b"hello"),
        ([b"HTTP/1.1 200\r\nContent-Length: 5\r\n\r\nhello"], b"hello"),
        ([b"HTTP/1.1 100 Continue\r\n\r\n", HEAD + b"5\r\n\r\nhello"], b"hello"),
        ([b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + HEAD + b"2\r\n\r\nok"], b"ok"),
        ([b"HTTP/1.1 204 No Content\r\n\r\n"], b""),
        ([b"HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n"], b""),
        ([b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok"], b"ok"),
    ],
)
@pytest.mark.parametrize("cut", [False, True])
async def test_an_answer_is_read_to_its_end_however_it_is_framed_and_cut(
    api: RawApi, upstream: Http1Client, pieces: list[bytes], body: bytes, cut: bool
) -> None:
    text = b"".join(pieces)
    api.answer(*(text[n : n + 1] for n in range(len(text))) if cut else pieces)
    for _ in range(2):
        assert (await upstream.send(ask(api), deadline=5)).body == body


async def test_an_answer_without_a_length_ends_with_its_connection(
    api: RawApi, upstream: Http1Client
) -> None:
    api.answer(b"HTTP/1.1 200 OK\r\n\r\nhel", b"lo", then_close=True)
    for connection in (1, 2):
        assert (await upstream.send(ask(api), deadline=5)).body == b"hello"
        assert api.calls[-1].connection == connection


async def test_an_answer_to_head_has_a_length_and_no_body(
    api: RawApi, upstream: Http1Client
) -> None:
    api.answer(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\n")
    for _ in range(2):
        answer = await upstream.send(ask(api, "HEAD"), deadline=5)
        assert answer == HttpResponse(200, "text/plain", b"")


@pytest.mark.parametrize("size", [LIMIT, LIMIT + 1])
@pytest.mark.parametrize("framing", ["length", "chunks", "close", "gzip"])
async def test_an_answer_is_read_up_to_the_limit_and_no_further(
    api: RawApi, upstream: Http1Client, size: int, framing: str
) -> None:
    body = b"x" * size
    if framing == "length":
        api.answer(HEAD + b"%d\r\n\r\n" % size + body)
    elif framing == "chunks":
        api.answer(CHUNKED + b"%x\r\n" % size + body + b"\r\n0\r\n\r\n")
    elif framing == "close":
        api.answer(b"HTTP/1.1 200 OK\r\n\r\n" + body, then_close=True)
    else:
        packed = gzip.compress(body, mtime=0)
        api.answer(HEAD + b"%d\r\nContent-Encoding: gzip\r\n\r\n" % len(packed) + packed)
    if size <= LIMIT:
        assert (await upstream.send(ask(api), deadline=5)).body == body
    else:
        assert await fail(upstream, ask(api)) == "too_large"


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        (b"br", b"x"),
        (b"gzip, gzip", b"x"),
        (b"gzip", b"no gzip"),
        (b"gzip", gzip.compress(b"x" * 99, mtime=0)[:-9]),
    ],
)
async def test_an_answer_in_a_damaged_or_unknown_encoding_is_unreadable(
    api: RawApi, upstream: Http1Client, encoding: bytes, body: bytes
) -> None:
    head = HEAD + b"%d\r\nContent-Encoding: %s\r\n\r\n" % (len(body), encoding)
    api.answer(head + body)
    assert await fail(upstream, ask(api)) == "unreadable"


# --- an invalid API -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "begun", [b"", b"HTTP/1.1 200", b"HTTP/1.1 200 OK\r\nX: 1\r\n", HEAD + b"9\r\n\r\nx", CHUNKED]
)
async def test_an_api_that_hangs_is_given_up_at_the_deadline(
    api: RawApi, upstream: Http1Client, begun: bytes
) -> None:
    async def hang(call: Call) -> None:
        await call.say(begun)
        await call.never()

    api.script = hang
    with pytest.raises(RequestFailed, match=r"within 0\.2 seconds") as failure:
        await upstream.send(ask(api), deadline=0.2)
    assert failure.value.reason == "deadline"


async def test_an_api_that_never_ends_its_answer_is_given_up_at_the_deadline(
    api: RawApi, upstream: Http1Client
) -> None:
    async def drip(call: Call) -> None:
        await call.say(CHUNKED)
        while not call.writer.is_closing():
            await call.say(b"1\r\nx\r\n")
            await asyncio.sleep(0.01)

    api.script = drip
    assert await fail(upstream, ask(api), 0.2) == "deadline"


async def test_an_api_that_does_not_listen_is_unreachable(upstream: Http1Client) -> None:
    gone = HttpRequest("GET", f"http://127.0.0.1:{free_port()}/x", (), b"")
    assert await fail(upstream, gone) == "unreachable"


async def test_an_api_whose_name_does_not_resolve_is_unreachable(upstream: Http1Client) -> None:
    gone = HttpRequest("GET", "http://nowhere.invalid/x", (), b"")
    assert await fail(upstream, gone) == "unreachable"


@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize(
    "begun",
    [b"", b"HTTP/1.1 200", HEAD + b"9\r\n\r\nx", CHUNKED + b"2\r\nok\r\n", CHUNKED + b"5\r\no"],
)
async def test_an_api_that_breaks_off_is_unreachable(
    api: RawApi, upstream: Http1Client, begun: bytes, reset: bool
) -> None:
    async def break_off(call: Call) -> None:
        await call.say(begun)
        if reset:
            call.reset()
        else:
            call.close()

    api.script = break_off
    assert await fail(upstream, ask(api)) == "unreachable"


@pytest.mark.parametrize(
    ("head", "piece"),
    [
        (HEAD + b"%d\r\n\r\n" % (100 << 20), b"x" * LIMIT),
        (CHUNKED, b"10000\r\n" + b"x" * LIMIT + b"\r\n"),
        (b"HTTP/1.1 200 OK\r\n\r\n", b"x" * LIMIT),
        (CHUNKED + b"2;", b"x" * LIMIT),  # the extension of a chunk
        (CHUNKED + b"0\r\n", b"X-Sum: " + b"x" * 1000 + b"\r\n"),  # trailers
    ],
)
async def test_a_flood_is_cut_off_soon_after_the_limit(
    api: RawApi, upstream: Http1Client, head: bytes, piece: bytes
) -> None:
    sent = 0

    async def flood(call: Call) -> None:
        nonlocal sent
        await call.say(head)
        while sent < 100 << 20:
            await call.say(piece)
            sent += len(piece)

    api.script = flood
    assert await fail(upstream, ask(api)) in {"too_large", "unreadable"}
    assert await api.closed.get() == 1
    assert sent < 20 << 20  # data in the sockets' buffers was already sent


@pytest.mark.parametrize("piece", [b"X-%d: 1\r\n", b"x" * 1000])
async def test_headers_that_never_end_are_cut_off(
    api: RawApi, upstream: Http1Client, piece: bytes
) -> None:
    async def flood(call: Call) -> None:
        await call.say(b"HTTP/1.1 200 OK\r\nX: ")
        for number in range(1 << 20):
            await call.say(piece % number if b"%" in piece else piece)

    api.script = flood
    assert await fail(upstream, ask(api)) == "unreadable"
    assert await api.closed.get() == 1


async def test_one_read_full_of_headers_is_too_much_as_well(
    api: RawApi, upstream: Http1Client
) -> None:
    lines = b"".join(b"X-%d: 1\r\n" % number for number in range(300))
    api.answer(b"HTTP/1.1 200 OK\r\n" + lines + b"Content-Length: 0\r\n\r\n")
    assert await fail(upstream, ask(api)) == "unreadable"


@pytest.mark.parametrize(
    "answer",
    [
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"HTTP/1.1 000 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nX: 1\r\n folded\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
        CHUNKED + b"zz\r\nok\r\n0\r\n\r\n",
        CHUNKED + b"2\r\nokk\r\n0\r\n\r\n",
        CHUNKED + b"-2\r\nok\r\n0\r\n\r\n",
        CHUNKED + b"ffffffffffffffffff\r\nok\r\n0\r\n\r\n",
    ],
)
async def test_an_answer_that_is_not_http_is_unreadable(
    api: RawApi, upstream: Http1Client, answer: bytes
) -> None:
    api.answer(answer)
    assert await fail(upstream, ask(api)) == "unreadable"


@pytest.mark.parametrize(
    "answer",
    [
        HEAD + b"2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        CHUNKED[:-2] + b"Content-Length: 2\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        HEAD + b"2\r\nContent-Length: 2\r\n\r\nok",
        HEAD + b"2\r\nContent-Length: 7\r\n\r\nok",
        HEAD + b"2, 2\r\n\r\nok",
        HEAD + b"+2\r\n\r\nok",
        HEAD + b"\r\n\r\nok",
        HEAD + b"99999999999999999999999999\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
        HEAD + b"2\n\r\nok",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: xchunked\r\n\r\nok",
        CHUNKED[:-2] + b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        CHUNKED + b"2\nok\r\n0\r\n\r\n",
    ],
)
async def test_an_answer_with_two_meanings_is_refused_and_its_connection_closed(
    api: RawApi, upstream: Http1Client, answer: bytes
) -> None:
    api.answer(answer)
    assert await fail(upstream, ask(api)) == "unreadable"
    assert await api.closed.get() == 1


async def test_an_api_that_promises_less_than_it_sends_spoils_no_other_answer(
    api: RawApi, upstream: Http1Client
) -> None:
    async def sly(call: Call) -> None:
        evil = HEAD + b"6\r\n\r\nforged"
        await call.say(HEAD + b"2\r\n\r\nok" + evil if call.connection == 1 else OK)

    api.script = sly
    assert (await upstream.send(ask(api), deadline=5)).body == b"ok"
    assert (await upstream.send(ask(api), deadline=5)).body == b"{}"
    assert [call.connection for call in api.calls] == [1, 2]


async def test_unsolicited_bytes_of_an_api_answer_nobody(
    api: RawApi, upstream: Http1Client
) -> None:
    async def chatty(call: Call) -> None:
        await call.say(OK)
        if call.connection == 1:
            await call.say(HEAD + b"6\r\n\r\nforged")

    api.script = chatty
    assert (await upstream.send(ask(api), deadline=5)).body == b"{}"
    assert await api.closed.get() == 1
    assert (await upstream.send(ask(api), deadline=5)).body == b"{}"


# --- connections ----------------------------------------------------------------------------------


async def test_calls_one_after_the_other_share_a_connection(
    api: RawApi, upstream: Http1Client
) -> None:
    for number in (1, 2, 3):
        await upstream.send(ask(api, "POST"), deadline=5)
        assert (api.calls[-1].connection, api.calls[-1].number) == (1, number)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}",
    ],
)
async def test_a_connection_that_the_api_will_close_is_not_used_again(
    api: RawApi, upstream: Http1Client, answer: bytes
) -> None:
    api.answer(answer)
    for connection in (1, 2):
        await upstream.send(ask(api), deadline=5)
        assert api.calls[-1].connection == connection


@pytest.mark.parametrize(("said", "connections"), [(b"timeout=1", 2), (b"max=9, timeout=60", 1)])
async def test_a_connection_that_the_api_is_about_to_close_is_not_used_again(
    api: RawApi, upstream: Http1Client, said: bytes, connections: int
) -> None:
    api.answer(b"HTTP/1.1 200 OK\r\nKeep-Alive: " + said + b"\r\nContent-Length: 2\r\n\r\n{}")
    for _ in range(2):
        await upstream.send(ask(api, "POST"), deadline=5)
    assert api.connections == connections


async def test_two_calls_at_once_get_their_own_answers(api: RawApi, upstream: Http1Client) -> None:
    async def echo(call: Call) -> None:
        number = call.head.partition(b"id=")[2].partition(b" ")[0]
        await call.say(HEAD + b"%d\r\n\r\n" % len(number), number)

    api.script = echo
    answers = await asyncio.gather(
        *(
            upstream.send(HttpRequest("GET", f"{api.url}/x?id={n}", (), b""), deadline=5)
            for n in range(100)
        )
    )
    assert [orjson.loads(answer.body) for answer in answers] == list(range(100))


@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_an_unsafe_request_is_not_repeated_when_a_kept_connection_ends(
    api: RawApi, upstream: Http1Client, method: str, reset: bool
) -> None:
    async def forgetful(call: Call) -> None:
        if (call.connection, call.number) != (1, 2):
            await call.say(OK)
        elif reset:
            call.reset()
        else:
            call.close()

    api.script = forgetful
    await upstream.send(ask(api), deadline=5)
    if method == "GET":
        assert (await upstream.send(ask(api), deadline=5)).body == b"{}"
        assert [call.connection for call in api.calls] == [1, 1, 2]
    else:
        assert await fail(upstream, ask(api, "POST")) == "unreachable"
        assert [call.connection for call in api.calls] == [1, 1]


async def test_a_request_is_not_repeated_when_a_new_connection_ends(
    api: RawApi, upstream: Http1Client
) -> None:
    api.answer(then_close=True)
    assert await fail(upstream, ask(api)) == "unreachable"
    assert len(api.calls) == 1


async def test_a_request_is_not_repeated_after_half_an_answer(
    api: RawApi, upstream: Http1Client
) -> None:
    async def half(call: Call) -> None:
        await call.say(OK if call.number == 1 else OK[:20])
        if call.number == 2:
            call.close()

    api.script = half
    await upstream.send(ask(api), deadline=5)
    assert await fail(upstream, ask(api)) == "unreachable"
    assert len(api.calls) == 2


async def test_a_connection_that_the_api_has_closed_meanwhile_is_left_for_a_new_one(
    api: RawApi, upstream: Http1Client
) -> None:
    async def close_half(call: Call) -> None:
        await call.say(OK)
        call.writer.write_eof()

    api.script = close_half
    await upstream.send(ask(api), deadline=5)
    assert await api.closed.get() == 1
    await upstream.send(HttpRequest("POST", f"{api.url}/x", (), b"{}"), deadline=5)
    assert [call.connection for call in api.calls] == [1, 2]


async def test_a_call_that_is_cancelled_takes_its_connection_along(
    api: RawApi, upstream: Http1Client
) -> None:
    asked = asyncio.Event()

    async def slow(call: Call) -> None:
        asked.set()
        await call.never()

    await upstream.send(ask(api), deadline=5)
    usual, api.script = api.script, slow
    cancelled = asyncio.create_task(upstream.send(ask(api), deadline=5))
    await asked.wait()
    cancelled.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cancelled
    api.script = usual
    assert (await upstream.send(ask(api), deadline=5)).body == b"{}"
    assert [call.connection for call in api.calls] == [1, 1, 2]


async def test_an_answer_that_comes_before_all_was_sent_ends_the_connection(
    api: RawApi, upstream: Http1Client
) -> None:
    async def refuse(call: Call) -> None:
        await call.say(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n")
        await call.never()

    usual, api.script = api.script, refuse
    large = HttpRequest("POST", f"{api.url}/x", (), b"x" * (64 << 20))
    assert (await upstream.send(large, deadline=5)).status == 413
    api.script = usual
    await upstream.send(ask(api), deadline=5)
    assert [call.connection for call in api.calls] == [1, 2]


async def test_no_more_connections_are_opened_than_may_be(api: RawApi) -> None:
    api.answer(OK[:-1], OK[-1:])
    async with Http1Client(max_connections=3) as upstream:
        await asyncio.gather(*(upstream.send(ask(api), deadline=5) for _ in range(50)))
    assert (len(api.calls), api.connections) == (50, 3)


async def test_a_call_waiting_for_a_connection_ends_at_its_deadline_without_blocking_others(
    api: RawApi,
) -> None:
    async def slow(call: Call) -> None:
        asked.set()
        await answer.wait()
        await call.say(OK)

    asked, answer = asyncio.Event(), asyncio.Event()
    api.script = slow
    async with Http1Client(max_connections=1) as upstream:
        first = asyncio.create_task(upstream.send(ask(api), deadline=5))
        await asked.wait()
        assert await fail(upstream, ask(api), 0.1) == "deadline"
        waiting = asyncio.create_task(upstream.send(ask(api), deadline=5))
        answer.set()
        assert (await first).status == (await waiting).status == 200
    assert len(api.calls) == 2


async def test_a_call_waiting_for_a_connection_opens_one_after_another_broke(api: RawApi) -> None:
    async def break_first(call: Call) -> None:
        if call.connection == 1:
            call.reset()
        else:
            await call.say(OK)

    api.script = break_first
    async with Http1Client(max_connections=1) as upstream:
        answers = await asyncio.gather(
            *(upstream.send(ask(api), deadline=5) for _ in range(3)), return_exceptions=True
        )
    assert [type(answer) for answer in answers] == [
        RequestFailed,
        HttpResponse,
        HttpResponse,
    ]


async def test_a_connection_that_is_not_used_is_closed(api: RawApi) -> None:
    async with Http1Client(idle=0.01) as upstream:
        await upstream.send(ask(api), deadline=5)
        assert await api.closed.get() == 1
        await upstream.send(ask(api), deadline=5)


async def test_an_answer_that_nobody_asked_for_is_nobodys_answer(
    api: RawApi, upstream: Http1Client
) -> None:
    """The API answers twice; the second answer arrives before the next request is sent."""
    await upstream.send(ask(api), deadline=5)
    other = OK.replace(b"{}", b"[]")
    os.write(api.calls[0].writer.get_extra_info("socket").fileno(), other)

    answer = await upstream.send(ask(api), deadline=5)

    assert answer.body == b"{}"
    assert [call.connection for call in api.calls] == [1, 2]


async def test_partitions_share_no_connection(api: RawApi, upstream: Http1Client) -> None:
    for partition in ("acme", "globex", "acme", "", "globex", ""):
        await upstream.send(ask(api)._replace(partition=partition), deadline=5)

    assert [call.connection for call in api.calls] == [1, 2, 1, 3, 2, 3]


async def test_partitions_leave_nothing_behind(api: RawApi) -> None:
    async with Http1Client(idle=0.01) as upstream:
        for partition in ("acme", "globex", ""):
            await upstream.send(ask(api)._replace(partition=partition), deadline=5)
            await api.closed.get()

        assert {partition for _, partition in upstream._pools} <= {""}


async def test_a_request_with_a_connection_of_its_own_is_the_only_one_on_it(api: RawApi) -> None:
    async with Http1Client() as upstream:
        for _ in range(3):
            await upstream.send(ask(api)._replace(partition=None), deadline=5)
            await api.closed.get()
        await upstream.send(ask(api), deadline=5)
    assert [(call.connection, call.number) for call in api.calls] == [(n, 1) for n in (1, 2, 3, 4)]


async def test_a_client_that_closes_leaves_no_connection(api: RawApi) -> None:
    async with Http1Client() as upstream:
        await asyncio.gather(*(upstream.send(ask(api), deadline=5) for _ in range(3)))
    assert {await api.closed.get() for _ in range(api.connections)} == {1, 2, 3}


# --- TLS ------------------------------------------------------------------------------------------


async def test_an_api_is_trusted_over_tls_only_under_its_own_name() -> None:
    authority, named = Authority(), []
    context = authority.server("localhost")
    context.sni_callback = lambda _, name, __: named.append(name)
    async with (
        running_raw_api(context) as api,
        Http1Client(tls=authority.trusted()) as trusting,
        Http1Client() as upstream,
    ):
        by_name = HttpRequest("GET", f"https://localhost:{api.port}/x", (), b"")
        for _ in range(2):
            assert (await trusting.send(by_name, deadline=5)).body == b"{}"
        assert (named, api.connections) == (["localhost"], 1)
        assert await fail(trusting, ask(api)) == "unreachable"  # the certificate has no address
        assert await fail(upstream, by_name) == "unreachable"  # an unknown authority
        assert len(api.calls) == 2
