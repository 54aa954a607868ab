"""The organisation of a connection, which is one of the person's own."""

from typing import Any
from urllib.parse import urlsplit

from auth_server.records.tenants.table import Membership, Tenant
from support.in_process.auth_server import AuthServer
from support.in_process.person import Page


def path_of(page: Page) -> str:
    """Tell which page this is."""
    return urlsplit(page.url).path


async def test_a_person_chooses_among_their_own_organisations_and_may_change_it(
    auth_server: AuthServer,
) -> None:
    """The choice is shown on the consent page, where it can still be changed."""
    client, person = await auth_server.client(), auth_server.person()
    page = await person.sign_in(await person.open(client.authorize_url()))
    assert [label.split()[0] for label, *_ in page.forms["/tenant"].buttons] == ["Acme", "Globex"]

    page = await person.press(page, "Globex")
    assert "Globex" in page.text
    page = await person.open(page.url.replace("/consent", "/tenant"))
    page = await person.press(page, "Acme")

    assert path_of(page) == "/consent"
    assert page.ticks("data") == {"team:design": True, "team:engineering": True}


async def test_a_tenant_without_the_persons_membership_is_refused_a53(
    auth_server: AuthServer,
) -> None:
    """A53: the form says any id; membership decides."""
    client, person = await auth_server.client(), auth_server.person()
    page = await person.sign_in(await person.open(client.authorize_url()))

    for tenant in ("org_initech", "org_acme ", "ORG_ACME", "", "' OR 1=1 --"):
        fields = [*page.forms["/tenant"].fields.items(), ("tenant", tenant)]
        refused = await person.send(page, "/tenant", fields)
        assert (refused.status, "not a member" in refused.text) == (403, True)
    assert path_of(await person.open(client.authorize_url())) == "/tenant"


async def test_a_person_with_one_tenant_cannot_choose_another(auth_server: AuthServer) -> None:
    """A53: Bo names Ada's organisation."""
    client, bo = await auth_server.client(), auth_server.person("bo@globex.example")
    page = await bo.sign_in(await bo.open(client.authorize_url()))
    choice = await bo.open(page.url.replace("/consent", "/tenant"))
    fields = [*choice.forms["/tenant"].fields.items(), ("tenant", "org_acme")]

    refused = await bo.send(choice, "/tenant", fields)

    assert refused.status == 403
    assert "Acme" not in choice.text


async def test_the_choice_needs_this_pages_proof(auth_server: AuthServer) -> None:
    """A38."""
    client, person = await auth_server.client(), auth_server.person()
    page = await person.sign_in(await person.open(client.authorize_url()))
    fields = page.forms["/tenant"].fields

    for proof in ("", "x", page.forms["sign-out"].fields["proof"]):
        data = [*{**fields, "proof": proof}.items(), ("tenant", "org_acme")]
        assert (await person.send(page, "/tenant", data)).status == 403


async def test_a_person_who_belongs_nowhere_is_told_whom_to_ask(auth_server: AuthServer) -> None:
    """Cy has an account and no organisation."""
    client, cy = await auth_server.client(), auth_server.person("cy@nowhere.example")

    page = await cy.sign_in(await cy.open(client.authorize_url()))

    assert (page.status, "not a member of any organisation" in page.text) == (403, True)
    for path in ("/tenant", "/consent"):
        again = await cy.open(page.url.replace("/authorize/continue", path))
        assert (again.status, again.moves_on_to) == (403, None)


async def test_a_disabled_tenant_is_not_on_offer(auth_server: AuthServer, change_row: Any) -> None:
    """A102."""
    await change_row(auth_server, Tenant, "org_acme", disabled_at=auth_server.clock())
    client, person = await auth_server.client(), auth_server.person()

    page = await person.sign_in(await person.open(client.authorize_url()))

    assert path_of(page) == "/consent"
    assert "Acme" not in page.text


async def test_an_organisation_lost_between_page_and_choice_is_refused(
    auth_server: AuthServer, change_row: Any
) -> None:
    """A53."""
    client, person = await auth_server.client(), auth_server.person()
    page = await person.sign_in(await person.open(client.authorize_url()))
    await change_row(auth_server, Membership, ("usr_ada", "org_acme"))

    refused = await person.press(page, "Acme")

    assert refused.status == 403


async def test_a_person_who_comes_back_finds_the_organisation_they_chose_the_last_time(
    auth_server: AuthServer,
) -> None:
    """Sign-in and approval are then all they do; the page still says which, and lets them change."""
    client, other = await auth_server.client(), await auth_server.client()
    await client.connect(auth_server.person(), tenant="Globex")
    person = auth_server.person()

    page = await person.sign_in(await person.open(client.authorize_url()))
    elsewhere = await person.open(other.authorize_url())

    for shown in (page, elsewhere):
        assert path_of(shown) == "/consent"
        assert "The data you can see in Globex" in shown.text
        assert [label for label, *_ in shown.forms["/tenant"].buttons] == ["Acme"]
    switched = await person.press(page, "Acme")
    assert switched.ticks("data") == {"team:design": True, "team:engineering": True}


async def test_the_organisation_of_the_last_time_is_not_offered_once_it_is_lost_a53(
    auth_server: AuthServer, change_row: Any
) -> None:
    client, person = await auth_server.client(), auth_server.person()
    await client.connect(person, tenant="Globex")
    await change_row(auth_server, Membership, ("usr_ada", "org_globex"))

    page = await person.open(client.authorize_url())

    assert path_of(page) == "/consent"
    assert "Acme" in page.text and "Globex" not in page.text
