"""The Worker of `deploy/edge` on Cloudflare's own runtime, in front of a server that a test scripts."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path

import httpx2
import orjson
import pytest
from joserfc.jwk import ECKey

from support.in_process import tokens
from support.in_process.forged_tokens import FORGED, GOOD, RESOURCE
from support.in_process.gateway import USUAL, World, a_world
from support.processes.edge import Edge, running_edge
from support.processes.raw_api import Call, RawApi, running_raw_api
from support.processes.services import free_port

pytestmark = [pytest.mark.anyio, pytest.mark.whole_machine]

ISSUER = "http://127.0.0.1:8400"
JWKS = f"{ISSUER}/jwks.json"
METADATA = "http://127.0.0.1:8401/.well-known/oauth-protected-resource/mcp"
Started = tuple[Edge, int, Iterator[int]]
PING = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
LIMIT = 3
FOR_THE_GATEWAY = {
    "nbf a boolean",
    "not a JWT",
    "exp a boolean",
    "exp a text",
    "exp a fraction",
} | {attack for attack in FORGED if attack.endswith("missing") or "allowed_tools" in attack} - {
    "typ missing",
    "kid missing",
    "issuer missing",
    "audience missing",
}
"""Tokens that are signed for this resource and have claims that only the gateway judges, and an API key."""


@dataclass
class Origin:
    """Both services as far as the Worker knows them, and what reached them."""

    api: RawApi
    documents: dict[str, bytes]
    status: dict[str, int] = field(default_factory=dict)
    """Of other paths than the documents'; 200 usually."""
    down: bool = False

    async def answer(self, call: Call) -> None:
        """Answer one request."""
        path = call.head.split(b" ")[1].decode()
        status = 503 if self.down else self.status.get(path, 200)
        body = self.documents.get(path, b'{"said":"the origin"}')
        head = f'HTTP/1.1 {status} .\r\nContent-Type: application/json\r\nETag: "one"\r\n'
        await call.say(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)

    def paths(self) -> list[str]:
        """Return the paths of the requests that came, in order."""
        return [call.head.split(b" ")[1].decode() for call in self.api.calls]


@dataclass
class Place:
    """A Worker, the origin behind it, and a real gateway to compare with; all have one clock."""

    edge: Edge
    origin: Origin
    world: World
    address: str
    """The client's usual one; each test has another, because the limits last for a minute."""

    def client(self, address: str = "") -> httpx2.AsyncClient:
        """Make a client of the Worker."""
        now = {"test-now": str(self.now * 1000)}
        return self.edge.client(address=address or self.address, **now)

    @property
    def now(self) -> int:
        """The time in seconds."""
        return int(self.world.clock().timestamp())

    async def ask(
        self,
        credential: str,
        address: str = "",
        *,
        at: str = RESOURCE,
        scheme: str = "Bearer",
    ) -> httpx2.Response:
        """Send a message to the MCP endpoint."""
        async with self.client(address) as http:
            headers = {**USUAL, "authorization": f"{scheme} {credential}"}
            return await http.post(at, json=PING, headers=headers)

    def token(self, at: str = RESOURCE, *, bound: bool = False) -> str:
        """Sign a token of Ada's for a resource, bound to a key if asked."""
        claims = tokens.claims(self.world.clock(), aud=at)
        if not bound:
            return tokens.sign(claims)
        return tokens.sign({**claims, "cnf": {"jkt": "k" * 43}}, header={"typ": "bound+at+jwt"})

    def forged(self, at: str = RESOURCE) -> str:
        """Sign a token with the key of somebody else."""
        return tokens.sign(tokens.claims(self.world.clock(), aud=at), key=tokens.OTHER_KEY)

    async def cut_off(self) -> None:
        """Guess until the Worker refuses everything from the usual address."""
        self.origin.status["/mcp"] = 401
        for _ in range(2 * LIMIT + 1):
            await self.ask("mcp_live_x")
        self.origin.status.clear()
        assert await self.is_cut_off()

    async def is_cut_off(self, address: str = "") -> bool:
        """Tell whether a request without a token is refused."""
        async with self.client(address) as http:
            return (await http.get("http://127.0.0.1:8400/sign-in")).status_code == 429

    async def get(self, url: str, **headers: str) -> httpx2.Response:
        """Get a document."""
        async with self.client() as http:
            return await http.get(url, headers=headers)


@pytest.fixture(scope="module")
def edge_before(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Started]:
    """Start the Worker once: with it the port of its origin, and what counts the tests."""
    port = free_port()
    log = tmp_path_factory.mktemp("edge") / "edge.log"
    with running_edge(
        log, issuer=ISSUER, resource=RESOURCE, limit=LIMIT, origin=f"127.0.0.1:{port}"
    ) as edge:
        yield edge, port, count(1)


@pytest.fixture
async def place(tmp_path: Path, edge_before: Started) -> AsyncIterator[Place]:
    """Start the rest, two days after the last test, of which the Worker then knows nothing."""
    edge, port, tests = edge_before
    async with a_world(tmp_path) as world, running_raw_api(port=port) as api:
        number = next(tests)
        world.clock.advance(days=2 * number)
        described = (await world.http.get("/.well-known/oauth-protected-resource/mcp")).content
        origin = Origin(api, {"/jwks.json": tokens.jwks(), METADATA[21:]: described})
        api.script = origin.answer
        yield Place(edge, origin, world, f"203.0.113.{number}")


async def test_a_forged_token_ends_at_the_edge_in_the_gateways_words_a106_a107_a108_a109_a110_a111(
    place: Place,
) -> None:
    """RFC 9068 §4, RFC 8725 §3."""
    passed, differences = set(), {}
    for number, (attack, make) in enumerate(FORGED.items()):
        place.world.clock.advance(seconds=11)  # so that an unknown key is looked up each time
        token = make(place.world)
        place.origin.api.calls.clear()
        at_the_edge = await place.ask(token, f"198.51.100.{number}")
        if "/mcp" in place.origin.paths():
            passed.add(attack)
            continue
        at_the_gateway = await place.world.post(PING, token=token)
        for answer in (at_the_edge, at_the_gateway):
            assert answer.status_code == 401
        said, expected = (
            (answer.headers["www-authenticate"], answer.content)
            for answer in (at_the_edge, at_the_gateway)
        )
        if said != expected:
            differences[attack] = said, expected

    assert passed == FOR_THE_GATEWAY
    assert differences.keys() == {"exp negative", "exp beyond any number"}  # refused in other words


async def test_good_tokens_and_all_that_only_the_gateway_judges_pass_untouched(
    place: Place,
) -> None:
    sent = [{"authorization": f"Bearer {make(place.world)}"} for make in GOOD.values()]
    sent += [
        {},
        {"authorization": "Bearer mcp_live_0123456789"},
        {"authorization": "ApiKey mcp_test_0123456789"},
        {"x-api-key": "mcp_live_0123456789"},
        {"authorization": "DPoP a.b.c", "dpop": "d.e.f"},
        {"authorization": "Bearer a.b.c", "x-api-key": "mcp_live_0123456789"},
        {"authorization": "Bearer a.b.c, Bearer d.e.f"},
        {"authorization": "Basic YTpi"},
    ]
    for headers in sent:
        async with place.client() as http:
            answer = await http.post(RESOURCE, json=PING, headers={**USUAL, **headers})
        assert answer.json() == {"said": "the origin"}, headers
        call = place.origin.api.calls[-1]
        for name, value in headers.items():
            assert f"{name}: {value}".lower().encode() in call.head.lower()
        assert b"\r\nhost: 127.0.0.1:8401\r\n" in call.head.lower()
        assert orjson.loads(call.body) == PING


async def test_a_document_comes_from_the_edge_for_a_minute_and_for_a_day_if_the_origin_fails(
    place: Place,
) -> None:
    first = await place.get(METADATA)
    place.world.clock.advance(seconds=59)
    second = await place.get(METADATA)
    known = await place.get(METADATA, **{"if-none-match": 'W/"one"'})
    assert first.json() == second.json() == orjson.loads(place.origin.documents[METADATA[21:]])
    assert second.headers["access-control-allow-origin"] == "*"
    assert (second.headers["age"], known.headers["etag"], known.status_code) == ("59", '"one"', 304)
    assert place.origin.paths() == [METADATA[21:]]

    place.origin.documents[METADATA[21:]] = b'{"resource":"changed"}'
    place.world.clock.advance(seconds=2)
    assert (await place.get(METADATA)).json() == {"resource": "changed"}
    place.origin.down = True
    place.world.clock.advance(hours=23)
    assert (await place.get(METADATA)).json() == {"resource": "changed"}
    place.world.clock.advance(hours=1)
    assert (await place.get(METADATA)).status_code == 503


async def test_a_key_of_which_the_edge_has_not_heard_costs_no_call_a112(place: Place) -> None:
    new = ECKey.generate_key("P-256")
    signed = tokens.sign(tokens.claims(place.world.clock()), key=new, header={"kid": "2026-12"})
    assert (await place.ask(place.world.token())).status_code == 200
    place.origin.documents["/jwks.json"] = tokens.jwks(("2026-12", new))

    place.world.clock.advance(seconds=1)
    # Within ten seconds the edge does not look again, and the gateway decides.
    assert (await place.ask(signed)).status_code == 200
    assert place.origin.paths().count("/jwks.json") == 1
    # Later it looks. What it does not find then does not exist.
    place.world.clock.advance(seconds=11)
    assert (await place.ask(signed)).status_code == 200
    assert place.origin.paths().count("/jwks.json") == 2
    place.world.clock.advance(seconds=11)
    unknown = tokens.sign(tokens.claims(place.world.clock()), key=new, header={"kid": "x"})
    assert (await place.ask(unknown)).status_code == 401
    assert (await place.ask(signed)).status_code == 200


async def test_while_the_keys_can_not_be_fetched_the_gateway_decides(place: Place) -> None:
    place.origin.documents["/jwks.json"] = b"not a JWK set"
    forged = tokens.sign(tokens.claims(place.world.clock()), key=tokens.OTHER_KEY)
    assert (await place.ask(forged)).json() == {"said": "the origin"}


async def test_an_address_that_guesses_is_cut_off_and_nobody_with_a_token_is_a128(
    place: Place,
) -> None:
    guesser = "2001:db8::1"
    place.origin.status["/mcp"] = 401
    guesses = [await place.ask(f"mcp_live_{number}", guesser) for number in range(2 * LIMIT + 2)]
    assert [guesses[0].status_code, guesses[-1].status_code] == [401, 429]
    assert guesses[-1].headers["retry-after"] == "60"
    assert guesses[-1].json()["error"] == "temporarily_unavailable"

    place.origin.status["/mcp"] = 200
    assert (await place.ask("mcp_live_x", "2001:db8:0:0:9::2")).status_code == 429
    assert (await place.ask("mcp_live_x", "2001:db8:0:1::1")).status_code == 200
    assert (await place.ask(place.world.token(), guesser)).status_code == 200
    place.world.clock.advance(seconds=61)
    assert (await place.ask("mcp_live_x", guesser)).status_code == 200


async def test_forged_tokens_count_against_their_address_and_expired_ones_do_not(
    place: Place,
) -> None:
    expired = place.world.token(iat=place.now - 700, exp=place.now - 100)
    forged = tokens.sign(tokens.claims(place.world.clock()), key=tokens.OTHER_KEY)
    for _ in range(2 * LIMIT + 2):
        assert (await place.ask(expired)).status_code == 401
    assert (await place.ask("mcp_live_x")).status_code == 200
    for _ in range(2 * LIMIT + 2):
        assert (await place.ask(forged)).status_code == 401
    assert (await place.ask("mcp_live_x")).status_code == 429


@pytest.mark.parametrize("organisation", ["org_acme", "nobody"])
async def test_an_organisations_address_is_checked_like_the_gateways_own_a295(
    place: Place, organisation: str
) -> None:
    address = f"{RESOURCE}/o/{organisation}"
    there = replace(place.world, path=f"/mcp/o/{organisation}")
    for wrong in (place.forged(address), place.token(), place.token(f"{RESOURCE}/o/org_globex")):
        answer, expected = await place.ask(wrong, at=address), await there.post(PING, token=wrong)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == expected.headers["www-authenticate"]
        assert answer.content == expected.content
    assert (await place.ask(place.token(address))).status_code == 401

    assert (await place.ask(place.token(address), at=f"{address}/")).is_success
    # What the gateway does not take for an address is for it to answer, and each address describes itself.
    for other in ("/o/", "/o/-", "/o/a/b", "/O/a", "x/o/a", "/o/org%5Facme", f"/o/{'a' * 129}"):
        assert (await place.ask(place.forged(), at=RESOURCE + other)).is_success
    assert (await place.get(METADATA)).json()["resource"] == RESOURCE
    assert (await place.get(f"{METADATA}/o/{organisation}")).json() == {"said": "the origin"}


async def test_a_token_that_is_bound_to_a_key_is_the_gateways_to_judge_and_never_cut_off_a296(
    place: Place,
) -> None:
    await place.cut_off()
    acme = f"{RESOURCE}/o/org_acme"
    assert (await place.ask(place.token(acme), at=acme)).is_success
    for scheme in ("DPoP", "Bearer"):
        assert (await place.ask(place.token(bound=True), scheme=scheme)).is_success
    assert (await place.ask(place.forged(), scheme="DPoP")).status_code == 429

    other = "198.51.100.1"
    # The challenge is the gateway's, which knows the algorithms and the nonce.
    assert (await place.ask(place.forged(), other, scheme="DPoP")).is_success
    place.origin.status["/mcp"] = 401
    for _ in range(2 * LIMIT + 2):
        await place.ask(place.token(bound=True), other, scheme="DPoP")
    assert not await place.is_cut_off(other)


async def test_refusals_that_valid_credentials_meet_cut_nobody_off_a296(place: Place) -> None:
    withdrawn = tokens.sign(tokens.claims(place.world.clock()), header={"kid": "withdrawn"})
    key = {"x-api-key": "mcp_live_x"}
    for status, url, headers in (
        (400, f"{ISSUER}/token", {}),
        (401, RESOURCE, {}),
        (403, RESOURCE, key),
        (429, f"{RESOURCE}/o/org_acme", key),
    ):
        place.origin.status = {url[21:]: status}
        for _ in range(2 * LIMIT + 2):
            async with place.client() as http:
                assert (await http.post(url, headers=headers)).status_code == status
    place.origin.status = {"/mcp": 401}
    for _ in range(2 * LIMIT + 2):
        assert (await place.ask(withdrawn)).status_code == 401
        place.world.clock.advance(seconds=4)
    assert not await place.is_cut_off()

    place.origin.status = {"/token": 401}
    for _ in range(2 * LIMIT + 2):
        async with place.client() as http:
            await http.post(f"{ISSUER}/token", data={"client_secret": "a guess"})
    assert await place.is_cut_off()


async def test_whoever_wants_no_copy_gets_the_newest_keys_and_so_does_everybody_after_a297(
    place: Place,
) -> None:
    """RFC 9111 §5.2.1.4."""
    no_copy = {"cache-control": "max-age=0, no-cache"}
    assert (await place.get(JWKS)).headers["age"] == "0"
    place.world.clock.advance(seconds=5)
    assert (await place.get(JWKS)).headers["age"] == "5"

    asked, answered = asyncio.Event(), asyncio.Event()

    async def answer_late(call: Call) -> None:
        asked.set()
        await answered.wait()
        await place.origin.answer(call)

    before, after = tokens.jwks(), tokens.jwks(("new", tokens.OTHER_KEY))
    place.origin.api.script = answer_late
    slow = asyncio.create_task(place.get(JWKS, **no_copy))
    async with asyncio.timeout(30):
        await asked.wait()
    place.origin.api.script = place.origin.answer
    place.origin.documents["/jwks.json"] = after
    place.world.clock.advance(seconds=1)
    newest = await place.get(JWKS, **no_copy)
    place.origin.documents["/jwks.json"] = before
    answered.set()
    await slow

    assert newest.json() == orjson.loads(after)
    assert (await place.get(f"{JWKS}?a=b")).json() == newest.json()
    place.origin.down = True
    assert (await place.get(JWKS, **no_copy)).json() == newest.json()


async def test_a_limit_that_fails_limits_nothing_and_the_challenge_is_the_operators(
    place: Place,
) -> None:
    other = "http://other.example/mcp"
    place.origin.status["/mcp"] = 401
    assert (await place.ask("mcp_live_x", at=other)).json() == {"said": "the origin"}
    refused = await place.ask(place.forged(other), at=other)
    assert refused.json()["error"] == "invalid_token"
    assert 'scope="mcp:read"' in refused.headers["www-authenticate"]


async def test_answers_come_as_they_are_written_and_a_client_that_leaves_is_told_to_the_gateway(
    place: Place,
) -> None:
    left = asyncio.Event()

    async def stream(call: Call) -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked"
        await call.say(head + b"\r\n\r\n6\r\n: one\n\r\n")
        await left.wait()

    place.origin.api.script = stream
    reader, writer = await asyncio.open_connection("127.0.0.1", place.edge.port)
    writer.write(b"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1:8401\r\nContent-Length: 2\r\n\r\n{}")
    async with asyncio.timeout(30):
        await reader.readuntil(b": one\n")
    reset = struct.pack("ii", 1, 0)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
    writer.transport.abort()
    left.set()

    async with asyncio.timeout(30):
        assert await place.origin.api.closed.get()


async def test_while_the_service_can_not_be_reached_the_edge_says_so(place: Place) -> None:
    async def break_off(call: Call) -> None:
        call.reset()

    place.origin.api.script = break_off
    answer = await place.ask("mcp_live_x")

    assert (answer.status_code, answer.headers["retry-after"]) == (502, "5")
    assert answer.json()["error"] == "temporarily_unavailable"


async def test_a_worker_without_its_variables_names_them(place: Place) -> None:
    answer = await place.get("http://unset.example/mcp")
    assert answer.status_code == 503
    assert "set the variable ISSUER" in answer.json()["error_description"]
