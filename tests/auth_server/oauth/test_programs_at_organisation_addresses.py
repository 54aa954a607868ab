"""Programs at an organisation's address: API keys, service clients and identity assertions."""

import json
from collections.abc import AsyncIterator

import httpx2
import pytest
from sqlmodel import select

from auth_server.records.audit.table import AuditEntry
from auth_server.records.grants.store import list_live_grants
from auth_server.tenancy.tenant_apps import AppKey, end_tenant_app
from gatepost.api_keys import make_api_key
from support.in_process.auth_server import RESOURCE, AuthServer, running_auth_server
from support.in_process.clock import Clock
from support.in_process.customers_place import Place, running_place
from support.in_process.operator import add
from support.in_process.person import Person
from support.in_process.provider_rule import require
from support.in_process.providers import Provider
from support.in_process.revocations import GATEWAY, assertions, read_unverified
from support.in_process.tenant_apps import APP, App, add_app, set_app

ACME, GLOBEX = f"{RESOURCE}/o/org_acme", f"{RESOURCE}/o/org_globex"
NOBODY = f"{RESOURCE}/o/nobody"
SECRET = "a-secret-of-43-characters-0123456789-abcdef"


def aud(answer: httpx2.Response) -> str:
    """Read the resource of the access token that was issued."""
    assert answer.status_code == 200, answer.text
    return read_unverified(answer.json()["access_token"])[0].aud


@pytest.fixture
async def server(database_url: str, clock: Clock) -> AsyncIterator[AuthServer]:
    """An authorization server that knows its gateway's key."""
    async with running_auth_server(database_url, clock, resources=(GATEWAY,)) as running:
        yield running


async def exchange(server: AuthServer, key: str, **form: str) -> httpx2.Response:
    """Exchange a key as the gateway does."""
    asked = {
        "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
        "subject_token": key,
        "subject_token_type": "urn:gatepost:params:oauth:token-type:api-key",
        **assertions(server.clock).form(),
        **form,
    }
    return await server.http.post("/token", data=asked)


async def test_a_key_gives_a_token_for_its_own_organisations_address_only_a251(
    server: AuthServer,
) -> None:
    key = make_api_key("live", bytes(32))
    entry = {
        "key": key.text,
        "label": "Nightly report",
        "person": "usr_ada",
        "tenant": "org_acme",
        "resource": RESOURCE,
        "scope": "mcp:write",
        "tools": ["list_tasks"],
    }
    await add(server, api_keys=[entry])

    assert aud(await exchange(server, key.text)) == RESOURCE
    assert aud(await exchange(server, key.text, resource=ACME)) == ACME
    unknown = await exchange(server, make_api_key("live", bytes(31) + b"1").text, resource=GLOBEX)
    for resource in (GLOBEX, NOBODY):
        refused = await exchange(server, key.text, resource=resource)
        assert refused.status_code == 400
        assert refused.json() == unknown.json()  # like a key that does not exist


async def test_a_key_at_made_up_addresses_does_not_fill_the_audit_trail_a251(
    server: AuthServer,
) -> None:
    """A gateway asks about each address, and every entry of the trail is kept for years."""
    key = make_api_key("live", bytes(32))
    entry = {
        "key": key.text,
        "label": "Nightly report",
        "person": "usr_ada",
        "tenant": "org_acme",
        "resource": RESOURCE,
        "scope": "mcp:read",
        "tools": ["list_tasks"],
    }
    await add(server, api_keys=[entry])

    for number in range(3):
        refused = await exchange(server, key.text, resource=f"{RESOURCE}/o/made-up-{number}")
        assert refused.json()["error"] == "invalid_grant"

    async with server.opened.database.reading() as db:
        events = (await db.execute(select(AuditEntry.event))).scalars().all()
    assert "api_key.exchange_refused" not in events


async def test_a_gateway_asks_about_tokens_for_the_addresses_beneath_its_own(
    server: AuthServer,
) -> None:
    key = make_api_key("live", bytes(32))
    entry = {
        "key": key.text,
        "label": "Nightly report",
        "person": "usr_ada",
        "tenant": "org_acme",
        "resource": RESOURCE,
        "scope": "mcp:write",
        "tools": ["list_tasks"],
    }
    await add(server, api_keys=[entry])
    token = (await exchange(server, key.text, resource=ACME)).json()["access_token"]

    answer = await server.http.post(
        "/introspect", data={**assertions(server.clock).form(), "token": token}
    )

    assert (answer.json()["active"], answer.json()["aud"]) == (True, ACME)


async def test_nobody_is_a_gateway_by_the_address_of_an_organisation_a251(
    server: AuthServer,
) -> None:
    form = assertions(server.clock, resource=ACME).form()

    answer = await server.http.post(
        "/internal/revocations", data={**form, "after": "", "wait": "0"}
    )

    assert answer.status_code == 401


async def test_a_service_client_gets_tokens_for_its_own_tenants_address_only_a251(
    auth_server: AuthServer,
) -> None:
    ceiling = {
        "resource": RESOURCE,
        "tenant": "org_acme",
        "scope": "mcp:write",
        "tools": ["list_tasks"],
        "data_scope": "team:design",
    }
    client = {
        "client_id": "acme-reports",
        "name": "Acme reports",
        "token_endpoint_auth_method": "client_secret_post",
        "secret": SECRET,
        "ceilings": [ceiling],
    }
    await add(auth_server, clients=[client])

    async def ask(**form: str) -> httpx2.Response:
        usual = {
            "grant_type": "client_credentials",
            "client_id": "acme-reports",
            "client_secret": SECRET,
        }
        return await auth_server.http.post("/token", data={**usual, **form})

    assert aud(await ask()) == RESOURCE
    assert aud(await ask(resource=ACME)) == ACME
    for resource in (GLOBEX, NOBODY):
        refused = await ask(resource=resource)
        assert (refused.status_code, refused.json()["error"]) == (400, "invalid_target")


@pytest.fixture
async def place(database_url: str, clock: Clock) -> AsyncIterator[Place]:
    """A server where Acme and Globex have their own providers."""
    async with running_place(database_url, clock) as made:
        await made.leave_globex()
        yield made


async def resources_of(place: Place) -> set[str]:
    """Return the resources of the live grants."""
    async with place.server.opened.database.reading() as db:
        return {grant.resource for grant in await list_live_grants(db)}


@pytest.mark.both_databases
async def test_a_provider_connects_an_app_at_its_own_tenants_address_only_a251(
    place: Place,
) -> None:
    app: App = await add_app(place)
    await set_app(place)
    await set_app(place, tenant_id="org_globex")

    for resource in (RESOURCE, ACME):
        assert (await app.connect(resource=resource))["aud"] == resource

    for resource in (GLOBEX, NOBODY):
        said = await app.refused(app.assertion(resource=resource))
        assert "does not connect this app to this MCP server" in said
    answer = await app.send(app.assertion(resource=ACME), resource=RESOURCE)
    assert answer.json()["error"] == "invalid_target"
    assert await resources_of(place) == {RESOURCE, ACME}


@pytest.mark.both_databases
async def test_an_app_that_the_tenant_no_longer_connects_ends_at_the_address_too(
    place: Place,
) -> None:
    app = await add_app(place)
    await set_app(place)
    await app.connect(resource=ACME)

    async with place.server.opened.transaction() as db:
        await end_tenant_app(
            db,
            AppKey("org_acme", APP, RESOURCE),
            by=None,
            lifetime=place.server.opened.settings.longest_token_lifetime,
            now=place.server.clock(),
        )

    assert await resources_of(place) == set()


async def test_what_a_person_left_out_stays_out_at_the_address_and_an_end_counts_for_both(
    place: Place,
) -> None:
    app = await add_app(place)
    await set_app(place)
    await app.connect(resource=ACME)
    ada, _ = await place.sign_in(place.acme, "ada@acme.example")
    apps = await ada.open("/account/apps")
    page = await ada.open(next(link for link in apps.links if "/account/app?grant=" in link))
    assert "Saved" in (await ada.press(page, "Save", untick=("list_projects",))).text

    for resource in (ACME, RESOURCE):
        assert "list_projects" not in json.dumps(await app.connect(resource=resource))

    ended = await ada.press(await ada.open("/account/apps"), "Disconnect")
    assert ended.status == 200
    for resource in (ACME, RESOURCE):
        assert "ended this connection" in await app.refused(app.assertion(resource=resource))


async def sign_in_at(place: Place, resource: str) -> tuple[str, list[str]]:
    """Return where the sign-in page for a resource leads by itself, and its links."""
    client = await place.server.client()
    client.resource = resource
    page = await place.server.person().open(client.authorize_url())
    return page.moves_on_to or "", page.links


async def test_the_sign_in_of_an_address_offers_its_organisations_own_provider(
    place: Place,
) -> None:
    _, at_acme = await sign_in_at(place, ACME)
    _, at_globex = await sign_in_at(place, GLOBEX)
    _, plain = await sign_in_at(place, RESOURCE)
    _, nowhere = await sign_in_at(place, NOBODY)

    assert any("/sign-in/with/acme-id" in link for link in at_acme)
    assert not any("globex-id" in link for link in at_acme)
    assert any("/sign-in/with/globex-id" in link for link in at_globex)
    assert not any("/sign-in/with/" in link for link in [*plain, *nowhere])


async def test_an_organisation_that_requires_its_provider_is_led_there_at_once(
    place: Place,
) -> None:
    await require(place)

    moves_on_to, _ = await sign_in_at(place, ACME)

    assert "/sign-in/with/acme-id?transaction=" in moves_on_to
    ada = place.server.person()
    client = await place.server.client()
    client.resource = ACME
    page = await ada.open(client.authorize_url())
    path = await arrive(place.acme, ada, page.moves_on_to or "")
    assert path.endswith("/consent")


async def arrive(provider: Provider, person: Person, url: str) -> str:
    """Follow the link to the provider, which says that Ada is there; return the page's path."""
    provider.says = {"email": "ada@acme.example", "sub": "idp of ada@acme.example"}
    provider.userinfo = {"sub": provider.says["sub"]}
    left = await person.http.get(url)
    page = await person.open(provider.handle_callback(left.headers["location"]))
    return str(page.url.partition("?")[0])
