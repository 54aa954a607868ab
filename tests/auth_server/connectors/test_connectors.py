"""Providers that send false, failing or changing responses, and the effects on people."""

import asyncio
import base64
import gzip
import hashlib
import json
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import jwt
import pytest
from sqlmodel import SQLModel, select
from starlette.responses import Response
from structlog.testing import capture_logs

from auth_server.connectors.transport import LIMIT, GuardedTransport
from auth_server.db.engine import open_database
from auth_server.notices.run import follow
from auth_server.outbound.guarded_fetch import Resolve
from auth_server.records.people.table import Identity
from auth_server.records.people.table import Person as PersonRow
from auth_server.records.sessions.table import Session
from auth_server.records.tenants.table import Membership, Tenant
from auth_server.sign_in_settings import ClaimMapping, LocalSignIn
from support.in_process.auth_server import AuthServer, running_auth_server
from support.in_process.clock import Clock
from support.in_process.person import Page, Person
from support.in_process.providers import (
    CLAIMS,
    ISSUER,
    MAPPING,
    Product,
    Provider,
    SigningKey,
    leave,
)


@dataclass
class Place:
    """A server with two providers, and a person's browser."""

    server: AuthServer
    provider: Provider
    product: Product
    http: httpx2.AsyncClient

    @property
    def person(self) -> Person:
        """The person at the browser."""
        return Person(self.http)

    async def handle_callback(self, way: str = "acme-id") -> httpx2.Response:
        """Sign in at the provider or the product; return what the browser is told."""
        url = await self.leave(way)
        if way == "acme-id":
            return await self.http.get(self.provider.handle_callback(url))
        return await self.http.get(await self.product.handle_callback(url, self.server))

    async def leave(self, way: str = "acme-id") -> str:
        """Leave for the provider; return the URL there."""
        answer = await self.http.get(f"/sign-in/with/{way}?return_to=/account/apps")
        return answer.headers["location"]

    async def refused(self, way: str = "acme-id") -> str:
        """Sign in, be refused, and return the reason from the log."""
        with capture_logs() as events:
            answer = await self.handle_callback(way)
        assert answer.status_code in {403, 503}
        assert await self.rows(Session) == []
        (reason,) = [e["reason"] for e in events if e["event"] == "sign_in_refused"]
        # The page tells the person what to do; only the log has the exact error.
        assert reason not in answer.text
        return str(reason)

    async def rows(self, table: type[SQLModel]) -> list[Any]:
        """Read a table."""
        database = open_database(self.server.database_url)
        async with database.reading() as db:
            rows = list((await db.execute(select(table))).scalars())
        await database.close()
        return rows

    async def seats(self, person_id: str = "usr_dee") -> dict[str, tuple[str, str]]:
        """Where a person is a member: role and data scope by tenant."""
        return {
            row.tenant_id: (row.role, row.data_scope)
            for row in await self.rows(Membership)
            if row.person_id == person_id
        }


@asynccontextmanager
async def running_place(database_url: str, clock: Clock, **changes: Any) -> AsyncIterator[Place]:
    """Run a server with both."""
    provider, product = Provider(clock), Product(clock)
    acme = MAPPING.model_copy(update={"allowed_tenants": ("org_acme", "org_new")})
    trusted = MAPPING.model_copy(update={"allowed_tenants": ("*",)})
    ways = (
        LocalSignIn(kind="local"),
        provider.settings(claims=acme),
        product.settings(claims=trusted),
    )
    async with running_auth_server(
        database_url, clock, outside=provider.app, sign_in=ways, **changes
    ) as server:
        yield Place(server, provider, product, server.browser())


@pytest.fixture
async def place(database_url: str, clock: Clock) -> AsyncIterator[Place]:
    """A server with both, on each database."""
    async with running_place(database_url, clock) as running:
        yield running


@pytest.fixture(scope="module")
async def running_table(
    tmp_path_factory: pytest.TempPathFactory, seeded_sqlite: Path
) -> AsyncIterator[Place]:
    """One server for all tables of invalid responses that nobody can sign in with."""
    path = tmp_path_factory.mktemp("connectors") / "gatepost.db"
    shutil.copy(seeded_sqlite, path)
    async with running_place(f"sqlite+aiosqlite:///{path}", Clock()) as running:
        yield running


@pytest.fixture
def table_place(running_table: Place) -> Place:
    """The same with an honest provider and product, and a new browser."""
    clock, provider, product = (
        running_table.server.clock,
        running_table.provider,
        running_table.product,
    )
    vars(provider).update(vars(Provider(clock, key=provider.key)))
    vars(product).update(vars(Product(clock, key=product.key)))
    # Failed attempts of one address count for 15 minutes.
    clock.advance(minutes=16)
    return replace(running_table, http=running_table.server.browser())


@pytest.fixture
async def lied_to(tmp_path: Path, seeded_sqlite: Path, clock: Clock) -> AsyncIterator[Place]:
    """The same on one database, for tables of invalid responses."""
    shutil.copy(seeded_sqlite, tmp_path / "gatepost.db")
    async with running_place(f"sqlite+aiosqlite:///{tmp_path}/gatepost.db", clock) as running:
        yield running


async def test_every_sign_in_method_is_a_button_on_the_page(place: Place) -> None:
    page = await place.person.open("/sign-in?return_to=/account/apps")

    assert "Continue with Acme ID" in page.text
    assert "Continue with Orbit" in page.text
    assert "/sign-in" in page.forms


async def test_the_request_to_the_provider_is_bound_to_this_sign_in(place: Place) -> None:
    """OpenID Connect Core §3.1.2.1, RFC 7636: each sign-in has its own secrets."""
    first, second = [parse_qs(urlsplit(await place.leave()).query) for _ in range(2)]

    assert first["response_type"] == ["code"]
    assert first["code_challenge_method"] == ["S256"]
    assert first["redirect_uri"] == ["http://127.0.0.1:8400/sign-in/return/acme-id"]
    assert first["scope"] == ["openid profile email"]
    for name in ("state", "nonce", "code_challenge"):
        assert first[name] != second[name]
    assert "/account/apps" not in first["state"][0]


LIES: dict[str, tuple[dict[str, Any], str]] = {
    "another client's": ({"aud": "another"}, "aud"),
    "no audience": ({"aud": None}, "aud"),
    "several audiences, none named": ({"aud": ["gatepost", "another"]}, "azp"),
    "another's among several": ({"aud": ["gatepost", "x"], "azp": "x"}, "azp"),
    "authorised for another": ({"azp": "another"}, "azp"),
    "audience as a number": ({"aud": 7}, "aud"),
    "another issuer": ({"iss": "https://evil.example"}, "iss"),
    "an issuer that begins alike": ({"iss": f"{ISSUER}.evil.example"}, "iss"),
    "an issuer with a slash": ({"iss": f"{ISSUER}/"}, "iss"),
    "no issuer": ({"iss": None}, "iss"),
    "another sign-in's nonce": ({"nonce": "another"}, "nonce"),
    "no nonce": ({"nonce": None}, "nonce"),
    "expired": ({"exp": 1}, "exp"),
    "never expires": ({"exp": None}, "exp"),
    "expires in words": ({"exp": "tomorrow"}, "exp"),
    "expires at infinity": ({"exp": float("1e999")}, "exp"),
    "from the future": ({"iat": 4_000_000_000}, "iat"),
    "no time": ({"iat": None}, "iat"),
    "another access token": ({"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}, "at_hash"),
    "a hash that is none": ({"at_hash": 7}, "at_hash"),
    "nobody": ({"sub": None}, "another sub than"),
    "an empty subject": ({"sub": "", "id": "x"}, "another sub than"),
    "a list for a subject": ({"sub": ["idp-77"]}, "another sub than"),
    "no id of the product": ({"id": None}, "claim id"),
    "an id with a line break": ({"id": "usr\ndee"}, "claim id"),
    "an id that is too long": ({"id": "x" * 256}, "claim id"),
}


@pytest.mark.parametrize("lie", LIES)
async def test_an_id_token_that_is_not_for_this_sign_in_signs_nobody_in_a139(
    table_place: Place, lie: str
) -> None:
    """OpenID Connect Core §3.1.3.7; a missing claim is refused like a wrong one."""
    table_place.provider.says, reason = LIES[lie]
    assert reason in await table_place.refused()


ASSERTION_LIES = {
    name: lie
    for name, lie in LIES.items()
    if name not in {"another access token", "a hash that is none"} and "sub" not in lie[0]
} | {
    "another server's": ({"aud": "https://other.example"}, "aud"),
    "valid for an hour": ({"exp": 4_000_000_000}, "exp is too long"),
    "nobody": ({"sub": None}, "claim sub"),
}


@pytest.mark.parametrize("lie", ASSERTION_LIES)
async def test_a_handed_over_assertion_that_is_not_for_this_sign_in_signs_nobody_in_a139(
    table_place: Place, lie: str
) -> None:
    table_place.product.says, reason = ASSERTION_LIES[lie]
    if table_place.product.says.get("aud") == ["gatepost", "another"]:
        table_place.product.says = {"aud": [table_place.server.issuer, "another"]}
    assert reason.replace("azp", "a") in await table_place.refused("orbit")


def unsigned(claims: dict[str, Any]) -> str:
    """A JWT of `alg: none`."""
    return jwt.encode(claims, "", algorithm="none")


def signed_with_the_public_key(claims: dict[str, Any], key: SigningKey) -> str:
    """HMAC with a public value as the secret."""
    parts = [
        base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()
        for text in (
            json.dumps({"alg": "HS256", "kid": key.kid, "typ": "hand-off+jwt"}),
            json.dumps(claims),
        )
    ]
    digest = hashlib.sha256(".".join(parts).encode()).digest()
    return ".".join([*parts, base64.urlsafe_b64encode(digest).rstrip(b"=").decode()])


FORGERIES = ["none", "HS256", "other key", "other kid", "jwk in header", "garbage", "huge", "type"]


@pytest.mark.parametrize("way", ["acme-id", "orbit"])
@pytest.mark.parametrize("forgery", FORGERIES)
async def test_a_statement_that_the_configured_key_did_not_sign_signs_nobody_in_a139(
    table_place: Place, way: str, forgery: str
) -> None:
    """Algorithm confusion, keys that a header brings, and plain forgery."""
    key = table_place.provider.key if way == "acme-id" else table_place.product.key
    table_place.provider.published = [key.public]
    claims = {**CLAIMS, "iss": ISSUER, "aud": "gatepost"}
    typ = "hand-off+jwt" if way == "orbit" else "JWT"
    other = SigningKey(key.kid)
    made: dict[str, Callable[[], str]] = {
        "none": lambda: unsigned(claims),
        "HS256": lambda: signed_with_the_public_key(claims, key),
        "other key": lambda: other.sign(claims, typ=typ),
        "other kid": lambda: SigningKey("other").sign(claims, typ=typ),
        "jwk in header": lambda: other.sign(claims, typ=typ, jwk=other.public),
        "garbage": lambda: "a.b.c",
        "huge": lambda: "x" * 60_000,
        # Signed by the right key for another purpose, such as an access token.
        "type": lambda: key.sign(claims, typ="at+jwt"),
    }
    table_place.provider.id_token = table_place.product.assertion = made[forgery]()

    reason = await table_place.refused(way)

    assert reason.split()[0] in {"the", "kid", "no", "nonce"}


async def test_a_refusal_holds_nothing_that_the_provider_sent(lied_to: Place) -> None:
    """A44."""
    lied_to.provider.answers = {"error": "<script>alert(1)</script>", "code": None}
    answer = await lied_to.handle_callback()

    assert answer.status_code == 403
    assert "<script>alert" not in answer.text


async def test_another_providers_answer_is_not_taken_for_this_ones_a139(lied_to: Place) -> None:
    """Mix-up, RFC 9207 §2.4: a code that another provider issued must not be sent to this one."""
    for named in ("https://evil.example", None):
        lied_to.provider.answers = {"iss": named}
        assert "iss of the answer" in await lied_to.refused()
    assert "POST /token" not in lied_to.provider.requests


async def test_an_older_provider_that_does_not_name_itself_still_works(place: Place) -> None:
    place.provider.document = {"authorization_response_iss_parameter_supported": None}
    place.provider.answers = {"iss": None}
    assert (await place.handle_callback()).status_code == 303


async def test_userinfo_about_another_person_signs_nobody_in_a139(place: Place) -> None:
    """OpenID Connect Core §5.3.2: token substitution."""
    place.provider.userinfo = {"sub": "idp-1"}
    assert "another sub than" in await place.refused()


async def test_userinfo_adds_claims_but_the_id_token_wins(place: Place) -> None:
    place.provider.userinfo = {"id": "usr_admin", "nickname": "x"}
    place.provider.claims = {k: v for k, v in CLAIMS.items() if k != "organisations"}
    place.provider.userinfo["organisations"] = CLAIMS["organisations"][:1]

    assert (await place.handle_callback()).status_code == 303
    assert set(await place.seats()) == {"org_acme"}
    assert [row.person_id for row in await place.rows(Identity)] == ["usr_dee"]


@pytest.mark.parametrize("way", ["acme-id", "orbit"])
async def test_a_providers_response_counts_once_a141(place: Place, way: str) -> None:
    """A used state, also in simultaneous requests."""
    url = await place.leave(way)
    back = (
        place.provider.handle_callback(url)
        if way == "acme-id"
        else await place.product.handle_callback(url, place.server)
    )

    answers = await asyncio.gather(*(place.http.get(back) for _ in range(5)))
    late = await place.http.get(back)

    assert sorted(answer.status_code for answer in answers) == [303, 400, 400, 400, 400]
    assert (late.status_code, "This sign-in has expired" in late.text) == (400, True)


@pytest.mark.parametrize("way", ["acme-id", "orbit"])
async def test_a_providers_response_counts_for_ten_minutes_a141(place: Place, way: str) -> None:
    url = await place.leave(way)
    place.server.clock.advance(minutes=9, seconds=58)
    intime = await place.leave(way)
    place.server.clock.advance(seconds=2)

    for left, status in ((url, 400), (intime, 303)):
        back = (
            place.provider.handle_callback(left)
            if way == "acme-id"
            else await place.product.handle_callback(left, place.server)
        )
        assert (await place.http.get(back)).status_code == status


@pytest.mark.parametrize("state", [None, "", "x", "é", "A" * 200, "A" * 10_000])
async def test_coming_back_without_a_state_of_ours_leads_nowhere_a141(
    table_place: Place, state: str | None
) -> None:
    await table_place.leave()
    sent = {"code": "x"} if state is None else {"code": "x", "state": state}
    answer = await table_place.http.get("/sign-in/return/acme-id", params=sent)
    assert answer.status_code == 400


async def test_a_state_of_one_connector_is_not_valid_for_another_a141(place: Place) -> None:
    back = place.provider.handle_callback(await place.leave("acme-id"))
    answer = await place.http.get(back.replace("return/acme-id", "return/orbit"))
    assert answer.status_code == 400


async def test_a_changed_state_is_refused_a141(place: Place) -> None:
    back = place.provider.handle_callback(await place.leave())
    state = parse_qs(urlsplit(back).query)["state"][0]
    swapped = state[:-5] + ("AAAAA" if state[-5:] != "AAAAA" else "BBBBB")
    assert (await place.http.get(back.replace(state, swapped))).status_code == 400


async def test_junk_that_a_stranger_brings_back_stops_at_fifty_requests_to_the_provider(
    lied_to: Place,
) -> None:
    """Each junk callback has a state that really is this browser's."""
    answers = []
    for number in range(60):
        url = await lied_to.leave()
        state = parse_qs(urlsplit(url).query)["state"][0]
        junk = f"/sign-in/return/acme-id?code=junk{number}&state={state}&iss={ISSUER}"
        answers.append(await lied_to.http.get(junk))
    honest = await lied_to.handle_callback()
    lied_to.server.clock.advance(minutes=16)

    assert [answer.status_code for answer in answers] == [403] * 50 + [429] * 10
    assert lied_to.provider.requests.count("POST /token") == 50
    assert (honest.status_code, honest.headers["retry-after"]) == (429, "900")
    assert (await lied_to.handle_callback()).status_code == 303


async def test_junk_that_a_stranger_brings_back_keeps_nobody_at_another_address_from_signing_in(
    sqlite_url: str, clock: Clock
) -> None:
    async with running_place(sqlite_url, clock, trusted_proxies=1) as place:
        place.http.headers["x-forwarded-for"] = "192.0.2.66"
        for _ in range(55):
            state = parse_qs(urlsplit(await place.leave()).query)["state"][0]
            await place.http.get(f"/sign-in/return/acme-id?code=junk&state={state}&iss={ISSUER}")
        place.http.headers["x-forwarded-for"] = "192.0.2.7"

        assert (await place.handle_callback()).status_code == 303


async def test_an_office_that_signs_in_often_and_a_provider_that_is_down_use_up_nothing(
    lied_to: Place,
) -> None:
    for _ in range(55):
        assert (await lied_to.handle_callback()).status_code == 303
    lied_to.provider.token_answer = Response(status_code=502)
    for _ in range(55):
        assert (await lied_to.handle_callback()).status_code == 503
    lied_to.provider.token_answer = None

    assert (await lied_to.handle_callback()).status_code == 303


async def test_metadata_that_comes_slowly_holds_up_one_sign_in_only(place: Place) -> None:
    url = "/sign-in/with/acme-id?return_to=/account/apps"
    await place.http.get(url)
    place.server.clock.advance(hours=2)
    held, asked = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        asked.set()
        await held.wait()

    place.provider.before = hold
    first = asyncio.create_task(place.http.get(url))
    await asked.wait()
    second = asyncio.create_task(place.http.get(url))
    await asyncio.wait({first, second}, timeout=20, return_when=asyncio.FIRST_COMPLETED)
    finished = (first.done(), second.done())
    held.set()

    assert (await first).status_code == (await second).status_code == 303
    assert finished == (False, True)


async def test_the_page_reports_a_provider_that_is_down_until_it_returns(place: Place) -> None:
    place.provider.down = True
    away = await place.http.get("/sign-in/with/acme-id?return_to=/account/apps")
    place.provider.down = False
    at_once = await place.http.get("/sign-in/with/acme-id?return_to=/account/apps")
    place.server.clock.advance(seconds=5)
    back = await place.handle_callback()
    place.provider.down = True
    later = await place.http.get("/sign-in/with/acme-id?return_to=/account/apps")
    lost = await place.http.get(place.provider.handle_callback(later.headers["location"]))

    assert (away.status_code, "is not responding" in away.text) == (503, True)
    # The server does not fetch it again at every click.
    assert at_once.status_code == 503
    assert place.provider.requests[:2].count("GET /.well-known/openid-configuration") == 2
    assert "Continue with Acme ID" in away.text
    assert back.status_code == 303
    # The provider's metadata is cached by now; the code can't be redeemed.
    assert (later.status_code, lost.status_code) == (303, 503)


@pytest.mark.parametrize(
    "answer",
    [
        Response("<html>", media_type="text/html"),
        Response("[]", media_type="application/json"),
        Response("{}", media_type="application/json"),
        Response("null", media_type="application/json"),
        Response('{"error": "invalid_client"}', status_code=401, media_type="application/json"),
        Response('{"error": 7}', status_code=400, media_type="application/json"),
        Response('{"access_token": 7, "id_token": 7}', media_type="application/json"),
        Response('{"access_token": "x", "token_type": "Bearer"}', media_type="application/json"),
        Response("\xff", status_code=200),
        Response(status_code=302, headers={"location": "http://169.254.169.254/"}),
        Response(status_code=500),
    ],
)
async def test_any_bad_answer_of_a_token_endpoint_is_a_refusal_and_not_a_fault(
    table_place: Place, answer: Response
) -> None:
    table_place.provider.token_answer = answer
    assert await table_place.refused()


@pytest.mark.parametrize(
    "document",
    [
        {"issuer": "https://evil.example"},
        {"issuer": f"{ISSUER}/"},
        {"authorization_endpoint": None},
        {"authorization_endpoint": "http://id.example/authorize"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"token_endpoint": "file:///etc/passwd"},
        {"jwks_uri": "https:///jwks"},
        {"jwks_uri": "https://[::1/jwks"},
        {"jwks_uri": 7},
        {"userinfo_endpoint": "ftp://id.example"},
    ],
)
async def test_nobody_is_sent_to_a_provider_with_wrong_metadata_a139(
    lied_to: Place, document: dict[str, Any]
) -> None:
    lied_to.provider.document = document
    answer = await lied_to.http.get("/sign-in/with/acme-id?return_to=/account/apps")
    assert (answer.status_code, "location" in answer.headers) == (503, False)


async def test_a_provider_rotates_its_keys_and_people_still_sign_in(place: Place) -> None:
    """An unknown key causes one fetch; invented ones don't cause one each."""
    assert (await place.handle_callback()).status_code == 303
    place.provider.key = SigningKey("key-2")
    at_once = await place.handle_callback()
    place.server.clock.advance(seconds=31)
    rotated = await place.handle_callback()

    assert (at_once.status_code, rotated.status_code) == (403, 303)
    assert place.provider.requests.count("GET /jwks") == 2


@pytest.mark.both_databases
async def test_the_subject_identifies_a_person_and_the_address_never_does_a139(
    place: Place,
) -> None:
    """Ada's address at the provider, verified or not, does not identify her."""
    for verified in (True, False):
        place.provider.claims["email"] = "ada@acme.example"
        place.provider.claims["email_verified"] = verified
        assert (await place.handle_callback()).status_code == 303
    people = {row.person_id: row.email for row in await place.rows(PersonRow)}
    assert people["usr_dee"] is None
    assert people["usr_ada"] == "ada@acme.example"
    assert {row.person_id for row in await place.rows(Session)} == {"usr_dee"}


@pytest.mark.parametrize("verified", [False, None, "true", 1])
async def test_an_address_that_is_not_verified_is_not_used_a139(
    lied_to: Place, verified: object
) -> None:
    lied_to.provider.claims["email_verified"] = verified
    await lied_to.handle_callback()
    people = {row.person_id: row for row in await lied_to.rows(PersonRow)}
    assert (people["usr_dee"].email, people["usr_dee"].known_as) == (None, "Dee Ortiz")


async def test_an_id_in_use_does_not_make_another_subject_that_person_a140(place: Place) -> None:
    """A provider can't make statements about people it never signed in."""
    place.provider.claims["id"] = "usr_ada"
    assert "adopts_people" in await place.refused()
    assert await place.rows(Identity) == []


@pytest.mark.both_databases
async def test_a_second_provider_can_not_take_over_whom_the_first_signs_in_a140(
    place: Place,
) -> None:
    assert (await place.handle_callback("acme-id")).status_code == 303
    place.http = place.server.browser()
    other = await place.handle_callback("orbit")
    assert other.status_code == 403
    assert [row.issuer for row in await place.rows(Identity)] == [ISSUER]


async def test_a_subject_stays_the_same_person_if_its_id_changes_a140(
    place: Place,
) -> None:
    await place.handle_callback()
    place.provider.claims["id"] = "usr_ada"
    assert (await place.handle_callback()).status_code == 303
    assert {row.person_id for row in await place.rows(Session)} == {"usr_dee"}


@pytest.mark.both_databases
async def test_a_client_is_not_signed_in_as_a_person_a140(place: Place) -> None:
    place.provider.claims["id"] = "orbit-cli"
    assert "the id of a client" in await place.refused()


@pytest.mark.both_databases
async def test_people_known_before_are_adopted_where_the_operator_says_so(
    database_url: str, clock: Clock
) -> None:
    """A person whom a provider has signed in belongs to that subject."""
    provider = Provider(clock)
    entry = provider.settings(adopts_people=True)
    async with running_auth_server(
        database_url, clock, outside=provider.app, sign_in=(entry,)
    ) as server:
        place = Place(server, provider, Product(clock), server.browser())
        provider.claims |= {"id": "usr_ada", "organisations": CLAIMS["organisations"][:1]}
        adopted = await place.handle_callback()
        seats = await place.seats("usr_ada")
        provider.claims["sub"] = "idp-78"
        other = await place.handle_callback()

    assert (adopted.status_code, other.status_code) == (303, 403)
    assert seats == {"org_acme": ("admin", "team:design team:engineering")}


async def test_a_provider_speaks_of_its_own_tenants_only_a140(
    database_url: str, clock: Clock
) -> None:
    """Tenant A's provider asserts a membership in tenant B."""
    provider = Provider(clock)
    claims = MAPPING.model_copy(update={"allowed_tenants": ("org_new",)})
    async with running_auth_server(
        database_url, clock, outside=provider.app, sign_in=(provider.settings(claims=claims),)
    ) as server:
        place = Place(server, provider, Product(clock), server.browser())
        assert (await place.handle_callback()).status_code == 303
        assert set(await place.seats()) == {"org_new"}


@pytest.mark.parametrize("tenant_id", ["a/b", ".."])
async def test_a_new_tenant_that_the_admin_api_can_not_name_is_refused_and_logged(
    sqlite_url: str, clock: Clock, tenant_id: str
) -> None:
    provider = Provider(clock)
    ways = (provider.settings(claims=MAPPING),)
    async with running_auth_server(sqlite_url, clock, outside=provider.app, sign_in=ways) as server:
        place = Place(server, provider, Product(clock), server.browser())
        [first, *_] = provider.claims["organisations"]
        provider.claims["organisations"] = [{**first, "id": tenant_id}]
        with capture_logs() as events:
            refused = await place.handle_callback()
        assert refused.status_code == 403
        assert "organisation whose ID this service" in refused.text
        [reason] = [one["reason"] for one in events if one["event"] == "sign_in_refused"]
        assert f"the new tenant '{tenant_id}' must not contain /" in reason
        # One from before keeps working.
        async with server.opened.transaction() as db:
            db.add(Tenant(tenant_id=tenant_id, name="Old", created_at=clock()))
        place.http = server.browser()
        assert (await place.handle_callback()).status_code == 303


async def test_a_customers_provider_makes_nobody_an_admin_of_another_customer_a140(
    sqlite_url: str, clock: Clock
) -> None:
    """Neither by its claims, nor as a person whom this server knows from elsewhere."""
    acme, other = Provider(clock), Provider(clock, issuer="https://id.other.example")
    new_only = MAPPING.model_copy(update={"allowed_tenants": ("org_new",)})
    acme_only = MAPPING.model_copy(update={"allowed_tenants": ("org_acme",)})
    ways = (
        acme.settings(claims=acme_only),
        other.settings(name="other-id", claims=new_only, adopts_people=True),
    )
    async with running_auth_server(sqlite_url, clock, outside=other.app, sign_in=ways) as server:
        place = Place(server, other, Product(clock), server.browser())
        claiming = await place.http.get(other.handle_callback(await place.leave("other-id")))
        seats = await place.seats()
        place.http = server.browser()
        other.claims |= {"sub": "idp-1", "id": "usr_ada"}
        posing = await place.http.get(other.handle_callback(await place.leave("other-id")))

    assert (claiming.status_code, set(seats)) == (303, {"org_new"})
    assert posing.status_code == 403


async def test_a_provider_of_one_tenant_leaves_memberships_of_others_alone(
    sqlite_url: str, clock: Clock
) -> None:
    """The operator made Ada a member of other tenants, of which her provider knows nothing."""
    provider = Provider(clock)
    entry = provider.settings(claims=ClaimMapping(tenant="org_new"))
    provider.claims |= {"sub": "usr_dee"}
    async with running_auth_server(
        sqlite_url, clock, outside=provider.app, sign_in=(entry,)
    ) as server:
        place = Place(server, provider, Product(clock), server.browser())
        await place.handle_callback()
        database = open_database(server.database_url)
        async with database.writing() as db, db.begin():
            given: dict[str, Any] = {"person_id": "usr_dee", "tenant_id": "org_acme"}
            db.add(Membership(**given, role="admin", data_scope=""))
        await database.close()
        await place.handle_callback()
        assert set(await place.seats()) == {"org_acme", "org_new"}


async def test_memberships_are_brought_up_to_date_at_each_sign_in(place: Place) -> None:
    await place.handle_callback()
    first = await place.seats()
    place.provider.claims["organisations"] = [{"id": "org_acme", "role": "staff", "teams": "ops"}]
    await place.handle_callback()
    second = await place.seats()

    assert first == {
        "org_acme": ("admin", "team:design team:engineering"),
        "org_new": ("member", "team:ops"),
    }
    assert second == {"org_acme": ("member", "team:ops")}
    assert {row.tenant_id: row.name for row in await place.rows(Tenant)}["org_new"] == "New Ltd"


@pytest.mark.both_databases
async def test_connections_immediately_lose_access_that_the_provider_withdrew_a53(
    place: Place,
) -> None:
    client = await place.server.client()
    await place.handle_callback()
    acme = await client.connect(place.person, tenant="Acme")
    new = await client.connect(place.person, tenant="New Ltd")
    place.provider.claims["organisations"] = [
        {"id": "org_acme", "role": "owner", "teams": ["design"]}
    ]
    place.http = place.server.browser()
    await place.handle_callback()

    kept = await client.refresh(acme["refresh_token"])
    gone = await client.refresh(new["refresh_token"])

    claims = jwt.decode(kept.json()["access_token"], options={"verify_signature": False})
    assert (kept.status_code, claims["data_scope"]) == (200, "team:design")
    assert (gone.status_code, gone.json()["error"]) == (400, "invalid_grant")


async def test_a_provider_does_not_change_a_tenants_tier_and_policy(place: Place) -> None:
    await place.handle_callback()
    tenants = {row.tenant_id: row for row in await place.rows(Tenant)}
    assert tenants["org_acme"].rate_limit_tier == "pro"


async def test_two_factors_at_the_provider_are_two_factors_here(place: Place) -> None:
    """RFC 8176 §2: `amr` names methods."""
    levels: list[tuple[Any, int]] = [
        (["pwd"], 1),
        (["pwd", "mfa"], 2),
        ("mfa", 2),
        ([7, None], 1),
        # One proof is one factor, however strong it is.
        (["hwk"], 1),
        ("swk", 1),
        (["hwk", "swk", "otp", "sms"], 1),
        (["hwk", "user"], 1),
        (["pwd", "pin"], 1),
        (["pwd", "otp"], 2),
        (["hwk", "pin"], 2),
        (["swk", "fpt"], 2),
    ]
    for amr, level in levels:
        place.provider.says = {"amr": amr}
        place.http = place.server.browser()
        await place.handle_callback()
        newest = max(await place.rows(Session), key=lambda row: row.signed_in_at)
        place.server.clock.advance(seconds=1)
        assert newest.level == level


async def test_a_stale_sign_in_at_the_provider_is_not_a_fresh_one_here_a51(place: Place) -> None:
    """`prompt=login` with a provider that answers without asking."""
    client = await place.server.client()
    page: Page = await place.person.open(client.authorize_url(prompt="login"))
    for stale in (None, 1, int(place.server.clock().timestamp()) - 31):
        place.provider.says = place.product.says = {"auth_time": stale}
        links = [link for link in page.links if "/sign-in/with/" in link]
        for link in links:
            url = (await place.http.get(link)).headers["location"]
            back = (
                place.provider.handle_callback(url)
                if "acme-id" in link
                else await place.product.handle_callback(url, place.server)
            )
            assert (await place.http.get(back)).status_code == 403
    assert place.provider.asked["prompt"] == "login"
    assert place.product.asked["fresh"] is True
    assert await place.rows(Session) == []


async def test_with_a_single_provider_people_are_redirected_and_return_by_a_button(
    database_url: str, clock: Clock
) -> None:
    """After signing out, the provider does not immediately sign the person in again."""
    provider = Provider(clock)
    async with running_auth_server(
        database_url, clock, outside=provider.app, sign_in=(provider.settings(),)
    ) as server:
        client, person = await server.client(), server.person()
        page = await person.open(client.authorize_url())
        url = await leave(person, page)
        led = await person.http.get(provider.handle_callback(url))
        consent = await person.reach_consent(led.headers["location"])
        other = await person.press(consent, "Not you?")
        provider.says = {"auth_time": None}
        back = await person.http.get(provider.handle_callback(await leave(person, other)))
        with_password = await person.http.post(
            "/sign-in", data={**consent.forms["sign-out"].fields, "email": "x", "password": "x"}
        )

    assert (page.moves_on_to or "").startswith("/sign-in/with/acme-id?transaction=")
    assert url.startswith(f"{ISSUER}/authorize?")
    assert (other.moves_on_to, "Continue with Acme ID" in other.text) == (None, True)
    # Google and Entra never say when somebody signed in, so nobody but the app may ask for it.
    assert provider.asked.get("prompt") == "login"
    assert "max_age" not in provider.asked
    assert "other=yes" in next(link for link in other.links if "/sign-in/with/" in link)
    assert back.status_code == 303
    assert with_password.status_code in {403, 404}


@pytest.mark.parametrize(
    ("issuer", "document", "prompt"),
    [
        (
            ISSUER,
            {"prompt_values_supported": ["none", "login", "select_account"]},
            "select_account",
        ),
        (ISSUER, {"prompt_values_supported": ["none", "login"]}, "login"),
        (ISSUER, {"prompt_values_supported": "select_account"}, "login"),
        ("https://accounts.google.com", {}, "select_account"),
    ],
)
async def test_who_signs_out_can_choose_another_account_at_every_provider(
    sqlite_url: str, clock: Clock, issuer: str, document: dict[str, Any], prompt: str
) -> None:
    """Google refuses `prompt=login`; no provider has to know `select_account`."""
    provider = Provider(clock, issuer=issuer, document=document)
    async with running_auth_server(
        sqlite_url, clock, outside=provider.app, sign_in=(provider.settings(),)
    ) as server:
        url = await leave(person := server.person(), await person.open("/sign-in?other=yes"))

    assert parse_qs(urlsplit(url).query)["prompt"] == [prompt]


@pytest.mark.parametrize("name", ["nobody", "local", "%2e%2e%2f", "acme-id%00", "é"])
async def test_an_unconfigured_sign_in_method_does_not_have_a_page(
    table_place: Place, name: str
) -> None:
    for path in (f"/sign-in/with/{name}", f"/sign-in/return/{name}"):
        assert (await table_place.http.get(path)).status_code == 404


def resolving(*addresses: str) -> Resolve:
    """Look every host up as these."""

    async def resolve(host: str, port: int) -> list[str]:
        return list(addresses)

    return resolve


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["10.0.0.5"],
        ["169.254.169.254"],
        ["::1"],
        ["::ffff:10.0.0.5"],
        ["fd00::1"],
        ["203.0.113.7", "127.0.0.1"],
        ["0.0.0.1"],
        [],
    ],
)
async def test_nothing_is_asked_of_addresses_inside_the_network_a142(
    addresses: list[str],
) -> None:
    """CVE-2026-27945: whatever a provider's documents name, and however its name resolves."""
    transport = GuardedTransport(resolve=resolving(*addresses))
    async with httpx2.AsyncClient(transport=transport, trust_env=False) as http:
        with pytest.raises(httpx2.ConnectError, match="not public"):
            await http.get("https://id.example/.well-known/openid-configuration")


async def test_a_provider_in_the_operators_own_network_is_reached_where_they_say_so() -> None:
    """The guard lets the request through; nothing listens there."""
    transport = GuardedTransport(resolve=resolving("127.0.0.1"), allow_private=True)
    async with httpx2.AsyncClient(transport=transport, trust_env=False) as http:
        with pytest.raises(httpx2.ConnectError) as refused:
            await http.get("http://id.internal.example:9/")
    assert "not public" not in str(refused.value)


async def test_a_provider_on_this_machine_is_reached_in_development_only_a142() -> None:
    """Loopback, plain http, and an answer that does not end."""
    served: list[int] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        served.append(len(request))
        size = LIMIT + 1 if b"/endless" in request else 2
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size)
        writer.write(b"{" * size if size > 2 else b"{}")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        for allowed in (False, True):
            transport = GuardedTransport(allow_loopback=allowed)
            async with httpx2.AsyncClient(transport=transport, trust_env=False) as http:
                if not allowed:
                    with pytest.raises(httpx2.ConnectError, match="not public"):
                        await http.get(url)
                    continue
                assert (await http.get(url)).json() == {}
                with pytest.raises(httpx2.ConnectError, match="larger than"):
                    await http.get(f"{url}/endless")
    assert len(served) == 2


async def test_a_provider_can_not_fill_the_memory_with_a_compressed_answer_a304() -> None:
    """Half a megabyte of gzip is half a gigabyte of zeros."""
    served: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.append(await reader.readuntil(b"\r\n\r\n"))
        body = gzip.compress(b"0" * 1_000_000)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: ")
        writer.write(b"%d\r\n\r\n" % len(body) + body)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        transport = GuardedTransport(allow_loopback=True)
        async with httpx2.AsyncClient(transport=transport, trust_env=False) as http:
            with pytest.raises(httpx2.ConnectError, match="compressed"):
                await http.get(url)
    assert b"accept-encoding: identity" in served[0].lower()


async def test_the_callbacks_url_depends_on_the_settings_and_not_the_host_a146(
    place: Place,
) -> None:
    """Host-header poisoning: a link in a message or at a provider never names another host."""
    answer = await place.http.get(
        "/sign-in/with/acme-id?return_to=/account/apps",
        headers={"host": "evil.example", "x-forwarded-host": "evil.example"},
    )
    asked = parse_qs(urlsplit(answer.headers["location"]).query)
    assert asked["redirect_uri"] == ["http://127.0.0.1:8400/sign-in/return/acme-id"]
    assert "evil" not in answer.headers["location"]


async def test_a_sign_in_at_a_provider_with_a_new_browser_is_told(place: Place) -> None:
    async def told() -> list[str]:
        await follow(place.server.opened)
        return [mail.subject for mail in await place.server.mails()]

    await place.handle_callback()
    await told()
    place.server.clock.advance(hours=2)
    await place.handle_callback()
    assert await told() == []
    place.http = place.server.browser()
    await place.handle_callback()
    assert await told() == ["New sign-in to your account"]
