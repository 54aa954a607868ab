"""A gateway that knows a revocation refuses the revoked connection."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatepost.claims import parse_claims
from gatepost.revocations import Revocation, RevocationList, names_of
from mcp_gateway.follow_feed import FeedBroken
from mcp_gateway.revocations.followed import Revocations
from support.in_process import tokens
from support.in_process.clock import Clock
from support.in_process.gateway import Announcements, World, a_world

FAR = 1 << 40


def ended(kind: Any, key: str, **more: int) -> Revocation:
    """Make a revocation that outlasts any test."""
    return Revocation(kind=kind, key=key, expires_at=FAR, **more)


@pytest.mark.parametrize(
    ("kind", "key", "spared"),
    [
        ("token", "jti_1", {"jti": "jti_2"}),
        ("family", "jti_1", {"jti": "jti_2.x"}),
        ("grant", "grant_1", {"grant_id": "grant_2"}),
        ("client", "client_claude", {"client_id": "client_other"}),
        ("tenant", "org_acme", {"tenant_id": "org_globex"}),
        ("person", "usr_ada", {"sub": "usr_bo"}),
    ],
)
async def test_a_token_that_was_used_before_is_refused_once_it_ended_and_others_are_not_a118(
    world: World, kind: str, key: str, spared: dict[str, str]
) -> None:
    """A118; RFC 6750 §3.1."""
    token, other = world.token(), world.token(**spared)
    for good in (token, other):
        assert (await world.old("ping", token=good)).status_code == 200

    await world.feed.announce(ended(kind, key))

    refused = await world.old("ping", token=token)
    assert refused.status_code == 401
    assert 'error="invalid_token"' in refused.headers["www-authenticate"]
    assert (await world.old("ping", token=other)).status_code == 200
    assert world.api.requests == []


async def test_a_token_of_a_withdrawn_key_is_refused_while_the_key_is_still_published(
    world: World,
) -> None:
    """A113."""
    assert (await world.old("ping")).status_code == 200
    await world.feed.announce(ended("key", tokens.KID))
    assert (await world.old("ping")).status_code == 401


async def test_known_revocations_stay_while_the_feed_is_broken_and_reading_resumes(
    world: World,
) -> None:
    token = world.token(jti="family_2.x")
    await world.feed.announce(ended("family", "family_1"))
    world.feed.news.put_nowait(FeedBroken("gone"))
    world.feed.news.put_nowait(ValueError("a fault nobody foresaw"))
    await world.feed.announce(ended("family", "family_2"))
    for name in ("family_1.x", "family_2.x"):
        assert (await world.old("ping", token=world.token(jti=name))).status_code == 401
    assert (await world.old("ping", token=token)).status_code == 401


async def test_a_gateway_without_news_for_long_accepts_young_tokens_alone_a161(
    world: World,
) -> None:
    """A token that lives for a day may have been revoked hours ago, without the gateway's knowing."""
    now = int(world.clock().timestamp())
    token = world.token(iat=now, exp=now + 86400)
    world.clock.advance(minutes=10)
    still = await world.old("ping", token=token)
    world.clock.advance(seconds=1)
    old = await world.old("ping", token=token)
    young = await world.old("ping", token=world.token())
    await world.feed.announce(ended("family", "family_1"))
    again = await world.old("ping", token=token)

    assert [each.status_code for each in (still, old, young, again)] == [200, 401, 200, 200]
    # The client learns that a refresh helps.
    assert "younger than 600 seconds; refresh the token" in old.headers["www-authenticate"]
    assert old.json()["error_description"].startswith("the gateway has had no news of revocations")


async def test_a_revoked_token_is_not_called_old_while_the_feed_is_stale(world: World) -> None:
    now = int(world.clock().timestamp())
    token = world.token(iat=now, exp=now + 86400, jti="family_1.x")
    await world.feed.announce(ended("family", "family_1"))
    world.clock.advance(minutes=11)

    refused = await world.old("ping", token=token)
    assert 'error_description="the token was revoked"' in refused.headers["www-authenticate"]


async def test_readiness_says_how_far_the_revocations_can_be_trusted(tmp_path: Path) -> None:
    async with a_world(tmp_path) as world:
        ready = await world.http.get("/readyz")
        world.clock.advance(minutes=5)
        stale = await world.http.get("/readyz")
    assert (ready.status_code, ready.json()["details"]["revocations"]) == (200, "current")
    assert (stale.status_code, stale.json()["details"]["revocations"]) == (
        200,
        "heard 300 seconds ago",
    )


async def test_readiness_says_that_only_young_tokens_are_accepted(tmp_path: Path) -> None:
    async with a_world(tmp_path) as world:
        await world.http.get("/readyz")
        world.clock.advance(minutes=11)
        stale = (await world.http.get("/readyz")).json()["details"]["revocations"]
    assert stale == "heard 660 seconds ago; only tokens younger than 600 seconds are accepted"


async def test_a_gateway_without_the_feed_waits_a_little_and_then_serves_a161(
    tmp_path: Path,
) -> None:
    """A161: a feed that is down does not prevent a gateway from starting."""
    async with a_world(tmp_path, silent=True) as world:
        early = await world.http.get("/readyz")
        world.clock.advance(seconds=11)
        late = await world.http.get("/readyz")
        assert (await world.old("ping")).status_code == 200
    assert (early.status_code, early.json()["checks"]["revocations"]) == (503, "failing")
    assert (late.status_code, late.json()["details"]["revocations"]) == (200, "never heard")


KINDS = st.sampled_from(["token", "family", "key", "grant", "client", "tenant", "person"])
REVOCATIONS = st.builds(
    Revocation,
    kind=KINDS,
    key=st.sampled_from(["a", "b", "a.b", "b.a"]),
    below=st.integers(0, 4),
    expires_at=st.integers(0, 4),
)
CLAIMS = st.builds(
    lambda name, jti, number: parse_claims(
        tokens.claims(
            Clock()(),
            jti=jti,
            grant_id=name,
            client_id=name,
            tenant_id=name,
            sub=name,
            iat=number,
            grant_version=number,
        )
    ),
    st.sampled_from("ab"),
    st.sampled_from(["a", "b", "a.b", "b.a"]),
    st.integers(0, 4),
)


@given(st.lists(REVOCATIONS), CLAIMS, st.sampled_from("ab"), st.randoms())
def test_order_and_repetition_of_the_news_change_nothing(
    news: list[Revocation], claims: Any, kid: str, random: Any
) -> None:
    again = [*news, *news]
    random.shuffle(again)
    assert RevocationList(news).is_revoked(claims, kid) == RevocationList(again).is_revoked(
        claims, kid
    )


@given(st.lists(REVOCATIONS), REVOCATIONS, CLAIMS, st.sampled_from("ab"))
def test_more_news_never_bring_a_token_back_to_life(
    news: list[Revocation], one_more: Revocation, claims: Any, kid: str
) -> None:
    known = RevocationList(news)
    before = known.is_revoked(claims, kid)
    known.add(one_more)
    assert known.is_revoked(claims, kid) or not before


@given(st.lists(REVOCATIONS), CLAIMS, st.sampled_from("ab"))
def test_a_token_is_revoked_exactly_by_its_names(
    news: list[Revocation], claims: Any, kid: str
) -> None:
    """Introspection looks up `names_of`, which must find every revocation that a gateway would."""
    names = set(names_of(claims, kid))
    found = [one for one in news if (one.kind, one.key) in names]
    assert RevocationList(found).is_revoked(claims, kid) == RevocationList(news).is_revoked(
        claims, kid
    )


@given(st.lists(REVOCATIONS), st.integers(0, 5))
def test_only_expired_revocations_are_deleted(news: list[Revocation], now: int) -> None:
    known = RevocationList(news)
    known.forget_expired(now)
    assert len(known) == len({(one.kind, one.key) for one in news if one.expires_at >= now})


def test_of_very_many_some_are_forgotten_at_a_time_and_none_too_early() -> None:
    known = RevocationList()
    for number in range(3000):
        known.add(Revocation(kind="token", key=f"t{number}", expires_at=10))
    known.add(Revocation(kind="token", key="t0", expires_at=20))
    lengths = []
    for _ in range(4):
        known.forget_expired(15)
        lengths.append(len(known))
    assert lengths == [2001, 1001, 1, 1]  # an earlier expiry of `t0` takes one step
    known.forget_expired(21)
    assert len(known) == 0


async def test_news_make_a_gateway_forget_a_thousand_expired_revocations_and_not_all_at_once(
    clock: Clock,
) -> None:
    """To forget a hundred thousand would hold the event loop for tens of milliseconds."""
    feed = Announcements()
    revocations = Revocations(feed, clock)
    soon = int(clock().timestamp()) + 60
    claims = [parse_claims(tokens.claims(clock(), jti=f"jti_{number}")) for number in range(2500)]
    left = []
    async with revocations.following():
        await feed.announce(*(Revocation(kind="token", key=c.jti, expires_at=soon) for c in claims))
        clock.advance(seconds=61)
        for number in range(4):
            left.append(sum(map(revocations.is_revoked, claims)))
            await feed.announce(ended("token", f"other_{number}"))
    assert left == [2500, 1498, 496, 0]
