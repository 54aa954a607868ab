"""An admin, an operator, a program and a command make, replace and end the token of a directory."""

from support.in_process.admin_api import admin_api
from support.in_process.customers_place import Place
from support.in_process.directory import Scim
from support.in_process.person import Page, Person

PAGE = "/account/organisation/directory"


async def admin(place: Place) -> Person:
    """Sign Ada in, an admin of Acme."""
    ada, page = await place.sign_in(place.acme, "ada@acme.example")
    assert page.status == 200
    return ada


def token_on(page: Page) -> str:
    """Read the token that a page shows."""
    return next(word for word in page.text.split() if word.startswith("gatepost_scim_"))


async def test_an_admin_connects_the_directory_and_sees_what_it_holds(place: Place) -> None:
    ada = await admin(place)
    organisation = await ada.open("/account/organisation?tenant=org_acme")
    page = await ada.open(next(link for link in organisation.links if PAGE in link))
    assert f"{place.server.issuer}/scim/v2" in page.text
    assert "Acme ID can add people with addresses at acme.example." in page.text
    assert "Your provider has sent nobody yet." in page.text
    shown = await ada.press(page, "Create token", fill={"label": "Okta", "data_scope": "team:x"})
    assert shown.status == 200 and "You won't be able to see it again." in shown.text
    scim = Scim(place.server, token_on(shown))
    user = await scim.create("kim@acme.example", displayName="Kim")
    await scim.group("Navy", user["id"], externalId="n-1")

    page = await ada.open(f"{PAGE}?tenant=org_acme")
    assert scim.token not in page.text and "team:x" in page.text
    assert "1 person, 1 of them active." in page.text and "Navy n-1 1" in page.text
    place.server.clock.advance(minutes=1)
    replaced = await ada.press(page, "Create token", fill={"label": "Okta, newer"})
    again = Scim(place.server, token_on(replaced))
    page = await ada.open(f"{PAGE}?tenant=org_acme")
    # With two tokens there is no form for a third.
    assert "Create token" not in page.text
    assert (await scim.get("/Users")) == (await again.get("/Users"))
    await ada.press(page, "Revoke Okta")
    assert (await scim.send("GET", "/Users")).status_code == 401
    assert (await again.get("/Users"))["totalResults"] == 1
    trail = await ada.open("/account/organisation/audit?tenant=org_acme")
    for words in ("Token for the directory created", "Person added by the directory", "Navy"):
        assert words in trail.text
    assert "directory acme-id" in trail.text


async def test_a_value_that_can_not_be_is_refused_on_the_page(place: Place) -> None:
    ada = await admin(place)
    page = await ada.open(f"{PAGE}?tenant=org_acme")
    refused = await ada.press(
        page, "Create token", fill={"label": "Okta", "data_scope": "everything"}
    )
    assert refused.status == 400
    assert "The data must be entries such as team:sales" in refused.text
    assert 'value="everything"' in refused.html


async def test_without_a_provider_of_its_own_an_organisation_has_no_directory(
    place: Place,
) -> None:
    await place.assign("org_acme", None)
    ada = place.server.person()
    await ada.sign_in(await ada.open("/sign-in?return_to=/account/apps&password=yes"))
    page = await ada.open(f"{PAGE}?tenant=org_acme")
    assert "No identity provider is assigned" in page.text and PAGE not in page.forms


async def test_an_operator_makes_and_ends_a_token_in_the_console(place: Place) -> None:
    op = place.server.person("op@orbit.example")
    await op.sign_in(await op.open("/console/tenants"))
    tenant = await op.open("/console/tenant?tenant=org_acme")
    page = await op.open(next(link for link in tenant.links if "/console/tenant/directory" in link))
    shown = await op.press(page, "Create token", fill={"label": "Entra"})
    scim = Scim(place.server, token_on(shown))
    assert (await scim.get("/Users"))["totalResults"] == 0
    refused = await op.press(page, "Create token", fill={"label": "x", "data_scope": "?"})
    assert refused.status == 400 and "team:sales" in refused.text
    page = await op.open("/console/tenant/directory?tenant=org_acme")
    assert scim.token not in page.text
    await op.press(page, "Revoke Entra")
    assert (await scim.send("GET", "/Users")).status_code == 401


async def test_a_program_makes_and_ends_a_token(place: Place) -> None:
    api = await admin_api(place.server)
    path = "/tenants/org_acme/directory"
    assert (await api.call("GET", path)).json() == {
        "provider": "acme-id",
        "users": 0,
        "active_users": 0,
        "groups": 0,
        "tokens": [],
    }
    made = await api.call("POST", f"{path}/tokens", json={"label": "Okta"})
    assert made.status_code == 201
    scim = Scim(place.server, made.json()["token"])
    await scim.create("kim@acme.example")
    seen = (await api.call("GET", path)).json()
    assert (seen["users"], seen["active_users"]) == (1, 1)
    (token,) = seen["tokens"]
    assert token["last_used_at"] is not None and "token" not in token
    for tenant_id, status in (("org_globex", 404), ("org_acme", 204), ("org_acme", 404)):
        where = f"/tenants/{tenant_id}/directory/tokens/{token['token_id']}"
        assert (await api.call("DELETE", where)).status_code == status
    assert (await scim.send("GET", "/Users")).status_code == 401
    refused = await api.call("POST", f"{path}/tokens", json={"label": ""})
    assert refused.status_code == 422
    assert (await api.call("GET", "/tenants/org_none/directory")).status_code == 404
    reader = await admin_api(place.server, ["tenants:read"])
    assert (await reader.call("POST", f"{path}/tokens", json={"label": "x"})).status_code == 403
