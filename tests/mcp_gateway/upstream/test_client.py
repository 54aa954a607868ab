"""Requests to an API that is slow, huge, gone or sly, over real sockets."""

import asyncio
import gzip
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port

from mcp_gateway.upstream.client import AiohttpUpstream
from mcp_gateway.upstream.port import UpstreamFailed
from mcp_gateway.upstream.request import UpstreamRequest

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Api:
    """A loopback API whose one handler a test sets."""

    def __init__(self) -> None:
        """Answer 404 until told otherwise."""
        self.handler: Handler = _missing
        self.seen: list[web.Request] = []
        self.bodies: list[bytes] = []
        self.url = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Remember the request and answer."""
        self.seen.append(request)
        self.bodies.append(await request.read())
        return await self.handler(request)

    def answer(self, **response: Any) -> None:
        """Answer every request the same."""

        async def handler(_: web.Request) -> web.StreamResponse:
            return web.Response(**response)

        self.handler = handler


async def _missing(_: web.Request) -> web.StreamResponse:
    return web.Response(status=404)


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    """Serve the API on a loopback port."""
    api = Api()
    app = web.Application(client_max_size=1 << 24)
    app.router.add_route("*", "/{path:.*}", api.handle)
    server = TestServer(app)
    await server.start_server()
    api.url = f"http://127.0.0.1:{server.port}"
    yield api
    await server.close()


@pytest.fixture
async def upstream() -> AsyncIterator[AiohttpUpstream]:
    """Open a client whose limit is 64 KiB."""
    async with AiohttpUpstream(max_response=1 << 16) as client:
        yield client


def get(url: str, *headers: tuple[str, str]) -> UpstreamRequest:
    """Write a GET."""
    return UpstreamRequest("GET", url, headers, b"")


async def test_the_request_arrives_exactly_as_written(api: Api, upstream: AiohttpUpstream) -> None:
    api.answer(body=b'{"ok":true}', content_type="application/json")
    target = "/a%2Fb/%7Bx%7D/%C3%A9;v=1?q=a%20b%2Bc&q=%26&empty=&%5B%5D=1"
    headers = (("Content-Type", "application/json"), ("X-One", "1"), ("X-One", "2"))
    request = UpstreamRequest("POST", api.url + target, headers, b'{"title":"x"}')
    response = await upstream.send(request, deadline=5)
    assert (response.status, response.body) == (200, b'{"ok":true}')
    assert response.content_type.startswith("application/json")
    [seen] = api.seen
    assert (seen.method, seen.raw_path) == ("POST", target)
    assert seen.headers.getall("X-One") == ["1", "2"]
    assert api.bodies == [b'{"title":"x"}']


async def test_a_request_without_a_body_says_nothing_of_its_type(
    api: Api, upstream: AiohttpUpstream
) -> None:
    for method in ("GET", "DELETE", "POST"):
        await upstream.send(UpstreamRequest(method, api.url + "/x", (), b""), deadline=5)
        assert "Content-Type" not in api.seen[-1].headers
        assert "Authorization" not in api.seen[-1].headers


async def test_a_redirect_is_handed_back_and_never_followed(
    api: Api, upstream: AiohttpUpstream
) -> None:
    api.answer(status=302, headers={"Location": "http://169.254.169.254/latest"})
    response = await upstream.send(get(api.url + "/x", ("X-Secret", "1")), deadline=5)
    assert (response.status, len(api.seen)) == (302, 1)


async def test_a_cookie_the_api_sets_is_not_sent_to_it_for_the_next_person(
    api: Api, upstream: AiohttpUpstream
) -> None:
    api.answer(headers={"Set-Cookie": "session=ada; Path=/"})
    for _ in range(2):
        await upstream.send(get(api.url + "/x"), deadline=5)
    assert "Cookie" not in api.seen[-1].headers


async def test_a_proxy_in_the_environment_changes_nothing(
    api: Api, upstream: AiohttpUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{unused_port()}")
    api.answer(body=b"ok")
    assert (await upstream.send(get(api.url + "/x"), deadline=5)).body == b"ok"


async def test_an_api_that_hangs_is_given_up_at_the_deadline(
    api: Api, upstream: AiohttpUpstream
) -> None:
    async def hang(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"{")
        await asyncio.Event().wait()
        return response

    api.handler = hang
    with pytest.raises(UpstreamFailed, match=r"within 0.2 seconds") as failure:
        await upstream.send(get(api.url + "/x"), deadline=0.2)
    assert failure.value.reason == "deadline"


async def test_an_api_that_is_gone_is_unreachable(upstream: AiohttpUpstream) -> None:
    with pytest.raises(UpstreamFailed) as failure:
        await upstream.send(get(f"http://127.0.0.1:{unused_port()}/x"), deadline=5)
    assert failure.value.reason == "unreachable"
    assert "127.0.0.1" not in str(failure.value)


@pytest.mark.parametrize("size", [1 << 16, (1 << 16) + 1])
@pytest.mark.parametrize("compressed", [False, True])
async def test_an_answer_is_read_up_to_the_limit_and_no_further(
    api: Api, upstream: AiohttpUpstream, size: int, compressed: bool
) -> None:
    body = b"x" * size
    if compressed:
        api.answer(body=gzip.compress(body, mtime=0), headers={"Content-Encoding": "gzip"})
    else:
        api.answer(body=body)
    if size <= 1 << 16:
        assert (await upstream.send(get(api.url + "/x"), deadline=5)).body == body
        return
    with pytest.raises(UpstreamFailed) as failure:
        await upstream.send(get(api.url + "/x"), deadline=5)
    assert failure.value.reason == "too_large"


@pytest.mark.parametrize(
    ("encoding", "body"),
    [("br", b"x"), ("gzip", b"no gzip"), ("gzip", gzip.compress(b"x" * 99, mtime=0)[:-9])],
)
async def test_an_answer_in_a_damaged_or_unknown_encoding_is_unreadable(
    api: Api, upstream: AiohttpUpstream, encoding: str, body: bytes
) -> None:
    api.answer(body=body, headers={"Content-Encoding": encoding})
    with pytest.raises(UpstreamFailed) as failure:
        await upstream.send(get(api.url + "/x"), deadline=5)
    assert failure.value.reason == "unreadable"


async def test_two_calls_at_once_get_their_own_answers(api: Api, upstream: AiohttpUpstream) -> None:
    async def echo(request: web.Request) -> web.StreamResponse:
        return web.json_response({"id": request.query["id"]})

    api.handler = echo
    answers = await asyncio.gather(
        *(upstream.send(get(f"{api.url}/x?id={number}"), deadline=5) for number in range(100))
    )
    assert [orjson.loads(answer.body)["id"] for answer in answers] == [
        str(number) for number in range(100)
    ]
