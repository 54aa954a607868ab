"""ID tokens and the userinfo endpoint, for apps that request `openid`."""

import base64
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import jwt
import pytest
from sqlalchemy import func, select

from auth_server.maintenance import maintain
from auth_server.records.authentications.table import Authentication
from auth_server.records.people.table import Person as PersonRow
from auth_server.records.tenants.table import Tenant
from support.in_process.auth_server import AuthServer
from support.in_process.oauth_client import answer_of
from support.in_process.openid_app import IDENTITY, OpenIdApp, add_openid_app


@asynccontextmanager
async def known(server: AuthServer) -> AsyncIterator[int]:
    """How many sign-ins are stored for ID tokens."""
    async with server.opened.database.reading() as db:
        yield (await db.execute(select(func.count()).select_from(Authentication))).scalar_one()


@pytest.fixture
async def app(auth_server: AuthServer) -> OpenIdApp:
    """A dashboard that signs people in here."""
    return await add_openid_app(auth_server)


@pytest.mark.both_databases
async def test_a_certified_kind_of_client_signs_a_person_in_and_refreshes(
    auth_server: AuthServer, app: OpenIdApp, read_token: Any
) -> None:
    """Authlib finds the endpoints, and checks signature, `iss`, `aud`, `nonce`, `at_hash` and times."""
    claims = await app.connect(auth_server.person())

    first, signed_in_at = app.tokens, claims["auth_time"]
    assert claims["sub"] == (await read_token(auth_server, first["access_token"]))["sub"]
    assert (claims["aud"], claims["amr"]) == ("dashboard", ["pwd"])
    assert claims["acr"] == "urn:gatepost:acr:1fa"
    assert signed_in_at == int(auth_server.clock().timestamp())
    assert set(first["scope"].split()) == {"mcp:read", *IDENTITY.split()}
    assert await app.who() == {
        "sub": "usr_ada",
        "name": "Ada Marsh",
        "email": "ada@acme.example",
        "email_verified": False,
    }

    auth_server.clock.advance(minutes=5)
    second = await app.refresh()
    renewed = jwt.decode(second["id_token"], options={"verify_signature": False})
    assert "nonce" not in renewed
    half = hashlib.sha256(second["access_token"].encode()).digest()[:16]
    assert renewed.pop("at_hash") == base64.urlsafe_b64encode(half).rstrip(b"=").decode()
    assert renewed["iat"] == signed_in_at + 300
    same = ("iss", "sub", "aud", "auth_time", "acr", "amr", "sid")
    assert {name: renewed[name] for name in same} == {name: claims[name] for name in same}


async def test_an_app_gets_only_the_claims_of_its_scopes(
    auth_server: AuthServer, app: OpenIdApp
) -> None:
    person = auth_server.person()
    for scope, known in (
        ("openid", {"sub"}),
        ("openid profile", {"sub", "name"}),
        ("openid email", {"sub", "email", "email_verified"}),
    ):
        begun = await app.ask(scope=f"mcp:read {scope}")
        claims = await app.take(begun, await person.approve(begun["url"]))
        assert set(await app.who()) == known
        assert not {"name", "email"} & set(claims)


async def test_without_openid_there_is_no_id_token_and_nothing_is_stored(
    auth_server: AuthServer, app: OpenIdApp
) -> None:
    """`profile` and `email` alone mean nothing (OpenID Connect Core §3.1.2.1)."""
    begun = await app.ask(scope="mcp:read profile email", nonce="n")
    answer = answer_of(await auth_server.person().approve(begun["url"]))
    library = app.library("")
    tokens = await library.fetch_access_token(
        "https://dashboard.example/callback",
        code=answer["code"],
        code_verifier=begun["code_verifier"],
    )

    assert "id_token" not in tokens
    assert tokens["scope"] == "mcp:read"
    async with known(auth_server) as stored:
        assert stored == 0
    headers = {"authorization": f"Bearer {tokens['access_token']}"}
    refused = await auth_server.http.get("/userinfo", headers=headers)
    assert refused.status_code == 403
    assert (
        refused.headers["www-authenticate"] == 'Bearer error="insufficient_scope", scope="openid"'
    )


async def test_a_narrower_refresh_gets_no_id_token(auth_server: AuthServer, app: OpenIdApp) -> None:
    await app.connect(auth_server.person())

    narrow = await app.refresh(scope="mcp:read")
    assert ("id_token" in narrow, narrow["scope"]) == (False, "mcp:read")
    assert "id_token" in await app.refresh()


async def test_the_consent_page_says_what_the_app_learns_about_the_person(
    auth_server: AuthServer, app: OpenIdApp
) -> None:
    person = auth_server.person()
    asked = [
        (await person.reach_consent((await app.ask(scope=f"mcp:read{scope}"))["url"])).text
        for scope in ("", " openid", " openid profile", " openid email")
    ]

    assert ["an ID of your account" in text for text in asked] == [False, True, True, True]
    assert ["your name: Ada Marsh" in text for text in asked] == [False, False, True, False]
    told = "your e-mail address: ada@acme.example"
    assert [told in text for text in asked] == [False, False, False, True]


async def test_a_remembered_consent_does_not_cover_who_the_person_is_a235(
    auth_server: AuthServer, app: OpenIdApp
) -> None:
    """An app that was allowed tools is not told the person's name without a question. A235."""
    person = auth_server.person()
    person.http.headers["sec-fetch-site"] = "same-origin"
    for scope in ("mcp:read", "mcp:read openid", f"mcp:read {IDENTITY}"):
        begun = await app.ask(scope=scope)
        page = await person.reach_consent(begun["url"])
        assert "Approve" in page.text, scope
        await person.press(page, "Approve")
        assert "Approve" not in (await person.open((await app.ask(scope=scope))["url"])).text


async def test_connected_apps_say_what_an_app_knows_about_the_person(
    auth_server: AuthServer, app: OpenIdApp
) -> None:
    person = auth_server.person()
    await app.connect(person)

    page = await person.open("/account/apps")
    link = next(link for link in page.links if link.startswith("/account/app?"))
    page = await person.open(f"{auth_server.issuer}{link}")
    assert "It knows your name, your e-mail address and an ID of your account." in page.text
    await person.press(page, "Save", untick=("list_tasks",))
    assert "id_token" in await app.refresh()


async def test_an_id_token_is_not_an_access_token_nor_the_reverse_a107(
    auth_server: AuthServer, app: OpenIdApp
) -> None:
    """A107: both are signed with the same key, and `typ` tells them apart."""
    await app.connect(auth_server.person())

    headers = {"authorization": f"Bearer {app.tokens['id_token']}"}
    answer = await auth_server.http.get("/userinfo", headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_token")
    kinds = [jwt.get_unverified_header(app.tokens[name]) for name in ("access_token", "id_token")]
    assert [kind["typ"] for kind in kinds] == ["at+jwt", "JWT"]
    assert kinds[0]["kid"] == kinds[1]["kid"]


async def test_a_revoked_or_expired_token_learns_nothing_more_a236(
    auth_server: AuthServer, app: OpenIdApp, change_row: Any
) -> None:
    """A236: an app that was disconnected, or a person who was disabled, is not described."""
    person = auth_server.person()
    await app.connect(person)
    headers = {"authorization": f"Bearer {app.tokens['access_token']}"}
    assert (await auth_server.http.post("/userinfo", headers=headers)).status_code == 200

    await change_row(auth_server, PersonRow, "usr_ada", disabled_at=auth_server.clock())
    assert (await auth_server.http.get("/userinfo", headers=headers)).status_code == 401
    await change_row(auth_server, PersonRow, "usr_ada", disabled_at=None)
    assert (await auth_server.http.get("/userinfo", headers=headers)).status_code == 200

    page = await person.open("/account/apps")
    await person.press(page, "Disconnect")
    gone = await auth_server.http.get("/userinfo", headers=headers)
    assert (gone.status_code, gone.json()["error"]) == (401, "invalid_token")
    assert gone.headers["www-authenticate"].startswith('Bearer error="invalid_token"')


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer "},
        {"authorization": "Bearer nonsense"},
        {"authorization": "Basic YTpi"},
        [("authorization", "Bearer a"), ("authorization", "Bearer b")],
    ],
)
async def test_nobody_is_described_without_one_valid_token(
    table_server: AuthServer, headers: Any
) -> None:
    for method in ("GET", "POST"):
        answer = await table_server.http.request(method, "/userinfo", headers=headers)
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_token")
        assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_a_nonce_too_long_to_carry_is_refused_to_the_client(
    auth_server: AuthServer, app: OpenIdApp
) -> None:
    answer = await auth_server.http.get((await app.ask(nonce="n" * 513))["url"])

    assert answer_of(answer.headers["location"])["error"] == "invalid_request"
    assert "nonce" in answer_of(answer.headers["location"])["error_description"]


async def test_a_replayed_code_ends_the_id_tokens_family_too_a25(
    auth_server: AuthServer, app: OpenIdApp
) -> None:
    begun = await app.ask()
    url = await auth_server.person().approve(begun["url"])
    await app.take(begun, url)
    first = app.tokens
    with pytest.raises(Exception, match="invalid_grant"):
        await app.take(begun, url)

    headers = {"authorization": f"Bearer {first['access_token']}"}
    assert (await auth_server.http.get("/userinfo", headers=headers)).status_code == 401


async def test_a_tenant_that_allows_reading_only_still_lets_people_sign_in(
    auth_server: AuthServer, app: OpenIdApp, change_row: Any
) -> None:
    claims = await app.connect(auth_server.person())
    await change_row(auth_server, Tenant, "org_acme", read_only=True)

    answer = await app.refresh()
    assert (
        jwt.decode(answer["id_token"], options={"verify_signature": False})["sub"] == claims["sub"]
    )


async def test_what_id_tokens_need_is_deleted_with_the_last_refresh_token(
    auth_server: AuthServer, app: OpenIdApp
) -> None:
    await app.connect(auth_server.person())

    auth_server.clock.advance(days=180)
    await maintain(auth_server.opened)
    async with known(auth_server) as stored:
        assert stored == 1
    auth_server.clock.advance(minutes=2)
    await maintain(auth_server.opened)
    async with known(auth_server) as stored:
        assert stored == 0
