"""A tenant's admin manages the endpoints of their own tenant, and nobody else's."""

import pytest
from standardwebhooks import Webhook

from auth_server.webhooks.event_types import types_for
from auth_server.webhooks.manage import list_endpoints
from support.in_process.auth_server import AuthServer
from support.in_process.person import BO, Page, Person
from support.in_process.receiver import add_hook

WEBHOOKS = "/account/organisation/webhooks"
WEBHOOK = "/account/organisation/webhook"
URL = "https://hooks.acme.example/in"


async def signed_in(
    server: AuthServer, page: str, email: str = "ada@acme.example"
) -> tuple[Person, Page]:
    """Sign a person in and open their page."""
    person = server.person(email)
    await person.sign_in(await person.open("/account/organisations"))
    return person, await person.open(page)


def secret_on(page: Page) -> str:
    """The secret that a page shows."""
    return "whsec_" + page.text.split("whsec_")[1].split()[0]


async def test_an_admin_adds_an_endpoint_and_sees_its_secret_once(
    sqlite_server: AuthServer,
) -> None:
    person, page = await signed_in(sqlite_server, f"{WEBHOOKS}?tenant=org_acme")
    assert "client.registered" not in page.text
    shown = await person.press(page, "Add endpoint", fill={"url": URL}, untick=["quota.reached"])
    Webhook(secret_on(shown))
    [link] = [link for link in shown.links if WEBHOOK in link]
    page = await person.open(link)

    assert URL in page.text
    assert "grant.created" in page.text
    assert "quota.reached" not in page.text
    assert "whsec_" not in page.html


async def test_a_form_that_is_sent_twice_adds_one_endpoint(sqlite_server: AuthServer) -> None:
    person, page = await signed_in(sqlite_server, f"{WEBHOOKS}?tenant=org_acme")
    await person.press(page, "Add endpoint", fill={"url": URL})
    again = await person.press(page, "Add endpoint", fill={"url": URL})

    assert again.status == 409
    async with sqlite_server.opened.database.reading() as db:
        assert len(await list_endpoints(db, "org_acme")) == 1


async def test_an_admin_tests_resends_replaces_the_secret_and_removes_an_endpoint(
    sqlite_server: AuthServer,
) -> None:
    await add_hook(sqlite_server, URL)
    person, page = await signed_in(sqlite_server, f"{WEBHOOK}?tenant=org_acme&endpoint=endpoint_1")
    page = await person.press(page, "Send a test")
    assert "will be sent within seconds" in page.text
    assert "webhook.test" in page.text
    page = await person.press(page, "Send again")
    assert "waiting" in page.text
    shown = await person.press(page, "Replace the secret")
    assert "For 24 hours" in shown.text
    Webhook(secret_on(shown))
    page = await person.press(page, "Remove")

    assert page.url.endswith(f"{WEBHOOKS}?tenant=org_acme")
    assert URL not in page.text


@pytest.mark.parametrize(
    ("url", "untick", "reason"),
    [
        ("https://10.0.0.1/", (), "must name a public host"),
        ("http://hooks.acme.example/", (), "must begin with https://"),
        (
            URL,
            tuple(kind.name for kind in types_for("org_acme")),
            "Choose at least one type",
        ),
    ],
)
async def test_an_endpoint_that_can_not_be_used_is_refused_on_the_page(
    sqlite_server: AuthServer, url: str, untick: tuple[str, ...], reason: str
) -> None:
    person, page = await signed_in(sqlite_server, f"{WEBHOOKS}?tenant=org_acme")
    page = await person.press(page, "Add endpoint", fill={"url": url}, untick=untick)

    assert page.status == 400
    assert reason in page.text


async def test_nobody_else_sees_or_changes_a_tenants_endpoint_a151(
    sqlite_server: AuthServer,
) -> None:
    """A151: neither a member, nor an admin who names an endpoint of another tenant."""
    await add_hook(sqlite_server, URL)
    await add_hook(sqlite_server, URL, "org_globex", "endpoint_2")
    _, page = await signed_in(sqlite_server, f"{WEBHOOKS}?tenant=org_globex", BO[0])
    assert page.status == 403
    ada, page = await signed_in(sqlite_server, f"{WEBHOOK}?tenant=org_acme&endpoint=endpoint_2")
    assert page.status == 404
    own = await ada.open(f"{WEBHOOK}?tenant=org_acme&endpoint=endpoint_1")
    for name, value in (("do", "roll"), ("do", "test"), ("do", "remove"), ("resend", "msg_x")):
        fields = {**own.forms[WEBHOOK].fields, "endpoint": "endpoint_2", name: value}
        assert (await ada.send(own, WEBHOOK, list(fields.items()))).status == 404
        fields |= {"tenant": "org_globex"}
        assert (await ada.send(own, WEBHOOK, list(fields.items()))).status == 403

    async with sqlite_server.opened.database.reading() as db:
        [endpoint] = await list_endpoints(db, "org_globex")
    assert endpoint.former_secret_until is None
