"""The authorization server's keys: fetched rarely, kept while it is down, checked strictly."""

import asyncio
from pathlib import Path

import orjson
import pytest
from joserfc.jwk import ECKey, RSAKey

from gatepost.revocations import Revocation
from mcp_gateway.auth.jwks import Jwks, parse_jwks
from support.in_process import tokens
from support.in_process.clock import Clock
from support.in_process.gateway import Keys, World, a_world


async def test_a_flood_of_unknown_key_ids_reaches_the_authorization_server_at_most_once_a111(
    world: World,
) -> None:
    payload = tokens.claims(world.clock())
    for number in range(1000):
        forged = tokens.sign(payload, header={"kid": f"key-{number}"})
        assert (await world.old("ping", token=forged)).status_code == 401
    assert world.keys.fetched <= 2  # once at the start


async def test_a_key_that_is_rotated_under_load_costs_no_call_a112(world: World) -> None:
    """A key is published before it signs; forged key ids must not delay it."""
    new = ECKey.generate_key("P-256")
    sent, kid, key = 0, tokens.KID, tokens.KEY
    for minute in range(30):
        if minute == 5:
            world.keys.document = tokens.jwks((tokens.KID, tokens.KEY), ("new", new))
        if minute == 12:
            kid, key = "new", new
        if minute == 25:
            world.keys.document = tokens.jwks(("new", new))
        claims = tokens.claims(world.clock(), jti=f"jti_{minute}")
        good = tokens.sign(claims, key=key, header={"kid": kid})
        forged = tokens.sign(claims, key=tokens.OTHER_KEY, header={"kid": f"forged-{minute}"})
        answers = await asyncio.gather(
            *(world.old("ping", token=token) for token in [good, forged] * 10)
        )
        assert [answer.status_code for answer in answers] == [200, 401] * 10
        sent += 10
        world.clock.advance(minutes=1)
    assert sent == 300


async def test_a_new_key_is_found_as_soon_as_a_token_names_it(world: World) -> None:
    new = ECKey.generate_key("P-256")
    world.keys.document = tokens.jwks((tokens.KID, tokens.KEY), ("new", new))
    world.clock.advance(seconds=31)
    token = tokens.sign(tokens.claims(world.clock()), key=new, header={"kid": "new"})
    assert (await world.old("ping", token=token)).status_code == 200


async def test_the_key_after_a_withdrawn_one_is_fetched_at_once_whatever_strangers_sent_a113(
    world: World,
) -> None:
    payload = tokens.claims(world.clock())
    forged = tokens.sign(payload, header={"kid": "forged"})
    world.clock.advance(seconds=31)
    assert (await world.old("ping", token=forged)).status_code == 401  # and a fetch is used up
    fetched, new = world.keys.fetched, ECKey.generate_key("P-256")
    world.keys.document = tokens.jwks(("new", new))
    ends = int(world.clock().timestamp()) + 900
    withdrawn = Revocation(kind="key", key=tokens.KID, expires_at=ends)
    await world.feed.announce(withdrawn)

    token = tokens.sign(tokens.claims(world.clock()), key=new, header={"kid": "new"})
    assert (await world.old("ping", token=token)).status_code == 200
    assert world.keys.fetched == fetched + 1
    # The same news again, as after a broken connection, costs nothing.
    await world.feed.announce(withdrawn)
    assert (await world.old("ping", token=token)).status_code == 200
    assert world.keys.fetched == fetched + 1


async def test_known_keys_keep_serving_while_the_authorization_server_is_down_a112(
    world: World,
) -> None:
    world.keys.down = True
    for _ in range(12):
        world.clock.advance(minutes=6)
        assert (await world.old("ping")).status_code == 200
        assert (await world.http.get("/readyz")).status_code == 200
    assert world.keys.fetched > 2  # it kept trying


async def test_no_token_counts_as_forged_before_the_keys_were_fetched(tmp_path: Path) -> None:
    async with a_world(tmp_path, keys=Keys(down=True)) as world:
        answer = await world.old("ping")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert (await world.http.get("/readyz")).status_code == 503
        world.keys.down = False
        world.clock.advance(seconds=2)
        assert (await world.old("ping")).status_code == 200
        assert (await world.http.get("/readyz")).status_code == 200


async def test_callers_at_the_same_time_share_one_fetch() -> None:
    started, proceed = asyncio.Event(), asyncio.Event()
    fetched = 0

    async def fetch() -> bytes:
        nonlocal fetched
        fetched += 1
        started.set()
        await proceed.wait()
        return tokens.jwks()

    keys = Jwks(fetch, Clock())
    waiting = [asyncio.create_task(keys.find(tokens.KID)) for _ in range(20)]
    await started.wait()
    waiting[0].cancel()
    proceed.set()
    found = await asyncio.gather(*waiting, return_exceptions=True)
    assert isinstance(found[0], asyncio.CancelledError)
    assert all(isinstance(key, ECKey) for key in found[1:])
    assert fetched == 1


@pytest.mark.parametrize("document", [b"", b"no", b"[]", b'{"keys":{}}', b'{"keys":[1,null]}'])
async def test_a_broken_document_never_replaces_good_keys(world: World, document: bytes) -> None:
    world.keys.document = document
    world.clock.advance(minutes=6)
    await world.old("ping")  # starts the refresh
    await world.http.get("/readyz")  # gives the refresh time to finish
    assert world.keys.fetched == 2
    assert (await world.old("ping")).status_code == 200


def test_only_public_p256_signing_keys_with_a_plain_id_are_kept_a106_a111() -> None:
    public = tokens.KEY.as_dict(private=False)
    good = {**public, "use": "sig", "kid": "good"}
    bad = [
        {**good, "kid": "../x"},
        {**good, "kid": 1},
        {**good, "use": "enc"},
        {**public, "kid": "no-use"},
        {**good, "alg": "RS256", "kid": "other-alg"},
        {**tokens.KEY.as_dict(private=True), "use": "sig", "kid": "private"},
        {**good, "y": public["x"], "kid": "off-curve"},
        {"kty": "EC", "crv": "P-256", "use": "sig", "kid": "empty"},
        {**RSAKey.generate_key(2048).as_dict(private=False), "use": "sig", "kid": "rsa"},
        {**ECKey.generate_key("P-384").as_dict(private=False), "use": "sig", "kid": "p384"},
        {"kty": "oct", "k": "c2VjcmV0", "use": "sig", "kid": "oct"},
    ]
    assert list(parse_jwks(orjson.dumps({"keys": [*bad, good]}))) == ["good"]
