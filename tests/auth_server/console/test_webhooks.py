"""Operators see where events go and how they arrive, and help a customer whose endpoint fails."""

import re

from auth_server.administration.scopes import READS
from auth_server.records.operators.store import put_operator
from auth_server.records.operators.table import Operator
from auth_server.webhooks.event_types import EVENT_TYPES
from support.in_process.admin_api import AdminApi, admin_api
from support.in_process.auth_server import AuthServer
from support.in_process.person import Page, Person
from support.in_process.receiver import add_hook

URL = "https://hooks.example.com/gatepost"
ALL = [kind.name for kind in EVENT_TYPES]
SECRET = re.compile(r"whsec_[A-Za-z0-9+/=]{40,}")


async def at_webhooks(
    server: AuthServer, path: str = "/console/webhooks", email: str = "op@orbit.example"
) -> tuple[Person, Page]:
    person = server.person(email)
    return person, await person.sign_in(await person.open(path))


async def events_of(api: AdminApi, endpoint_id: str) -> list[tuple[str, str]]:
    """What the audit log tells about an endpoint: the event, and who acted."""
    entries = (await api.call("GET", "/audit", params={"limit": 50})).json()["items"]
    return [
        (entry["event"], entry["detail"]["operator"])
        for entry in entries
        if entry["detail"].get("endpoint_id") == endpoint_id and "operator" in entry["detail"]
    ]


async def test_an_operator_looks_after_an_endpoint_from_its_first_to_its_last_day(
    sqlite_server: AuthServer,
) -> None:
    api = await admin_api(sqlite_server)
    op, page = await at_webhooks(sqlite_server)
    assert "There are no endpoints yet." in page.text

    page = await op.press(page, "Add endpoint", fill={"url": URL})
    [first] = set(SECRET.findall(page.html))
    [endpoint] = (await api.call("GET", "/webhooks")).json()["items"]
    where = f"/console/webhook?endpoint={endpoint['endpoint_id']}"
    assert (endpoint["url"], endpoint["tenant_id"], endpoint["state"]) == (URL, None, "active")
    assert "books.differ" in endpoint["types"]
    assert not SECRET.search((await op.open(where)).html)

    page = await op.press(await op.open(where), "Replace the secret")
    [second] = set(SECRET.findall(page.html))
    assert second != first
    assert "also signs until" in page.text

    page = await op.press(await op.open(where), "Send a test")
    assert "will be sent within seconds" in page.text
    assert "webhook.test" in page.text

    page = await op.press(await op.open(where), "Stop sending")
    assert "by an operator of this service" in page.text
    assert "Send a test" not in page.text
    page = await op.press(page, "Enable")
    assert "by an operator of this service" not in page.text

    page = await op.press(await op.open(where), "Remove")
    assert "There are no endpoints yet." in page.text
    assert await events_of(api, endpoint["endpoint_id"]) == [
        ("webhook.removed", "usr_op"),
        ("webhook.changed", "usr_op"),
        ("webhook.disabled", "usr_op"),
        ("webhook.changed", "usr_op"),
        ("webhook.added", "usr_op"),
    ]


async def test_an_operator_finds_the_failing_endpoint_of_a_customer_and_sends_again(
    sqlite_server: AuthServer,
) -> None:
    await add_hook(sqlite_server, f"{URL}/acme", name="endpoint_acme")
    await add_hook(sqlite_server, f"{URL}/mine", owner=None, name="endpoint_mine")
    api = await admin_api(sqlite_server)
    message = (await api.call("POST", "/webhooks/endpoint_acme/test")).json()["message_id"]
    await sqlite_server.opened.webhooks.start_due()
    await sqlite_server.opened.webhooks.settled()

    op, page = await at_webhooks(sqlite_server, "/console/webhooks?state=failing")
    assert f"{URL}/acme" in page.text
    assert f"{URL}/mine" not in page.text
    page = await op.open("/console/webhook?endpoint=endpoint_acme")
    assert "No message has arrived since" in page.text
    assert "1 attempt" in page.text
    page = await op.press(page, "Send again")
    assert "will be sent within seconds" in page.text
    [delivery] = (await api.call("GET", "/webhooks/endpoint_acme/deliveries")).json()["items"]
    assert (delivery["message_id"], delivery["attempts"]) == (message, 0)
    assert ("webhook.resent", "usr_op") in await events_of(api, "endpoint_acme")


async def test_a_refused_endpoint_is_told_why_and_what_was_typed_stays(
    sqlite_server: AuthServer,
) -> None:
    op, page = await at_webhooks(sqlite_server)
    for fill, reason in (
        ({"url": "http://hooks.example.com/"}, "The URL must begin with https://."),
        ({"url": URL, "tenant": "org_none"}, "this organisation does not exist"),
        ({"url": URL, "tenant": "org_acme"}, "Choose at least one type of event"),
    ):
        untick = ALL if "Choose" in reason else ()
        refused = await op.press(page, "Add endpoint", fill=fill, untick=untick)
        assert refused.status == 400
        assert reason in refused.text
        assert f'value="{fill["url"]}"' in refused.html
    page = await op.press(page, "Add endpoint", fill={"url": URL, "tenant": "org_acme"})
    assert "grant.created" in page.text
    assert "books.differ" not in page.text


async def test_a_viewer_sees_deliveries_and_changes_nothing(sqlite_server: AuthServer) -> None:
    await add_hook(sqlite_server, URL, name="endpoint_acme")
    api = await admin_api(sqlite_server)
    await api.call("POST", "/webhooks/endpoint_acme/test")
    op, page = await at_webhooks(sqlite_server, "/console/webhook?endpoint=endpoint_acme")
    assert [form for form in page.forms if "webhook" in form]
    async with sqlite_server.opened.transaction() as db:
        at = sqlite_server.clock()
        await put_operator(db, Operator(person_id="usr_op", role="viewer", created_at=at))

    seen = await op.open("/console/webhook?endpoint=endpoint_acme")
    assert "webhook.test" in seen.text
    assert not [form.buttons for key, form in seen.forms.items() if key == "again" and form.buttons]
    for label in ("Replace the secret", "Send a test", "Send again", "Stop sending", "Remove"):
        refused = await op.press(page, label)
        assert refused.status == 403, label
    reader = await admin_api(sqlite_server, READS)
    [endpoint] = (await reader.call("GET", "/webhooks")).json()["items"]
    assert endpoint["state"] == "active"


async def test_a_program_turns_the_pages_of_endpoints_and_of_deliveries(
    sqlite_server: AuthServer,
) -> None:
    api = await admin_api(sqlite_server)
    body = {"url": URL, "types": ["grant.created"]}
    for tenant in (None, None, "org_acme", "org_globex"):
        made = await api.call("POST", "/webhooks", json={**body, "tenant_id": tenant})
        assert made.status_code == 201
        assert SECRET.fullmatch(made.json()["secret"])
    owners, after = [], ""
    while True:
        page = (await api.call("GET", "/webhooks", params={"limit": 1, "after": after})).json()
        owners += [one["tenant_id"] for one in page["items"]]
        assert "secret" not in page["items"][0]
        if page["next"] is None:
            break
        after = page["next"]
    assert owners == [None, None, "org_acme", "org_globex"]

    where = f"/webhooks/{made.json()['endpoint_id']}"
    sent = []
    for _ in range(3):
        sent.append((await api.call("POST", f"{where}/test")).json()["message_id"])
        sqlite_server.clock.advance(seconds=1)
    seen, after = [], ""
    while True:
        params = {"limit": 2, "after": after}
        page = (await api.call("GET", f"{where}/deliveries", params=params)).json()
        seen += [one["message_id"] for one in page["items"]]
        if page["next"] is None:
            break
        after = page["next"]
    assert seen == sent[::-1]


async def test_a_program_is_told_which_value_is_refused(sqlite_server: AuthServer) -> None:
    api = await admin_api(sqlite_server)
    await add_hook(sqlite_server, URL, name="endpoint_acme")
    off = await api.call("PUT", "/webhooks/endpoint_acme/enabled", json={"enabled": False})
    assert (off.json()["state"], off.json()["disabled_reason"]) == ("disabled", "by an operator")
    new = {"url": URL, "types": ["grant.created"]}
    deliveries = "/webhooks/endpoint_acme/deliveries"
    for method, path, options, field in (
        ("POST", "/webhooks", {"json": {**new, "url": "x"}}, "url"),
        ("POST", "/webhooks", {"json": {**new, "types": []}}, "types"),
        ("POST", "/webhooks", {"json": {**new, "tenant_id": "org_none"}}, "tenant_id"),
        ("POST", "/webhooks/endpoint_acme/test", {}, "enabled"),
        ("POST", f"{deliveries}/msg_none/resend", {}, "message_id"),
        ("GET", f"{deliveries}?after=x", {}, "after"),
        ("GET", f"{deliveries}?after=2026-11-01T00:00:00~x", {}, "after"),
    ):
        refused = await api.call(method, path, **options)
        assert refused.status_code == 422, (path, refused.text)
        assert [error["field"] for error in refused.json()["errors"]] == [field]
    assert (await api.call("GET", "/webhooks/endpoint_none")).status_code == 404
