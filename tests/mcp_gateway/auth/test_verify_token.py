"""Tokens that are forged, expired, malformed or for another audience are refused."""

import pytest
from joserfc.jwk import ECKey

from mcp_gateway.auth.jwks import Jwks
from mcp_gateway.auth.verify_token import InvalidToken, TokenVerifier
from support.in_process import tokens
from support.in_process.clock import Clock
from support.in_process.forged_tokens import FORGED, GOOD, RESOURCE
from support.in_process.gateway import Keys, World


@pytest.mark.parametrize("attack", FORGED)
async def test_a_forged_token_opens_nothing_and_the_challenge_says_invalid_a106_a107_a108_a109_a110_a111(
    world: World, attack: str
) -> None:
    """RFC 9068 §4, RFC 8725 §3."""
    answer = await world.post(
        {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}, token=FORGED[attack](world)
    )
    assert answer.status_code == 401
    challenge = answer.headers["www-authenticate"]
    assert challenge.startswith('Bearer error="invalid_token", resource_metadata="http://127.0')
    assert 'scope="mcp:admin mcp:read mcp:write"' in challenge
    assert world.api.requests == []


@pytest.mark.parametrize("good", GOOD)
async def test_a_token_within_the_rules_is_let_in_a110_a159(world: World, good: str) -> None:
    """RFC 9068 §2.1; clocks may differ by thirty seconds."""
    assert (await world.old("ping", token=GOOD[good](world))).status_code == 200


async def test_a_token_verified_once_still_expires(world: World) -> None:
    token = world.token()
    assert (await world.old("ping", token=token)).status_code == 200
    world.clock.advance(seconds=631)
    assert (await world.old("ping", token=token)).status_code == 401


async def test_a_token_verified_once_dies_with_its_withdrawn_key_a113(world: World) -> None:
    token = world.token()
    assert (await world.old("ping", token=token)).status_code == 200
    world.keys.document = tokens.jwks(("2026-12", ECKey.generate_key("P-256")))
    world.clock.advance(minutes=5, seconds=1)
    await world.old("ping", token=token)  # served, and starts the refresh
    await world.http.get("/readyz")  # gives the refresh time to finish
    assert (await world.old("ping", token=token)).status_code == 401


async def test_the_cache_of_tokens_is_bounded_and_drops_revoked_ones_a118() -> None:
    """A token's signature is checked once, and the cache is bounded."""
    clock, ended = Clock(), set[str]()
    jwks = Jwks(Keys().fetch, clock)
    verifier = TokenVerifier(
        jwks=jwks,
        issuer="http://127.0.0.1:8400",
        resource=RESOURCE,
        is_revoked=lambda claims, _: claims.jti in ended,
        now=clock,
    )
    made = [
        tokens.sign(tokens.claims(clock(), jti=f"jti_{number}")).encode() for number in range(3)
    ]
    for token in made:
        await verifier.verify(token)
    ended.add("jti_1")

    with pytest.raises(InvalidToken, match="revoked"):
        await verifier.verify(made[1])
    assert len(verifier._verified) == 2
    clock.advance(seconds=631)
    for token in made:
        with pytest.raises(InvalidToken):
            await verifier.verify(token)
    assert len(verifier._verified) == 0
