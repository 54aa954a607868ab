"""The address of one organisation: a resource of its own, for members of that organisation only."""

from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import pytest
from pydantic import SecretStr

from auth_server.records.grants.store import list_live_grants
from auth_server.records.tenants.store import drop_membership, find_membership
from auth_server.records.tenants.table import Tenant
from auth_server.settings import AuthServerSettings, ResourceSettings
from auth_server.tenancy.change_policy import change_policy
from support.in_process.auth_server import (
    ISSUER,
    RESOURCE,
    SECRET_KEY,
    AuthServer,
    running_auth_server,
)
from support.in_process.clock import Clock
from support.in_process.devices import approve, begin, enter
from support.in_process.oauth_client import OAuthClient, answer_of
from support.in_process.operator import add
from support.in_process.person import Page, Person
from support.in_process.revocations import read_unverified

ACME, GLOBEX = f"{RESOURCE}/o/org_acme", f"{RESOURCE}/o/org_globex"
STRANGE = (
    f"{RESOURCE}/o/",
    f"{RESOURCE}/o/..",
    f"{RESOURCE}/o/%2e%2e",
    f"{RESOURCE}/o/org%5Facme",
    f"{RESOURCE}/o/org_acme/..",
    f"{RESOURCE}/o/org_globex/../org_acme",
    f"{RESOURCE}/o/org_acme?x",
    f"{RESOURCE}/o/org_acme#x",
    f"{RESOURCE}/o/org_acme;x",
    f"{RESOURCE}/o/org_acme//",
    f"{RESOURCE}/o/org_acme\n",
    f"{RESOURCE}/o/org_acme\0",
    f"{RESOURCE}/o/org_\u00e4cme",
    f"{RESOURCE}/o/\uff4frg_acme",
    f"{RESOURCE}/O/org_acme",
    f"{RESOURCE}//o/org_acme",
    f"{RESOURCE}/o/{'a' * 129}",
    "http://127.0.0.1:8401/o/org_acme",
    "http://ada@127.0.0.1:8401/mcp/o/org_acme",
    "http://127.0.0.1:8402/mcp/o/org_acme",
    "https://127.0.0.1:8401/mcp/o/org_acme",
    "http://127.0.0.1:8401/mcp/../mcp/o/org_acme",
    "http:xx127.0.0.1:8401/mcp/o/org_acme",
    "http:/x127.0.0.1:8401/mcp",
    " http://127.0.0.1:8401/mcp/o/org_acme",
    "http://127.0.0.1:8401/mcp/o/org_ac\tme",
)


def path_of(page: Page) -> str:
    """Tell which page this is."""
    return urlsplit(page.url).path


async def client_of(server: AuthServer, resource: str) -> OAuthClient:
    """Register an app that asks for a resource."""
    return replace(await server.client(), resource=resource)


async def reach(person: Person, client: OAuthClient) -> Page:
    """Sign in, and go as far as the app's request leads by itself."""
    page = await person.open(client.authorize_url())
    return await person.sign_in(page) if path_of(page) == "/sign-in" else page


def audience(token: str) -> str:
    """Read the resource of an access token."""
    return read_unverified(token)[0].aud


async def live_grants(server: AuthServer) -> set[tuple[str, str]]:
    """Return tenant and resource of every live grant."""
    async with server.opened.database.reading() as db:
        return {(one.tenant_id, one.resource) for one in await list_live_grants(db)}


@pytest.mark.both_databases
async def test_one_app_connects_two_organisations_side_by_side_and_no_page_asks_which(
    auth_server: AuthServer, read_token: Any
) -> None:
    app, ada = await auth_server.client(), auth_server.person()
    tokens = {}
    for resource, tenant, other in ((ACME, "Acme", "Globex"), (GLOBEX, "Globex", "Acme")):
        client = replace(app, resource=resource)
        page = await reach(ada, client)
        assert path_of(page) == "/consent"
        assert tenant in page.text and other not in page.text
        assert resource in page.text
        code = answer_of((await ada.press(page, "Approve")).moves_on_to or "")["code"]
        answer = await client.redeem(code)
        assert answer.status_code == 200, answer.text
        tokens[resource] = answer.json()

    for resource, tenant_id in ((ACME, "org_acme"), (GLOBEX, "org_globex")):
        claims = await read_token(
            replace(auth_server, resource=resource), tokens[resource]["access_token"]
        )
        assert (claims["aud"], claims["tenant_id"]) == (resource, tenant_id)
        again = await replace(app, resource=resource).refresh(
            tokens[resource]["refresh_token"], resource=resource
        )
        assert again.status_code == 200, again.text
        assert audience(again.json()["access_token"]) == resource
    assert await live_grants(auth_server) == {("org_acme", ACME), ("org_globex", GLOBEX)}


async def test_the_connection_at_the_plain_address_stays_beside_that_of_an_organisation(
    auth_server: AuthServer,
) -> None:
    app, ada = await auth_server.client(), auth_server.person()
    await app.connect(ada, tenant="Acme")

    await replace(app, resource=ACME).connect(ada)

    assert await live_grants(auth_server) == {("org_acme", RESOURCE), ("org_acme", ACME)}
    apps = await ada.open("/account/apps")
    assert apps.text.count("Test client") > 1
    assert apps.text.count(ACME) == 1  # which of the two is which
    of_admins = await ada.open("/account/organisation?tenant=org_acme")
    assert of_admins.text.count(ACME) == 1
    page = await ada.open(next(link for link in apps.links if "/account/app?grant=" in link))
    assert page.status == 200
    changed = await ada.press(page, "Save", untick=("create_task",))
    assert "Saved" in changed.text


@pytest.mark.both_databases
async def test_a_tenant_that_allows_reading_only_narrows_a_token_for_its_address(
    auth_server: AuthServer,
) -> None:
    client = await client_of(auth_server, ACME)
    tokens = await client.connect(auth_server.person())
    assert "create_task" in read_unverified(tokens["access_token"])[0].allowed_tools
    async with auth_server.opened.transaction() as db:
        tenant = await db.get(Tenant, "org_acme")
        assert tenant is not None
        await change_policy(
            db,
            "org_acme",
            replace(tenant.policy, read_only=True),
            by="usr_ada",
            lifetime=auth_server.settings.longest_token_lifetime,
            now=auth_server.clock(),
        )
    auth_server.clock.advance(seconds=2)

    answer = await client.refresh(tokens["refresh_token"])

    assert answer.status_code == 200, answer.text
    narrowed, _ = read_unverified(answer.json()["access_token"])
    assert narrowed.aud == ACME
    assert narrowed.allowed_tools == {"list_projects", "list_tasks"}


@pytest.mark.parametrize("resource", [ACME, f"{RESOURCE}/o/nobody", f"{RESOURCE}/o/ORG_GLOBEX"])
async def test_a_stranger_gets_the_same_page_whether_or_not_the_organisation_exists_a250(
    auth_server: AuthServer, resource: str
) -> None:
    client = await client_of(auth_server, resource)
    bo = auth_server.person("bo@globex.example")
    before = await bo.open(client.authorize_url())
    assert path_of(before) == "/sign-in"
    assert "Acme" not in before.text

    page = await bo.sign_in(before)

    assert (page.status, path_of(page)) == (403, "/authorize/continue")
    assert "bo@globex.example is not one of its members, or it does not exist" in page.text
    assert "Ask an admin of the organisation to invite you" in page.text
    assert page.text.count(resource) == 1
    assert "Acme" not in page.text
    # The app learns it when the person goes back, and not without their click.
    assert page.moves_on_to is None
    (back,) = [link for link in page.links if link.startswith(client.redirect_uri)]
    told = answer_of(back)
    assert (told["error"], told["state"]) == ("access_denied", client.state)
    assert told["iss"] == auth_server.issuer
    assert "ask an admin of the organisation for an invitation" in told["error_description"]
    assert await live_grants(auth_server) == set()


async def test_a_stranger_goes_on_with_another_account(auth_server: AuthServer) -> None:
    client = await client_of(auth_server, ACME)
    ada = auth_server.person("bo@globex.example")
    page = await reach(ada, client)

    ada.email = "ada@acme.example"
    page = await ada.sign_in(await ada.press(page, "Use another account"))

    assert path_of(page) == "/consent"
    assert "Acme" in page.text


@pytest.mark.parametrize("resource", [ACME, f"{RESOURCE}/o/nobody"])
async def test_a_stranger_with_a_device_is_told_to_begin_again_there(
    auth_server: AuthServer, resource: str
) -> None:
    device = await begin(auth_server, resource=resource)

    page = await enter(auth_server.person("bo@globex.example"), device.user_code)

    assert page.status == 403
    assert "Start again on your device and enter its code with another account" in page.text
    # There is no address to go back to, and nobody else may answer for this code.
    assert not any("error=" in link for link in page.links)
    assert "Use another account" not in page.text
    assert (await device.wait_and_poll()).json()["error"] == "authorization_pending"


async def test_a_device_connects_an_organisation_at_its_address(auth_server: AuthServer) -> None:
    device = await begin(auth_server, resource=GLOBEX)

    await approve(auth_server.person(), device.user_code)

    answer = await device.wait_and_poll()
    assert audience(answer.json()["access_token"]) == GLOBEX
    refused = await device.poll(resource=ACME)
    assert refused.status_code == 400


async def test_no_form_changes_the_organisation_of_an_address_a252(
    auth_server: AuthServer,
) -> None:
    client, ada = await client_of(auth_server, ACME), auth_server.person()
    page = await reach(ada, client)
    choice = await ada.open(page.url.replace("/consent", "/tenant"))
    fields = [*choice.forms["/tenant"].fields.items(), ("tenant", "org_globex")]

    refused = await ada.send(choice, "/tenant", fields)
    approved = await ada.press(page, "Approve", fill={"tenant": "org_globex"})

    assert refused.status == 403
    assert "Globex" not in choice.text
    assert "code" in answer_of(approved.moves_on_to or "")
    assert await live_grants(auth_server) == {("org_acme", ACME)}


async def test_a_person_who_left_while_the_page_was_open_connects_nothing_a252(
    auth_server: AuthServer,
) -> None:
    client, ada = await client_of(auth_server, GLOBEX), auth_server.person()
    page = await reach(ada, client)
    async with auth_server.opened.transaction() as db:
        seat = await find_membership(db, "usr_ada", "org_globex")
        assert seat is not None
        await drop_membership(db, seat)

    answered = await ada.press(page, "Approve")

    assert answered.status == 403
    assert "is not one of its members" in answered.text
    assert await live_grants(auth_server) == set()


@pytest.mark.parametrize("kind", ["code", "refresh_token"])
@pytest.mark.parametrize(
    ("resource", "other"), [(ACME, GLOBEX), (ACME, RESOURCE), (RESOURCE, ACME)]
)
async def test_what_was_issued_for_one_address_gives_no_token_for_another_a245(
    auth_server: AuthServer, kind: str, resource: str, other: str
) -> None:
    client, ada = await client_of(auth_server, resource), auth_server.person()
    code = answer_of(await ada.approve(client.authorize_url()))["code"]
    if kind == "code":
        refused = await client.redeem(code, resource=other)
        assert (await client.redeem(code)).status_code == 200
    else:
        refresh_token = (await client.redeem(code)).json()["refresh_token"]
        refused = await client.refresh(refresh_token, resource=other)
        assert (await client.refresh(refresh_token)).status_code == 200

    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_target")


async def test_an_address_may_be_spelled_as_mcp_allows_and_the_token_names_the_usual_spelling(
    auth_server: AuthServer,
) -> None:
    for asked in (f"{ACME}/", ACME.replace("http://", "HTTP://")):
        client = await client_of(auth_server, asked)
        tokens = await client.connect(auth_server.person())
        assert audience(tokens["access_token"]) == ACME


@pytest.mark.parametrize("resource", STRANGE)
async def test_what_only_looks_like_an_address_is_refused_a249(
    auth_server: AuthServer, resource: str
) -> None:
    client = await client_of(auth_server, resource)

    answer = await auth_server.browser().get(client.authorize_url())

    if "\0" in resource:
        assert answer.status_code == 400
        return
    assert answer.status_code == 303, answer.text
    told = answer_of(answer.headers["location"])
    assert told["error"] == "invalid_target"


@pytest.mark.parametrize("others", [(GLOBEX,), (RESOURCE,), (f"{RESOURCE}/o/nobody",)])
async def test_two_addresses_in_one_request_are_refused_a249(
    auth_server: AuthServer, others: tuple[str, ...]
) -> None:
    client = await client_of(auth_server, ACME)
    url = client.authorize_url() + "".join(f"&resource={one}" for one in others)

    answer = await auth_server.browser().get(url)

    told = answer_of(answer.headers["location"])
    assert told["error"] == "invalid_target"
    assert "only one resource" in told["error_description"]


def test_a_gateway_may_not_stand_at_the_address_of_an_organisation_of_another_a249() -> None:
    with pytest.raises(ValueError, match="which is the address of an organisation at"):
        AuthServerSettings(
            issuer=ISSUER,
            secret_key=SecretStr(SECRET_KEY),
            resources=(ResourceSettings(resource=RESOURCE), ResourceSettings(resource=ACME)),
        )


async def test_an_id_that_no_address_can_name_connects_at_the_plain_address_only(
    auth_server: AuthServer,
) -> None:
    dee = {
        "id": "usr_dee",
        "email": "dee@soder.example",
        "name": "Dee",
        "password": "gatepost-demo",
        "memberships": [{"tenant": "Söder & Co"}],
    }
    await add(auth_server, tenants=[{"id": "Söder & Co", "name": "Soder"}], people=[dee])
    person = auth_server.person("dee@soder.example")
    await (await auth_server.client()).connect(person)

    page = await person.open("/account/organisations")

    assert "Soder" in page.text
    assert "/o/" not in page.text


async def test_the_pages_tell_members_and_visitors_the_address(auth_server: AuthServer) -> None:
    ada = auth_server.person()
    page = await ada.sign_in(await ada.open("/account/organisations"))
    assert ACME in page.text and GLOBEX in page.text
    assert "/?organisation=org_globex" in page.links

    shown = await ada.open("/?organisation=org_globex")
    written = (await ada.http.get("/llms.txt?organisation=org_globex")).text
    plain = await ada.open("/?organisation=..%2Fx")

    assert GLOBEX in shown.text
    assert "org-globex" in shown.text  # clients keep organisations apart by the name
    assert GLOBEX in written
    assert "/o/" not in plain.text.replace("/o/ and", "")


async def test_another_gateway_has_addresses_of_its_own_a245(
    database_url: str, clock: Clock
) -> None:
    other = "http://127.0.0.1:8411/mcp"
    both = (ResourceSettings(resource=RESOURCE), ResourceSettings(resource=other))
    async with running_auth_server(database_url, clock, resources=both) as server:
        client = await client_of(server, ACME)
        code = answer_of(await server.person().approve(client.authorize_url()))["code"]

        refused = await client.redeem(code, resource=f"{other}/o/org_acme")
        answer = await client.redeem(code)

        assert refused.json()["error"] == "invalid_target"
        assert audience(answer.json()["access_token"]) == ACME
