"""API keys: exchanged once, authorized like tokens, and revoked in time."""

import asyncio
import hashlib
from typing import Any

import httpx2
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatepost.api_keys import make_api_key
from gatepost.revocations import Revocation
from mcp_gateway.auth.api_keys import ApiKeys, ExchangeFailed, KeyRefused
from mcp_gateway.auth.jwks import Jwks
from mcp_gateway.auth.verify_token import InvalidToken, TokenVerifier
from mcp_gateway.authorization_server.client import AuthorizationServer
from mcp_gateway.http_client.port import HttpResponse
from support.in_process.clock import Clock
from support.in_process.gateway import USUAL, Api, Exchanges, Keys, World

LIST = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
WORTHLESS = "the API key is unknown, expired or revoked"


def make_key(seed: int = 0, env: Any = "live") -> str:
    return make_api_key(env, hashlib.sha256(bytes([seed])).digest()).text


def make_verifier(clock: Clock) -> TokenVerifier:
    return TokenVerifier(
        jwks=Jwks(Keys().fetch, clock),
        issuer="http://127.0.0.1:8400",
        resource="http://127.0.0.1:8401/mcp",
        is_revoked=lambda claims, kid: False,
        now=clock,
    )


KEY = make_key()


@pytest.fixture
def world(world: World) -> World:
    """A gateway whose authorization server knows one key, of Ada's."""
    world.exchanges.worth[KEY] = {
        "grant_id": "key_1",
        "client_id": world.settings.resource,
        "jti": "key_1.one",
    }
    return world


async def ask(world: World, key: str = KEY, **headers: str) -> httpx2.Response:
    """List the tools with a key."""
    return await world.post(LIST, token=None, headers=headers or {"x-api-key": key})


@pytest.mark.parametrize(
    "header",
    [
        {"x-api-key": KEY},
        {"authorization": f"ApiKey {KEY}"},
        {"authorization": f"apikey {KEY}"},
        {"authorization": f"Bearer {KEY}"},
    ],
    ids=["X-API-Key", "ApiKey", "apikey", "Bearer"],
)
async def test_a_key_is_accepted_in_each_header_that_programs_use(
    world: World, header: dict[str, str]
) -> None:
    answer = await ask(world, **header)

    assert answer.status_code == 200
    assert answer.json()["result"]["tools"]
    assert world.exchanges.asked == [KEY]


async def test_a_call_with_a_key_is_made_for_the_keys_person_and_tenant(world: World) -> None:
    body = {
        **LIST,
        "method": "tools/call",
        "params": {"name": "list_tasks", "arguments": {}},
    }
    await world.post(body, token=None, headers={"x-api-key": KEY})

    assert world.api.requests[-1].url.endswith("?tenant_id=org_acme")
    last = world.records[-1]
    assert (last["sub"], last["grant_id"], last["env"]) == ("usr_ada", "key_1", "live")
    assert KEY not in repr(world.api.requests) + repr(world.records)


async def test_a_call_with_a_test_key_is_told_from_a_real_one_a128(world: World) -> None:
    key = make_key(1, "test")
    world.exchanges.worth[key] = {"env": "test"}
    body = {**LIST, "method": "tools/call", "params": {"name": "list_tasks", "arguments": {}}}

    await world.post(body, token=None, headers={"x-api-key": key})

    assert world.records[-1]["env"] == "test"


async def test_a_key_is_exchanged_once_and_again_shortly_before_its_token_ends(
    world: World,
) -> None:
    for _ in range(3):
        assert (await ask(world)).status_code == 200
    assert len(world.exchanges.asked) == 1
    world.clock.advance(seconds=541)
    assert (await ask(world)).status_code == 200
    assert (await ask(world)).status_code == 200
    await asyncio.sleep(0)
    assert len(world.exchanges.asked) == 2
    world.clock.advance(seconds=500)

    assert (await ask(world)).status_code == 200
    assert len(world.exchanges.asked) == 2


async def test_many_requests_with_a_new_key_are_one_exchange(world: World) -> None:
    world.exchanges.held = asyncio.Event()
    waiting = [asyncio.create_task(ask(world)) for _ in range(20)]
    await world.exchanges.begun.wait()
    # The first caller leaves, and the others still get an answer.
    waiting[0].cancel()
    await asyncio.sleep(0)
    world.exchanges.held.set()

    answers = await asyncio.gather(*waiting[1:])

    assert {answer.status_code for answer in answers} == {200}
    assert world.exchanges.asked == [KEY]


def mutants() -> list[str]:
    swapped = KEY[:20] + KEY[21] + KEY[20] + KEY[22:]
    return [
        KEY[:-1],
        KEY[:-6],
        f"{KEY}0",
        f"{KEY}{KEY[-6:]}",
        KEY.swapcase().replace("MCP_LIVE_", "mcp_live_"),
        KEY.replace("mcp_live_", "mcp_test_"),
        KEY.replace("mcp_live_", "mcp_dead_"),
        swapped if swapped != KEY else KEY[::-1],
        "mcp_live_",
        "mcp_live_" + "0" * 49,
        "sk_live_123",
        KEY.upper(),
        "é" * 58,
    ]


@pytest.mark.parametrize("key", mutants())
async def test_a_key_that_was_cut_extended_or_changed_is_refused_without_asking_a127(
    world: World, key: str
) -> None:
    answer = await world.post(LIST, token=None, headers={"x-api-key": key.encode()})  # type: ignore[dict-item]

    assert answer.status_code == 401
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]
    assert world.exchanges.asked == []
    assert key not in answer.text


async def test_every_invalid_key_gets_one_answer_and_is_asked_about_once_a128(
    world: World,
) -> None:
    wrong = make_key(7)
    answers = [await ask(world, wrong) for _ in range(5)]

    assert {(answer.status_code, answer.json()["error_description"]) for answer in answers} == {
        (401, WORTHLESS)
    }
    assert world.exchanges.asked == [wrong]
    # A key that is created meanwhile works soon.
    world.exchanges.worth[wrong] = {}
    world.clock.advance(seconds=10)
    assert (await ask(world, wrong)).status_code == 200


@given(st.binary(max_size=80) | st.binary(max_size=60).map(lambda tail: b"mcp_live_" + tail))
def test_no_bytes_are_more_than_a_wrong_key_a127(key: bytes) -> None:
    async def resolve() -> None:
        clock = Clock()
        exchanges = Exchanges(clock)
        keys = ApiKeys(exchanges.exchange, make_verifier(clock), clock)
        with pytest.raises(InvalidToken):
            await keys.resolve(key)
        assert exchanges.asked == []

    asyncio.run(resolve())


async def test_guessing_does_not_fill_the_gateways_memory_a128(clock: Clock) -> None:
    """Cached answers for valid keys stay cached."""
    exchanges = Exchanges(clock, {KEY: {}})
    keys = ApiKeys(exchanges.exchange, make_verifier(clock), clock)
    await keys.resolve(KEY.encode())
    for number in range(10_050):
        guess = make_api_key("live", hashlib.sha256(b"%d" % number).digest()).text
        with pytest.raises(InvalidToken):
            await keys.resolve(guess.encode())

    assert len(keys._refused) == 10_000
    await keys.resolve(KEY.encode())
    assert exchanges.asked.count(KEY) == 1


async def test_a_key_that_was_revoked_is_dead_at_once_a118(world: World) -> None:
    assert (await ask(world)).status_code == 200
    del world.exchanges.worth[KEY]
    ends = int(world.clock().timestamp()) + 900
    await world.feed.announce(Revocation(kind="family", key="key_1", expires_at=ends))

    answer = await ask(world)

    assert (answer.status_code, answer.json()["error_description"]) == (401, WORTHLESS)


async def test_a_key_is_exchanged_again_after_its_tenants_policy_changed(world: World) -> None:
    assert (await ask(world)).status_code == 200
    moment = int(world.clock().timestamp())
    world.clock.advance(seconds=2)
    news = Revocation(kind="tenant", key="org_acme", below=moment + 1, expires_at=moment + 900)
    await world.feed.announce(news)

    assert (await ask(world)).status_code == 200
    assert len(world.exchanges.asked) == 2


async def test_while_the_authorization_server_is_down_known_keys_serve_and_new_ones_wait(
    world: World,
) -> None:
    new = make_key(3)
    world.exchanges.worth[new] = {}
    assert (await ask(world)).status_code == 200
    world.exchanges.down = True
    for _ in range(4):
        world.clock.advance(seconds=145)
        assert (await ask(world)).status_code == 200

    answer = await ask(world, new)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert answer.json()["error"] == "temporarily_unavailable"
    world.clock.advance(seconds=60)
    assert (await ask(world)).status_code == 503
    world.exchanges.down = False
    world.clock.advance(seconds=30)
    assert (await ask(world)).status_code == 200
    assert (await ask(world, new)).status_code == 200


async def test_a_failing_authorization_server_is_asked_about_a_key_ever_more_rarely(
    world: World,
) -> None:
    world.exchanges.down = True
    for _ in range(600):
        assert (await ask(world)).status_code == 503
        world.clock.advance(seconds=0.1)
    assert len(world.exchanges.asked) == 6  # after 0, 1, 3, 7, 15 and 31 seconds

    world.exchanges.down = False
    world.clock.advance(seconds=30)
    assert (await ask(world)).status_code == 200


async def test_a_slow_exchange_goes_on_and_serves_the_requests_after_it(clock: Clock) -> None:
    exchanges = Exchanges(clock, {KEY: {}}, held=asyncio.Event())
    keys = ApiKeys(exchanges.exchange, make_verifier(clock), clock, patience=0)
    for _ in range(3):
        with pytest.raises(ExchangeFailed):
            await keys.resolve(KEY.encode())
    assert exchanges.held is not None
    exchanges.held.set()
    await asyncio.gather(*keys._running.values())

    assert (await keys.resolve(KEY.encode())).sub == "usr_ada"
    assert exchanges.asked == [KEY]


async def test_keys_that_were_valid_never_wait_behind_keys_that_a_stranger_made_up(
    clock: Clock,
) -> None:
    exchanges = Exchanges(clock, {KEY: {}})
    keys = ApiKeys(exchanges.exchange, make_verifier(clock), clock)
    await keys.resolve(KEY.encode())
    exchanges.held = asyncio.Event()
    made_up = [make_key(number).encode() for number in range(1, 100)]
    waiting = [asyncio.create_task(keys.resolve(key)) for key in made_up]
    clock.advance(minutes=11)  # the token has expired
    asked = asyncio.create_task(keys.resolve(KEY.encode()))
    for _ in range(100):
        await asyncio.sleep(0)
    assert exchanges.asked.count(KEY) == 2
    exchanges.held.set()

    assert (await asked).sub == "usr_ada"
    assert len(exchanges.asked) < 100
    refused = await asyncio.gather(*waiting, return_exceptions=True)
    assert {type(answer) for answer in refused} == {InvalidToken}


async def test_a_token_that_the_gateway_can_not_accept_is_exchanged_again_before_the_answer(
    world: World,
) -> None:
    """The key's tenant changed its policy in the second in which its token was issued."""
    moment = int(world.clock().timestamp())
    news = Revocation(kind="tenant", key="org_acme", below=moment + 1, expires_at=moment + 900)
    await world.feed.announce(news)

    assert (await ask(world)).status_code == 200
    assert 2 <= len(world.exchanges.asked) <= 4


async def test_a_key_whose_tokens_are_never_acceptable_is_not_called_worthless(
    world: World,
) -> None:
    """And it is asked about with pauses: the fault is the authorization server's."""
    world.exchanges.worth[KEY]["iss"] = "https://other.example"
    for _ in range(20):
        assert (await ask(world)).status_code == 503

    assert len(world.exchanges.asked) == 4


async def test_an_outdated_token_serves_while_its_key_can_not_be_exchanged(world: World) -> None:
    world.exchanges.worth[KEY] |= {"allowed_tools": ["@read", "@gone~AAAAAAAAAAAA"]}
    assert (await ask(world)).status_code == 200
    world.clock.advance(seconds=160)
    world.exchanges.down = True

    assert (await ask(world)).status_code == 200
    assert len(world.exchanges.asked) == 2


async def test_two_credentials_in_one_request_are_refused_a119(world: World) -> None:
    token = f"Bearer {world.token()}"
    both = await ask(world, **{"x-api-key": KEY, "authorization": token})
    twice = await world.http.post(
        "/mcp",
        json=LIST,
        headers=[*USUAL.items(), ("x-api-key", KEY), ("x-api-key", make_key(2))],
    )

    assert (both.status_code, both.json()["error"]) == (400, "invalid_request")
    assert (twice.status_code, twice.json()["error"]) == (400, "invalid_request")
    assert world.exchanges.asked == []


async def test_a_key_in_the_query_is_not_looked_at_a119(world: World) -> None:
    answer = await world.http.post(f"/mcp?api_key={KEY}&x-api-key={KEY}", json=LIST, headers=USUAL)

    assert answer.status_code == 401
    assert world.exchanges.asked == []


@pytest.mark.parametrize(
    ("age", "header"), [(0, None), (300, None), (301, "299"), (599, "1"), (610, "0")]
)
async def test_a_client_is_told_when_its_token_is_soon_over(
    world: World, age: int, header: str | None
) -> None:
    token = world.token()
    world.clock.advance(seconds=age)
    await world.feed.announce()

    answer = await world.post(LIST, token=token, headers={"origin": "http://127.0.0.1:8401"})

    assert answer.status_code == 200
    assert answer.headers.get("gatepost-token-expires-in") == header
    exposed = answer.headers["access-control-expose-headers"]
    assert "gatepost-token-expires-in" in exposed


async def test_a_browser_may_send_a_key(world: World) -> None:
    asks = {
        "origin": "http://127.0.0.1:8401",
        "access-control-request-method": "POST",
        "access-control-request-headers": "x-api-key, content-type",
    }
    answer = await world.http.options("/mcp", headers=asks)

    assert "x-api-key" in answer.headers["access-control-allow-headers"]


@pytest.mark.parametrize(
    ("status", "body", "raised"),
    [
        (400, b'{"error":"invalid_grant"}', KeyRefused),
        (400, b'{"error":"invalid_request"}', ExchangeFailed),
        (401, b'{"error":"invalid_client"}', ExchangeFailed),
        (429, b"{}", ExchangeFailed),
        (503, b'{"error":"temporarily_unavailable"}', ExchangeFailed),
        (200, b"<html>", ExchangeFailed),
        (200, b'{"access_token":7}', ExchangeFailed),
        (200, b"[]", ExchangeFailed),
        (502, b"", ExchangeFailed),
    ],
)
async def test_only_invalid_grant_means_that_a_key_is_invalid(
    status: int, body: bytes, raised: type[Exception]
) -> None:
    api = Api(answer=lambda _: HttpResponse(status, "", body))
    server = AuthorizationServer(
        api, resource="http://127.0.0.1:8401/mcp", url="http://as.test", jwks_url="", prove=dict
    )

    with pytest.raises(raised):
        await server.exchange_api_key(KEY, "")


async def test_no_cache_on_the_way_answers_a_request_for_keys() -> None:
    api = Api(answer=lambda _: HttpResponse(200, "", b"{}"))
    server = AuthorizationServer(
        api, resource="http://127.0.0.1:8401/mcp", url="", jwks_url="http://as.test/k", prove=dict
    )

    await server.fetch_keys()

    [asked] = api.requests
    assert (asked.url, dict(asked.headers)["Cache-Control"]) == ("http://as.test/k", "no-cache")


async def test_the_exchange_is_a_token_exchange_that_the_gateway_signs() -> None:
    api = Api(answer=lambda _: HttpResponse(200, "", orjson.dumps({"access_token": "a.b.c"})))
    proof = {"client_assertion": "signed"}
    server = AuthorizationServer(
        api,
        resource="http://127.0.0.1:8401/mcp",
        url="http://as.test",
        jwks_url="",
        prove=lambda: proof,
    )

    token = await server.exchange_api_key(KEY, "")

    assert token == b"a.b.c"
    (posted,) = api.requests
    assert (posted.method, posted.url) == ("POST", "http://as.test/token")
    assert dict(httpx2.QueryParams(posted.body.decode())) == {
        "client_assertion": "signed",
        "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
        "subject_token": KEY,
        "subject_token_type": "urn:gatepost:params:oauth:token-type:api-key",
        "requested_token_type": "urn:ietf:params:oauth:token-type:access_token",
    }
