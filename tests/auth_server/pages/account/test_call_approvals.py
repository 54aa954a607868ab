"""An app asks for a call, an admin approves or declines it on a phone, and the call counts once."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx2
import pytest

from auth_server.maintenance import maintain
from auth_server.records.audit.search import AuditFilter, search_newest
from auth_server.records.call_approvals.store import list_waiting_calls
from auth_server.records.tenants.store import put_membership
from auth_server.records.tenants.table import Membership
from auth_server.tenancy.call_approvals import MOST_WAITING
from gatepost.approvals import APPROVALS_PATH
from support.in_process.auth_server import AuthServer, running_auth_server
from support.in_process.clock import Clock
from support.in_process.person import Page, Person
from support.in_process.revocations import GATEWAY, assertions, read_unverified

APPROVALS = "/account/organisation/approvals"
ACME = f"{APPROVALS}?tenant=org_acme"
BO = "bo@globex.example"
RESEARCHER = "client_claude#researcher"


@pytest.fixture
async def server(database_url: str, clock: Clock) -> AsyncIterator[AuthServer]:
    """An authorization server that knows the key of a gateway."""
    async with running_auth_server(database_url, clock, resources=(GATEWAY,)) as running:
        yield running


def call_of(**changes: Any) -> dict[str, Any]:
    """A call of Bo's app, as a gateway describes it."""
    return {
        "tenant_id": "org_acme",
        "sub": "usr_bo",
        "client_id": "client_claude",
        "grant_id": "grant_1",
        "tool": "delete_project",
        "title": "Delete a project",
        "arguments": ["id: P-7", "reason: <b>old</b>"],
        "digest": "a" * 64,
        **changes,
    }


async def post(server: AuthServer, call: object) -> httpx2.Response:
    """Ask as a gateway does."""
    body = {**assertions(server.clock).form(), "call": call}
    return await server.http.post(APPROVALS_PATH, json=body)


async def state_of(server: AuthServer, **changes: Any) -> str:
    """Ask for one call; return what the gateway is told."""
    answer = await post(server, call_of(**changes))
    assert answer.status_code == 200, answer.text
    return str(answer.json()["state"])


async def open_approvals(
    server: AuthServer, email: str = "ada@acme.example"
) -> tuple[Person, Page]:
    """Sign somebody in and open the calls of Acme."""
    person = server.person(email)
    await person.sign_in(await person.open("/account/organisations"))
    return person, await person.open(ACME)


async def test_an_admin_approves_a_call_and_it_is_made_once(server: AuthServer) -> None:
    assert await state_of(server) == "waiting"
    (told,) = await server.mails()
    assert told.to == "ada@acme.example"
    assert "Delete a project" in told.text and APPROVALS in told.text and "P-7" not in told.text
    ada, shown = await open_approvals(server)
    for text in ("Delete a project", "delete_project", BO, "id: P-7"):
        assert text in shown.text, text
    assert "reason: &lt;b&gt;old&lt;/b&gt;" in shown.html

    after = await ada.press(shown, "Approve")

    assert "The call is approved" in after.text and "No call waits" in after.text
    (answer,) = await server.mails()
    assert answer.to == BO and answer.subject == "Approved: Delete a project"
    assert await state_of(server) == "approved"
    assert await state_of(server) == "waiting"


async def test_the_link_in_the_mail_leads_to_the_call_after_the_sign_in(server: AuthServer) -> None:
    await state_of(server)
    (told,) = await server.mails()
    link = next(word for word in told.text.split() if APPROVALS in word)
    ada = server.person()
    after = await ada.sign_in(await ada.open(link))
    assert "Delete a project" in after.text


async def test_a_call_whose_values_can_not_be_shown_is_not_offered_for_approval(
    server: AuthServer,
) -> None:
    """As after the loss of the `secret_key` that sealed them."""
    await state_of(server)
    async with server.opened.transaction() as db:
        (row,) = await list_waiting_calls(db, "org_acme", now=server.clock(), most=9)
        row.sealed = b"sealed by another key, which is lost"
    _, shown = await open_approvals(server)
    assert "No call waits" in shown.text and APPROVALS not in shown.forms


async def test_an_admin_declines_a_call_and_the_app_is_told_for_an_hour(
    server: AuthServer, clock: Clock
) -> None:
    await state_of(server)
    ada, shown = await open_approvals(server)
    assert "nothing was done" in (await ada.press(shown, "Decline")).text
    assert "Declined: Delete a project" in {mail.subject for mail in await server.mails()}
    assert await state_of(server) == "declined"
    twice = await ada.press(shown, "Approve")
    assert twice.status == 400 and "no longer waits" in twice.text
    assert await state_of(server) == "declined"
    clock.advance(hours=1, seconds=1)
    assert await state_of(server) == "waiting"


async def test_an_approval_is_over_after_an_hour_and_a_request_after_a_day(
    server: AuthServer, clock: Clock
) -> None:
    await state_of(server)
    ada, shown = await open_approvals(server)
    await ada.press(shown, "Approve")
    clock.advance(hours=1, seconds=1)
    assert await state_of(server) == "waiting"
    clock.advance(hours=24, seconds=1)
    ada, shown = await open_approvals(server)
    assert "No call waits" in shown.text
    clock.advance(minutes=10)
    await maintain(server.opened)
    async with server.opened.transaction() as db:
        since = clock() - timedelta(days=9)
        assert list(await list_waiting_calls(db, "org_acme", now=since, most=9)) == []


@pytest.mark.parametrize(
    "other",
    [
        {"digest": "b" * 64},
        {"sub": "usr_ada"},
        {"client_id": "client_other"},
        {"grant_id": "grant_2"},
        {"tenant_id": "org_globex"},
        {"actors": [RESEARCHER]},
        {"actors": ["client_claude#reader", RESEARCHER]},
    ],
)
async def test_an_approval_is_one_callers_and_one_calls_a264(
    server: AuthServer, other: dict[str, Any]
) -> None:
    await state_of(server)
    ada, shown = await open_approvals(server)
    await ada.press(shown, "Approve")
    assert await state_of(server, **other) == "waiting"
    assert await state_of(server) == "approved"


async def test_an_admin_sees_that_a_sub_agent_asks_and_approves_it_alone_a224_a264(
    server: AuthServer,
) -> None:
    below = {"actors": ["summariser#reader", "summariser", RESEARCHER]}
    for call in (below, {"actors": [RESEARCHER]}):
        assert await state_of(server, **call) == "waiting"
    assert "client_claude / researcher" in (await server.mails())[-1].text
    ada, shown = await open_approvals(server)
    assert "client_claude / researcher / summariser / reader" in shown.text

    await ada.press(shown, "Approve")

    for others in ({}, {"actors": [RESEARCHER]}, {"actors": ["summariser"]}):
        assert await state_of(server, **others) == "waiting"
    assert await state_of(server, **below) == "approved"


async def test_a_name_of_an_app_does_not_displace_that_of_its_sub_agent_a224(
    server: AuthServer,
) -> None:
    """A client id of a document may have a thousand characters."""
    long = f"https://agents.example/{'a' * 1000}"
    actors = [f"{long}#{'r' * 47}{number}" for number in range(3)]
    assert await state_of(server, client_id=long, actors=actors) == "waiting"
    _, shown = await open_approvals(server)
    assert shown.text.count(" / " + "r" * 36) == 3


async def test_of_fifty_parallel_calls_one_is_approved_a263(server: AuthServer) -> None:
    asked = await asyncio.gather(*(state_of(server) for _ in range(50)))
    assert set(asked) == {"waiting"}
    assert len(await server.mails()) == 1
    ada, shown = await open_approvals(server)
    await ada.press(shown, "Approve")
    assert sorted(await asyncio.gather(*(state_of(server) for _ in range(50)))) == [
        "approved",
        *["waiting"] * 49,
    ]


async def test_nobody_but_an_admin_of_the_tenant_answers_a267(server: AuthServer) -> None:
    await state_of(server)
    _, shown = await open_approvals(server)
    async with server.opened.transaction() as db:
        for tenant_id, role in (("org_acme", "member"), ("org_globex", "admin")):
            mine = Membership(person_id="usr_bo", tenant_id=tenant_id, role=role, data_scope="")
            await put_membership(db, mine)
    bo, refused = await open_approvals(server, BO)
    assert refused.status == 403 and "Delete a project" not in refused.text
    own = await bo.open("/account/organisation?tenant=org_globex")
    proof = own.forms["/account/organisation/rules"].fields["proof"]
    button = next(b for b in shown.forms[APPROVALS].buttons if b[1] == "approve")
    for tenant_id, status in (("org_acme", 403), ("org_globex", 400)):
        fields = [("tenant", tenant_id), ("proof", proof), ("approve", button[2])]
        assert (await bo.send(own, APPROVALS, fields)).status == status
    assert await state_of(server) == "waiting"


async def test_an_app_that_asks_again_and_again_fills_neither_mailboxes_nor_the_table_a268(
    server: AuthServer,
) -> None:
    states = [await state_of(server, digest=f"{n:064x}") for n in range(MOST_WAITING + 1)]
    assert states == [*["waiting"] * MOST_WAITING, "too_many"]
    assert len(await server.mails()) == 5
    assert await state_of(server, tenant_id="org_globex") == "waiting"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("tenant_id", ""),
        ("tool", None),
        ("digest", "zz"),
        ("arguments", "id: 7"),
        ("title", "x" * 201),
    ],
)
async def test_a_gateway_that_describes_no_call_is_told_what_is_wrong(
    server: AuthServer, field: str, value: object
) -> None:
    answer = await post(server, call_of(**{field: value}))
    assert answer.status_code == 400
    assert f"call.{field}" in answer.json()["error_description"]


async def test_nobody_but_a_gateway_asks_for_approvals_a267(server: AuthServer) -> None:
    answer = await server.http.post(APPROVALS_PATH, json={"call": call_of()})
    assert answer.status_code == 401 and await server.mails() == []


async def test_the_trail_names_who_asked_and_who_approved(server: AuthServer) -> None:
    await state_of(server, actors=[RESEARCHER])
    ada, shown = await open_approvals(server)
    await ada.press(shown, "Approve")
    async with server.opened.transaction() as db:
        which = AuditFilter(tenant_id="org_acme")
        approved, asked = await search_newest(db, which, before=None, most=2)
    assert (approved.event, approved.person_id) == ("call_approval.approved", "usr_ada")
    assert (asked.event, asked.person_id) == ("call_approval.asked", "usr_bo")
    assert json.loads(asked.detail) == {
        "tool": "delete_project",
        "member": "usr_bo",
        "name": "client_claude / researcher",
    }


async def test_an_admin_sets_the_rule_and_new_tokens_carry_it(server: AuthServer) -> None:
    ada = server.person()
    await ada.sign_in(await ada.open("/account/organisations"))
    page = await ada.open("/account/organisation?tenant=org_acme")
    app = await server.client()
    before = await app.connect(server.person())
    rule = {"clients": "any", "approval": "changes"}
    assert "Saved." in (await ada.press(page, "Save rules", fill=rule, untick=["listed"])).text
    after = (await app.refresh(before["refresh_token"])).json()
    rules = [read_unverified(both["access_token"])[0].approval for both in (before, after)]
    assert rules == ["none", "changes"]
