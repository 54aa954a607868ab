"""A tenant's own identity provider connects apps for members, and nobody else does."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import jwt
import pytest

from auth_server.oauth.token_endpoint.identity_assertion import CHECKS
from auth_server.outbound.guarded_fetch import Fetched
from auth_server.records.audit.store import list_entries_after
from auth_server.records.grants.store import list_live_grants
from auth_server.records.operators.store import put_operator
from auth_server.records.operators.table import Operator
from auth_server.records.people.store import find_account
from auth_server.records.tenant_apps.table import AppCeiling
from auth_server.records.tenants.policy import TenantPolicy
from auth_server.records.tenants.store import find_membership, lock_tenant
from auth_server.sign_in_settings import LocalSignIn
from auth_server.tenancy.change_membership import remove_membership
from auth_server.tenancy.change_policy import ChangeRefused, change_policy
from auth_server.tenancy.tenant_apps import AppKey, end_tenant_app
from gatepost.catalogue import ToolSummary
from support.in_process.auth_server import CATALOGUE, RESOURCE, running_auth_server
from support.in_process.clock import Clock
from support.in_process.customers_place import GLOBEX_ID, NOBODY, Place, running_place
from support.in_process.oauth_client import register
from support.in_process.providers import Provider, SigningKey
from support.in_process.tenant_apps import APP, JWT_BEARER, SECRET, App, add_app, set_app

READ, ALL = ["list_projects", "list_tasks"], frozenset({"@read", "@write"})


@pytest.fixture
async def place(sqlite_url: str, clock: Clock) -> AsyncIterator[Place]:
    """A server where Ada is an admin of Acme alone, whose provider can sign her in."""
    async with running_place(sqlite_url, clock) as made:
        await made.leave_globex()
        yield made


@pytest.fixture
async def app(place: Place) -> App:
    """An app that Acme connects to read."""
    made = await add_app(place)
    await set_app(place)
    return made


async def grants(place: Place, tenant_id: str = "org_acme") -> list[str]:
    """Return the apps that are connected in a tenant."""
    async with place.server.opened.database.reading() as db:
        return [one.client_id for one in await list_live_grants(db, tenant_id=tenant_id)]


async def events(place: Place, beginning: str = "") -> list[str]:
    """Return the names of the audit entries."""
    async with place.server.opened.database.reading() as db:
        found = [one.event for one in await list_entries_after(db, 0, most=500)]
    return [one for one in found if one.startswith(beginning)]


async def test_an_assertion_of_the_provider_connects_the_app_without_a_page(
    place: Place, app: App
) -> None:
    claims = await app.connect()
    assert (claims["sub"], claims["tenant_id"]) == ("usr_ada", "org_acme")
    assert claims["aud"] == RESOURCE and claims["client_id"] == APP
    assert claims["allowed_tools"] == READ and claims["scope"] == "mcp:read"
    assert claims["data_scope"] == "team:design team:engineering"
    assert claims["exp"] - claims["iat"] <= timedelta(hours=1).total_seconds()

    again = await app.connect()
    assert (again["grant_id"], again["grant_version"]) == (claims["grant_id"], 1)
    assert await grants(place) == [APP]
    assert await events(place, "grant.") == ["grant.created"]


async def test_discovery_names_the_profile_only_where_a_provider_can_be_trusted(
    place: Place, sqlite_url: str, clock: Clock
) -> None:
    path = "/.well-known/oauth-authorization-server"
    document = (await place.server.http.get(path)).json()
    assert JWT_BEARER in document["grant_types_supported"]
    assert document["authorization_grant_profiles_supported"] == [
        "urn:ietf:params:oauth:grant-profile:id-jag"
    ]
    async with running_auth_server(sqlite_url, clock) as server:
        document = (await server.http.get(path)).json()
        assert JWT_BEARER in document["grant_types_supported"]  # for workloads
        assert "authorization_grant_profiles_supported" not in document
        form = {"grant_type": JWT_BEARER, "client_id": "orbit-cli", "assertion": "x"}
        answer = await server.http.post("/token", data=form)
        assert answer.json()["error"] in {"invalid_grant", "unauthorized_client"}


async def test_an_assertion_is_refused_for_each_claim_that_is_not_ours_a148(
    place: Place, app: App
) -> None:
    now = int(place.server.clock().timestamp())
    issuer = place.server.issuer
    attacks: list[tuple[str, dict[str, Any]]] = [
        ("aud", {"aud": "https://auth.other.example"}),
        ("aud", {"aud": [issuer, "https://auth.other.example"]}),
        ("aud", {"aud": f"{issuer}/"}),
        ("aud", {"aud": f"{issuer}/token"}),
        ("aud", {"aud": None}),
        ("client_id", {"client_id": "another-app"}),
        ("client_id", {"client_id": None}),
        ("resource", {"resource": "https://mcp.other.example/mcp"}),
        ("resource", {"resource": [RESOURCE]}),
        ("resource", {"resource": None}),
        ("jti", {"jti": None}),
        ("jti", {"jti": "x" * 256}),
        ("jti", {"jti": "a\nb"}),
        ("sub", {"sub": None}),
        ("sub", {"sub": "x" * 256}),
        ("exp", {"exp": None}),
        ("exp", {"exp": now - 31}),
        ("exp", {"exp": now + 301}),
        ("exp", {"exp": float("inf")}),
        ("iat", {"iat": None}),
        ("iat", {"iat": now + 31, "exp": now + 200}),
        ("iat", {"iat": True}),
        ("nbf", {"nbf": now + 60}),
        ("cnf", {"cnf": {"jkt": "x"}}),
        ("authorization_details", {"authorization_details": []}),
        ("act", {"act": {"sub": "somebody"}}),
        ("tenant", {"tenant": "another"}),
        ("scope", {"scope": "mcp:read gatepost:trace"}),
        ("scope", {"scope": ["mcp:read"]}),
        ("groups", {"groups": {"admins": True}}),
    ]
    for name, claims in attacks:
        assert name in await app.refused(app.assertion(**claims)), claims
    assert await grants(place) == []
    # What looks alike and is right passes, so that each refusal above has its own reason.
    await app.connect(aud=[issuer], iat=now + 29, exp=now + 300, nbf=now + 29, groups=None)


async def test_another_token_of_the_provider_is_no_assertion_a107_a148(
    place: Place, app: App
) -> None:
    for kind in ("JWT", "at+jwt", "application/oauth-id-jag+jwt", "OAUTH-ID-JAG+JWT", None):
        said = await app.refused(app.assertion(header={"typ": kind}))
        # A token without the type of an assertion is read as a workload's, of an issuer that nobody trusts here.
        assert "type" in said or "trusts this workload" in said or "of its issuer" in said, kind
    public = jwt.PyJWK(place.acme.key.public).key
    claims = jwt.decode(app.assertion(), options={"verify_signature": False})
    header = {"typ": "oauth-id-jag+jwt", "kid": place.acme.key.kid}
    unsigned = jwt.encode(claims, "", algorithm="none", headers=header)
    assert public is not None and "signature" in await app.refused(unsigned)
    shared = jwt.encode(claims, "k" * 64, algorithm="HS256", headers=header)
    assert "signature" in await app.refused(shared)
    forged = SigningKey(place.acme.key.kid).sign(claims, typ="oauth-id-jag+jwt")
    assert "signature" in await app.refused(forged)
    # A key in the header is never used.
    own = SigningKey("own")
    assert "signature" in await app.refused(
        own.sign(claims, typ="oauth-id-jag+jwt", jwk=own.public)
    )
    for text in ("", "x", "a.b.c", "é.é.é", "x" * 20_000, ".".join([shared.split(".")[0]] * 3)):
        answer = await app.send(text)
        assert answer.status_code == 400, text[:20]


async def test_an_assertion_works_once_and_a_provider_may_use_an_id_of_another_a148(
    place: Place, app: App
) -> None:
    first = app.assertion(jti="the same")
    assert (await app.send(first)).status_code == 200
    assert "jti" in await app.refused(first)
    assert "jti" in await app.refused(app.assertion(jti="the same"))
    await set_app(place, tenant_id="org_globex")
    other = app.assertion(
        place.globex, jti="the same", sub="idp of bo@globex.example", email="bo@globex.example"
    )
    assert (await app.send(other)).status_code == 200


@pytest.mark.both_databases
async def test_of_fifty_uses_at_once_of_an_assertion_one_succeeds_a148(
    database_url: str, clock: Clock
) -> None:
    async with running_place(database_url, clock) as place:
        await place.leave_globex()
        app = await add_app(place)
        await set_app(place)
        # The provider's documents are read before, so that the requests meet in the database.
        await app.connect()
        one = app.assertion()
        answers = await asyncio.gather(*(app.send(one) for _ in range(50)))
        assert sorted(answer.status_code for answer in answers) == [200] + [400] * 49
        different = [app.assertion() for _ in range(10)]
        answers = await asyncio.gather(*(app.send(each) for each in different))
        assert {answer.status_code for answer in answers} == {200}
        assert await grants(place) == [APP]


async def test_only_clients_that_an_admin_can_name_use_assertions_a148(
    place: Place, app: App
) -> None:
    own = await register(place.server.http, place.server.issuer, RESOURCE)
    public = await add_app(place, "public-app", token_endpoint_auth_method="none", secret=None)
    for client_id in (own.client_id, public.client_id):
        sender = App(place, client_id, None)
        answer = await sender.send(sender.assertion())
        assert answer.json()["error"] == "unauthorized_client"
        with pytest.raises(ChangeRefused):
            await set_app(place, client_id)
    # A client that no tenant connects, and one whose secret is wrong.
    other = await add_app(place, "another-app")
    assert "does not connect this app" in await other.refused(other.assertion())
    wrong = App(place, APP, "not-the-secret-0123456789abcdefghij")
    assert (await wrong.send(app.assertion())).json()["error"] == "invalid_client"


async def test_a_client_with_a_document_needs_no_registration_and_may_be_public(
    place: Place,
) -> None:
    url = "https://app.example/client.json"
    document = {
        "client_id": url,
        "client_name": "Claude Code",
        "redirect_uris": ["http://localhost/callback"],
        "token_endpoint_auth_method": "none",
    }
    app = App(place, url, None)
    answer = await app.send(app.assertion())
    # Nobody named it, so its URL is not even read.
    assert answer.json()["error"] == "invalid_client" and place.server.fetched == []
    await set_app(place, url)
    assert (await app.send(app.assertion())).json()["error"] == "temporarily_unavailable"
    body = str(document).replace("'", '"').encode()
    place.server.web[url] = Fetched(body, "application/json", "")
    place.server.clock.advance(minutes=10)
    assert (await app.connect())["client_id"] == url


async def test_each_provider_speaks_for_its_own_tenant_alone_a149_a178(
    place: Place, app: App
) -> None:
    await set_app(place, tenant_id="org_globex")
    bo: dict[str, Any] = {"sub": "idp of bo@globex.example", "email": "bo@globex.example"}
    claims = jwt.decode(
        (await app.send(app.assertion(place.globex, **bo))).json()["access_token"],
        options={"verify_signature": False},
    )
    assert (claims["sub"], claims["tenant_id"]) == ("usr_bo", "org_globex")
    # Globex's provider names Ada of Acme, and Acme's provider says that it is Globex's.
    assert "not a member" in await app.refused(app.assertion(place.globex))
    assert "signature" in await app.refused(app.assertion(iss=GLOBEX_ID))
    for iss in ("https://id.example/", "https://ID.example", "https://evil.example", None):
        assert "iss" in await app.refused(app.assertion(iss=iss))
    # The subjects of two providers are two people.
    assert "not a member" in await app.refused(app.assertion(sub=bo["sub"], email=bo["email"]))
    assert await grants(place) == []


async def test_an_issuer_that_two_tenants_share_is_trusted_for_neither_a149(
    sqlite_url: str, clock: Clock
) -> None:
    shared = Provider(clock)
    ways = (
        LocalSignIn(kind="local"),
        shared.settings(customer=True, claims=NOBODY),
        shared.settings(customer=True, claims=NOBODY, name="globex-id", title="Globex ID"),
    )
    async with running_auth_server(sqlite_url, clock, outside=shared.app, sign_in=ways) as server:
        place = Place(server, shared, shared)
        await place.leave_globex()
        await place.verify("org_acme", "acme.example")
        await place.assign("org_acme", "acme-id")
        app = await add_app(place)
        with pytest.raises(ChangeRefused, match="same issuer"):
            await set_app(place)
        assert "iss" in await app.refused(app.assertion())


async def test_a_provider_connects_no_one_whom_it_could_not_sign_in_a148_a178(
    place: Place, app: App
) -> None:
    dee: dict[str, Any] = {"sub": "idp-77", "email": "dee@acme.example"}
    refused: tuple[dict[str, Any], ...] = (
        dee,  # has no account
        {"email_verified": False},
        {"email_verified": None},
        {"email": "ada@acme.example.evil.example"},
        {"email": "bo@globex.example"},
        {"email": None, "sub": "never seen"},
    )
    for claims in refused:
        assert "not a member" in await app.refused(app.assertion(**claims)), claims
    async with place.server.opened.database.reading() as db:
        assert await find_account(db, email=dee["email"]) is None
    # Dee signs in with the provider, but nobody invited her.
    await place.sign_in(place.acme, dee["email"], sub=dee["sub"])
    assert "not a member" in await app.refused(app.assertion(**dee))
    # From the first assertion on, the subject is enough.
    await app.connect()
    await app.connect(email=None, email_verified=None)
    async with place.server.opened.transaction() as db:
        now = place.server.clock()
        await put_operator(db, Operator(person_id="usr_ada", role="operator", created_at=now))
    assert "not a member" in await app.refused(app.assertion())
    assert set(await events(place, "tenant_app.refused")) == {"tenant_app.refused"}


async def test_a_lost_domain_or_membership_or_a_disabled_tenant_connects_nothing(
    place: Place, app: App
) -> None:
    await app.connect()
    opened = place.server.opened
    async with opened.transaction() as db:
        tenant = await lock_tenant(db, "org_acme")
        assert tenant is not None
        tenant.disabled_at = place.server.clock()
    assert "not a member" in await app.refused(app.assertion())
    async with opened.transaction() as db:
        tenant = await lock_tenant(db, "org_acme")
        assert tenant is not None
        tenant.disabled_at = None
        seat = await find_membership(db, "usr_bo", "org_globex")
        assert seat is not None
    await app.connect()
    async with opened.transaction() as db:
        seat = await find_membership(db, "usr_ada", "org_acme")
        assert seat is not None
        seat.role = "member"
        await db.flush()
        await remove_membership(
            db,
            "usr_ada",
            "org_acme",
            by=None,
            lifetime=timedelta(minutes=10),
            now=place.server.clock(),
        )
    assert await grants(place) == []
    assert "not a member" in await app.refused(app.assertion())


async def test_keys_rotate_and_an_unknown_key_is_looked_up_twice_a_minute_at_most_a148(
    place: Place, app: App
) -> None:
    await app.connect()
    asked = len(place.acme.requests)
    place.acme.key = SigningKey("key-2")
    for _ in range(5):
        assert "signature" in await app.refused(app.assertion())
    assert len(place.acme.requests) == asked
    place.server.clock.advance(seconds=31)
    await app.connect()
    assert len(place.acme.requests) == asked + 2
    place.acme.published = [place.acme.key.public]
    place.acme.key = SigningKey("stranger")
    place.server.clock.advance(seconds=31)
    answers = await asyncio.gather(*(app.send(app.assertion()) for _ in range(20)))
    assert {answer.status_code for answer in answers} == {400}
    assert len(place.acme.requests) == asked + 4


async def test_a_provider_that_is_down_is_trusted_by_its_last_keys_for_a_day(
    place: Place, app: App
) -> None:
    place.acme.down = True
    answer = await app.send(app.assertion())
    # Never invalid_grant, after which clients give up.
    assert (answer.status_code, answer.json()["error"]) == (503, "temporarily_unavailable")
    place.acme.down = False
    place.server.clock.advance(seconds=10)
    await app.connect()
    place.acme.down = True
    place.server.clock.advance(hours=23)
    await app.connect()
    place.server.clock.advance(hours=2)
    answer = await app.send(app.assertion())
    assert (answer.status_code, answer.json()["error"]) == (503, "temporarily_unavailable")


async def test_a_document_that_names_another_issuer_is_not_the_providers_a148(
    place: Place, app: App
) -> None:
    place.acme.document = {"issuer": "https://id.evil.example"}
    assert (await app.send(app.assertion())).status_code == 503


async def test_a_refused_assertion_does_not_lock_the_client_out_for_others(
    sqlite_url: str, clock: Clock
) -> None:
    async with running_place(sqlite_url, clock, wrong_guesses_per_minute=1) as place:
        await place.leave_globex()
        app = await add_app(place)
        await set_app(place)
        for _ in range(30):
            await app.refused(app.assertion(aud="https://auth.other.example"))
        await app.connect()


async def test_the_scope_is_what_the_assertion_and_the_request_both_name(
    place: Place, app: App
) -> None:
    await set_app(place, ceilings=(AppCeiling("", ALL, ""),))

    async def scope(claimed: str | None, asked: str | None) -> str:
        form = {} if asked is None else {"scope": asked}
        answer = await app.send(app.assertion(scope=claimed), **form)
        return str(answer.json().get("scope") or answer.json()["error"])

    assert await scope("mcp:read mcp:write", None) == "mcp:read mcp:write"
    assert await scope("mcp:read mcp:write", "mcp:read") == "mcp:read"
    assert await scope("mcp:read", "mcp:read mcp:write") == "mcp:read"
    assert await scope("mcp:read offline_access openid", "offline_access") == "mcp:read"
    assert await scope(None, "mcp:write") == "mcp:write"
    assert await scope("mcp:read", "mcp:admin:all") == "invalid_scope"
    answer = await app.send(app.assertion(), resource="https://mcp.other.example/mcp")
    assert answer.json()["error"] == "invalid_target"
    assert (await app.send(app.assertion(), resource=RESOURCE)).status_code == 200


async def test_the_first_line_with_a_group_of_the_person_is_the_ceiling(
    place: Place, app: App
) -> None:
    writers = AppCeiling("engineering", ALL, "team:engineering")
    await set_app(place, ceilings=(writers, AppCeiling("sales", frozenset({"@read"}), "")))
    assert "groups" in await app.refused(app.assertion())
    assert "groups" in await app.refused(app.assertion(groups=["Engineering", "sales "]))
    claims = await app.connect(groups=["sales", "engineering"])
    assert claims["allowed_tools"] == ["create_task", "delete_task", *READ]
    assert claims["data_scope"] == "team:engineering"
    # The person leaves the group at the provider: the older token ends, and the next one has less.
    less = await app.connect(groups="sales")
    assert less["allowed_tools"] == READ and less["grant_version"] == 2
    assert less["data_scope"] == "team:design team:engineering"
    async with place.server.opened.database.reading() as db:
        (grant,) = await list_live_grants(db, tenant_id="org_acme")
    assert grant.by_tenant and grant.version == 2


async def test_a_ceiling_never_shows_more_than_the_member_sees(place: Place, app: App) -> None:
    await set_app(place, ceilings=(AppCeiling("", ALL, "team:engineering team:secret"),))
    assert (await app.connect())["data_scope"] == "team:engineering"
    await set_app(place, ceilings=(AppCeiling("", ALL, "team:secret"),))
    assert "assertion" not in await app.refused(app.assertion())


async def test_a_tool_that_joins_a_toolset_later_is_not_allowed_a165(
    place: Place, app: App
) -> None:
    await set_app(place, ceilings=(AppCeiling("", ALL, ""),))
    before = await app.connect()
    new = ToolSummary(
        name="export_everything",
        title="Export",
        description="Export.",
        scope="mcp:read",
        toolsets=("read",),
        read_only=True,
        destructive=False,
    )
    place.server.catalogue = CATALOGUE.model_copy(
        update={"hash": "1" * 64, "tools": (*CATALOGUE.tools, new)}
    )
    await place.server.opened.catalogues.read(place.server.opened.settings.resources[0])
    assert (await app.connect())["allowed_tools"] == before["allowed_tools"]


async def test_the_tenants_rules_hold_for_what_its_provider_connects(
    place: Place, app: App
) -> None:
    await set_app(place, ceilings=(AppCeiling("", ALL, ""),))
    opened, policy = place.server.opened, TenantPolicy()

    async def rule(**changes: Any) -> None:
        async with opened.transaction() as db:
            await change_policy(
                db,
                "org_acme",
                replace(policy, **changes),
                by=None,
                lifetime=opened.settings.longest_token_lifetime,
                now=place.server.clock(),
            )

    await rule(read_only=True)
    assert (await app.connect())["allowed_tools"] == READ
    await rule(required_level=2)
    assert "two factors" in await app.refused(app.assertion(amr=["pwd"]))
    await app.connect(amr=["pwd", "otp"])
    await rule(allowed_clients=("another-app",))
    assert await grants(place) == []
    await app.refused(app.assertion())
    assert await grants(place) == []
    await rule(longest_token=timedelta(minutes=2))
    claims = await app.connect()
    assert claims["exp"] - claims["iat"] == 120


async def test_an_app_that_the_tenant_no_longer_connects_is_dead_at_once(
    place: Place, app: App
) -> None:
    claims = await app.connect()
    opened = place.server.opened
    async with opened.transaction() as db:
        key = AppKey("org_acme", APP, RESOURCE)
        now, lifetime = place.server.clock(), opened.settings.longest_token_lifetime
        assert await end_tenant_app(db, key, by="usr_ada", lifetime=lifetime, now=now)
        assert not await end_tenant_app(db, key, by="usr_ada", lifetime=lifetime, now=now)
    assert await grants(place) == []
    assert "does not connect this app" in await app.refused(app.assertion())
    await set_app(place)
    assert (await app.connect())["grant_id"] != claims["grant_id"]
    # Without its provider, the tenant connects nothing, also after it gets the provider back.
    await place.assign("org_acme", None)
    assert await grants(place) == []
    assert "does not connect this app" in await app.refused(app.assertion())
    await place.assign("org_acme", "acme-id")
    assert "does not connect this app" in await app.refused(app.assertion())


async def test_only_an_admin_of_the_tenant_lets_its_provider_connect_apps_a151(
    place: Place, app: App
) -> None:
    for by, tenant_id in (
        ("usr_bo", "org_acme"),
        ("usr_ada", "org_globex"),
        ("usr_cy", "org_acme"),
    ):
        with pytest.raises(ChangeRefused, match="not an admin"):
            await set_app(place, by=by, tenant_id=tenant_id)
    await set_app(place, by="usr_ada", ceilings=(AppCeiling("", ALL, ""),))
    for wrong in (
        (AppCeiling("", frozenset({"@nothing"}), ""),),
        (AppCeiling("", frozenset({"no_such_tool"}), ""),),
        (AppCeiling("", frozenset({"not a tool"}), ""),),
        (AppCeiling("", ALL, "not a scope"),),
        (AppCeiling("a\nb", ALL, ""),),
        (AppCeiling("", ALL, ""), AppCeiling("a", ALL, "")),
        (AppCeiling("a", ALL, ""), AppCeiling("a", ALL, "")),
        (),
    ):
        with pytest.raises(ChangeRefused):
            await set_app(place, ceilings=wrong)
    for client_id in ("nobody", "http://app.example/x", "https://app.example/../x"):
        with pytest.raises(ChangeRefused):
            await set_app(place, client_id)
    await place.assign("org_globex", None)
    with pytest.raises(ChangeRefused, match="no identity provider"):
        await set_app(place, tenant_id="org_globex")


def test_every_check_of_an_assertion_is_listed_once() -> None:
    names = [check.__name__ for check in CHECKS]
    assert len(set(names)) == len(names) == 11
    # Nothing reads a claim before the signature is verified, except for `iss`.
    assert names.index("verify_signature") == names.index("find_issuer") + 1 == 2
    assert SECRET
