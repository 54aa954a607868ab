"""Operators use the console; nobody else gets in."""

import json

from sqlmodel import col, select

from auth_server.records.audit.table import AuditEntry
from auth_server.records.operators.store import put_operator
from auth_server.records.operators.table import Operator
from support.in_process.admin_api import AdminApi
from support.in_process.auth_server import AuthServer, running_auth_server
from support.in_process.clock import Clock
from support.in_process.person import Page, Person

OP = "op@orbit.example"


async def at_the_console(
    server: AuthServer, page: str = "/console/tenants", email: str = OP
) -> tuple[Person, Page]:
    """Sign a person in on their way to a page of the console."""
    person = server.person(email)
    return person, await person.sign_in(await person.open(page))


async def test_an_operator_adds_changes_and_disables_an_organisation(
    sqlite_server: AuthServer,
) -> None:
    op, page = await at_the_console(sqlite_server)
    added = {"tenant": "org_initech", "name": "Initech", "plan": "free"}
    page = await op.press(page, "Add organisation", fill=added)
    assert "Initech" in page.text

    page = await op.press(page, "Save", fill={"name": "Initech Ltd", "plan": "pro"})
    assert "Saved." in page.text
    page = await op.press(page, "End all access")
    assert "disabled" in page.text

    found = await op.open("/console/tenants?search=INITECH")
    assert "Initech Ltd" in found.text
    assert "Globex" not in found.text
    async with sqlite_server.opened.database.reading() as db:
        query = select(AuditEntry).where(AuditEntry.tenant_id == "org_initech")
        entries = (await db.execute(query.order_by(col(AuditEntry.number)))).scalars().all()
    assert [entry.event for entry in entries][:3] == [
        "tenant.created",
        "tenant.changed",
        "tenant.changed",
    ]
    assert {json.loads(entry.detail)["operator"] for entry in entries[:3]} == {"usr_op"}


async def test_a_refused_organisation_is_told_why_and_the_list_stays(
    sqlite_server: AuthServer,
) -> None:
    op, page = await at_the_console(sqlite_server)
    refused = await op.press(
        page, "Add organisation", fill={"tenant": "org_x", "name": "X", "plan": "gold"}
    )
    assert refused.status == 400
    assert "plan: must be one of" in refused.text
    assert "Globex" in refused.text


async def test_an_operator_at_a_wrong_address_is_led_back_to_the_console(
    table_server: AuthServer,
) -> None:
    person = table_server.person()
    asked = await person.open("/sign-in?return_to=/console/tenants")
    assert "to continue to the console" in asked.text
    german = await person.open("/sign-in?return_to=/console&ui_locales=de")
    assert "um zur Konsole zu gelangen" in german.text

    for path in ("/console/nothing", "/console/tenants/x/y/z"):
        page = await person.open(path)
        assert (page.status, 'href="/console"' in page.html) == (404, True)
        assert "To connect an app" not in page.text
    elsewhere = await person.open("/consoles")
    assert 'href="/console"' not in elsewhere.html


async def test_an_operator_and_nobody_else_finds_the_console_on_their_account_pages(
    sqlite_server: AuthServer,
) -> None:
    op, _ = await at_the_console(sqlite_server)
    assert 'href="/console"' in (await op.open("/account/security")).html
    ada, _ = await at_the_console(sqlite_server, "/account/security", "ada@acme.example")
    assert 'href="/console"' not in (await ada.open("/account/security")).html


async def test_an_admin_of_a_tenant_is_not_an_operator(sqlite_server: AuthServer) -> None:
    for path in ("/console/tenants", "/console/operators", "/console/tokens"):
        _, page = await at_the_console(sqlite_server, path, "ada@acme.example")
        assert page.status == 403
        assert "Globex" not in page.text


async def test_a_viewer_sees_everything_and_changes_nothing(sqlite_server: AuthServer) -> None:
    async def become(role: str) -> None:
        async with sqlite_server.opened.transaction() as db:
            cy = Operator(person_id="usr_cy", role=role, created_at=sqlite_server.clock())
            await put_operator(db, cy)

    await become("operator")
    cy, page = await at_the_console(sqlite_server, email="cy@nowhere.example")
    assert "Globex" in page.text
    assert "/console/tenants" in page.forms
    await become("viewer")

    new = {"tenant": "org_x", "name": "X", "plan": "free"}
    refused = await cy.press(page, "Add organisation", fill=new)

    assert refused.status == 403
    assert "Your role doesn't allow this" in refused.text
    for path in ("/console/tenants", "/console/operators", "/console/tokens"):
        page = await cy.open(path)
        assert page.status == 200
        assert set(page.forms) <= {"/account/sign-out", "/console/tenants"}
        assert "Add" not in [label for form in page.forms.values() for label, *_ in form.buttons]


async def test_an_operator_with_one_factor_is_asked_for_two(sqlite_url: str, clock: Clock) -> None:
    async with running_auth_server(sqlite_url, clock, operator_sign_in_level=2) as server:
        _, page = await at_the_console(server)
    assert page.status == 403
    assert "Two-step verification required" in page.text


async def test_an_operator_makes_another_one_and_never_removes_themselves(
    sqlite_server: AuthServer,
) -> None:
    op, _ = await at_the_console(sqlite_server)
    page = await op.open("/console/operators")
    page = await op.press(
        page, "Add operator", fill={"email": "bo@globex.example", "role": "viewer"}
    )
    assert "Bo Lind" in page.text
    unknown = await op.press(page, "Add operator", fill={"email": "x@y.example", "role": "viewer"})
    assert "email: no account has this address" in unknown.text

    fields = [*page.forms["/console/operators/remove"].fields.items(), ("person", "usr_op")]
    refused = await op.send(page, "/console/operators/remove", fields)
    assert refused.status == 400
    page = await op.press(await op.open("/console/operators"), "Remove")
    assert "Bo Lind" not in page.text


async def test_an_operator_creates_a_token_that_works_until_it_is_revoked(
    sqlite_server: AuthServer,
) -> None:
    op, _ = await at_the_console(sqlite_server)
    page = await op.open("/console/tokens")
    page = await op.press(page, "Create token", fill={"label": "CI", "days": "7"})
    assert (page.status, "Choose at least one scope." in page.text) == (400, True)
    page = await op.press(page, "Create token", tick=["tenants:read"])
    assert "CI" in page.text
    token = page.html.partition('<pre id="token"><code>')[2].partition("</code>")[0]
    program = AdminApi(sqlite_server.http, token)
    assert (await program.call("GET", "/tenants")).status_code == 200

    page = await op.open("/console/tokens")
    assert token not in page.html
    await op.press(page, "Revoke")
    assert (await program.call("GET", "/tenants")).status_code == 401
