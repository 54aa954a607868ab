"""The audit trail of a tenant, which its admins search and export."""

import csv
import io
import json
from datetime import timedelta
from typing import Any

import pytest
from httpx2 import Response

from auth_server.administration.audit.tenant import TENANT_SEES
from auth_server.administration.audit.words import DETAIL_WORDS
from auth_server.administration.operator import COMMAND_LINE
from auth_server.administration.tenancy.service_clients import end_service_client
from auth_server.records.audit.store import Audit, acting_as, record
from auth_server.tenancy.change_membership import set_membership
from gatepost.data_scope import parse_data_scope
from support.in_process.auth_server import RESOURCE, AuthServer
from support.in_process.operator import add
from support.in_process.person import Page, Person

TRAIL = "/account/organisation/audit?tenant=org_acme"
EXPORT = "/account/organisation/audit/export?tenant=org_acme"


async def write(server: AuthServer, *entries: Audit, operator: str = "") -> None:
    """Append entries, one a second."""
    for entry in entries:
        server.clock.advance(seconds=1)
        async with server.opened.transaction() as db:
            if operator:
                acting_as(db, operator)
            await record(db, entry, now=server.clock())


async def open_trail(server: AuthServer, url: str = TRAIL) -> tuple[Person, Page]:
    """Sign Ada in, who is an admin of Acme, and open the trail."""
    ada = server.person()
    await ada.sign_in(await ada.open("/account/organisations"))
    return ada, await ada.open(url)


async def export(ada: Person, form: str, search: str = "") -> Response:
    """Download the trail."""
    return await ada.http.get(f"{EXPORT}&format={form}{search}")


def shown(answer: Response) -> list[dict[str, Any]]:
    """Read an NDJSON export."""
    return [json.loads(line) for line in answer.text.splitlines()]


@pytest.mark.both_databases
async def test_an_admin_reads_searches_and_exports_what_happened_in_their_tenant(
    auth_server: AuthServer,
) -> None:
    """A denied app and a changed rule, with the names of people and apps."""
    client = await auth_server.client()
    await auth_server.person().deny(client.authorize_url())
    ada, page = await open_trail(auth_server)
    # The list of events to search for names it too.
    assert page.text.count("App declined") == 2

    await write(
        auth_server,
        Audit(
            "policy.changed", "usr_ada", tenant_id="org_acme", detail={"read_only": True, "by": "x"}
        ),
    )
    searched = await ada.open(f"{TRAIL}&event=policy.changed&person=ada@acme.example")
    (entry,) = shown(await export(ada, "ndjson", "&event=policy.changed"))
    rows = list(csv.DictReader(io.StringIO((await export(ada, "csv")).text)))

    assert "read only true" in searched.text and searched.text.count("App declined") == 1
    assert (entry["event"], entry["person"], entry["detail"]) == (
        "policy.changed",
        "ada@acme.example",
        {"read_only": True},
    )
    assert [(row["event"], row["app"] != "") for row in rows][-2:] == [
        ("consent.denied", True),
        ("policy.changed", False),
    ]
    assert json.loads(rows[-1]["detail"]) == {"read_only": True}


async def test_a_tenant_sees_nothing_of_others_and_nothing_of_the_operators_a151(
    sqlite_server: AuthServer,
) -> None:
    """Not the entries of another tenant, nor names, hidden details and numbers of the log."""
    hidden = {"reason": "they owe us", "operator_note": "watch them", "identifier": "cus_1"}
    await write(
        sqlite_server,
        Audit("policy.changed", "usr_bo", tenant_id="org_globex", detail={"read_only": True}),
        Audit("usage.export_decided", tenant_id="org_acme", detail=hidden),
        Audit("credit.added", tenant_id="org_acme", detail={"amount": "5 EUR", **hidden}),
        Audit("signed_in", "usr_op"),
        Audit("webhook.disabled", tenant_id="org_acme", detail={"by": "operator", "reason": "x"}),
    )
    await write(
        sqlite_server,
        Audit("tenant.changed", tenant_id="org_acme", detail={"name": "Acme 2"}),
        operator="usr_op",
    )
    await write(
        sqlite_server,
        Audit("playground.called", "usr_ada", tenant_id="org_acme", detail={"by": "usr_op"}),
    )
    ada, page = await open_trail(sqlite_server)
    everything = page.html + (await export(ada, "ndjson")).text + (await export(ada, "csv")).text

    for secret in (
        "org_globex",
        "bo@globex",
        "usr_bo",
        "usr_op",
        "op@orbit",
        "Olga",
        "they owe us",
    ):
        assert secret not in everything
    for secret in ("watch them", "cus_1", "usage.export_decided", "previous_hash", '"number"'):
        assert secret not in everything
    assert "5 EUR" in page.text
    entries = shown(await export(ada, "ndjson"))
    by = {entry["event"]: entry["by"] for entry in entries}
    assert by["tenant.changed"] == by["playground.called"] == "an operator of Gatepost"
    assert "by an operator of Gatepost" in page.text


async def test_a_member_an_admin_of_another_tenant_and_nobody_see_no_trail_a151(
    sqlite_server: AuthServer,
) -> None:
    bo = sqlite_server.person("bo@globex.example")
    await bo.sign_in(await bo.open("/account/organisations"))
    async with sqlite_server.opened.transaction() as db:
        await set_membership(
            db,
            "usr_bo",
            "org_globex",
            role="admin",
            data_scope=parse_data_scope(""),
            by=None,
            lifetime=sqlite_server.settings.longest_token_lifetime,
            now=sqlite_server.clock(),
        )
    for url in (TRAIL, f"{EXPORT}&format=csv"):
        assert (await bo.open(url)).status == 403
        assert (await sqlite_server.person().open(url)).url.startswith("/sign-in")
    assert (await bo.open(TRAIL.replace("acme", "globex"))).status == 200


@pytest.mark.both_databases
async def test_pages_follow_one_another_without_gaps_and_belong_to_one_tenant(
    auth_server: AuthServer,
) -> None:
    entries = [
        Audit("policy.changed", "usr_ada", tenant_id=tenant, detail={"required_level": number})
        for number in range(60)
        for tenant in ("org_acme", "org_globex")
    ]
    await write(auth_server, *entries)
    ada, page = await open_trail(auth_server)
    following = next(link for link in page.links if "after=" in link)
    second = await ada.open(f"/account/organisation/audit{following}")
    rows = [*page.text.split("required factors ")[1:], *second.text.split("required factors ")[1:]]

    assert [int(row.split()[0]) for row in rows] == list(range(59, -1, -1))
    assert [e["detail"]["required_level"] for e in shown(await export(ada, "ndjson"))][-60:] == [
        *range(60)
    ]
    forged = await ada.open(f"{TRAIL}&after=7")
    assert (forged.status, "must be the" in forged.text) == (400, True)
    assert not any(link.endswith("after=7") for link in page.links)


async def test_an_admin_reads_that_an_operator_ended_a_service_client(
    sqlite_server: AuthServer,
) -> None:
    entry = {
        "client_id": "robot",
        "name": "Robot",
        "token_endpoint_auth_method": "client_secret_post",
        "secret": "a-secret-of-43-characters-0123456789-abcdef",
        "ceilings": [
            {
                "tenant": "org_acme",
                "resource": RESOURCE,
                "scope": "mcp:read",
                "tools": ["list_tasks"],
            }
        ],
    }
    await add(sqlite_server, clients=[entry])
    async with sqlite_server.opened.transaction() as db:
        now, lifetime = sqlite_server.clock(), timedelta(hours=1)
        await end_service_client(db, COMMAND_LINE, "org_acme", "robot", lifetime=lifetime, now=now)
    ada, page = await open_trail(sqlite_server)
    assert "Robot" in page.text and "works without a person" in page.text
    [ended] = [
        one for one in shown(await export(ada, "ndjson")) if one["event"] == "client.changed"
    ]
    assert ended["detail"] == {"own_tokens": False}
    assert ended["by"] == "an operator of Gatepost"


@pytest.mark.parametrize("search", ["since=tomorrow", "until=1e9", "event=%00", "after=%FF"])
async def test_an_impossible_search_is_refused_and_explained(
    sqlite_server: AuthServer, search: str
) -> None:
    ada, _ = await open_trail(sqlite_server)
    page = await ada.open(f"{TRAIL}&{search}")
    file = await ada.open(f"{EXPORT}&format=csv&{search.replace('after', 'since')}")
    assert (page.status, file.status) == (400, 400)


def test_a_tenant_sees_no_detail_that_names_an_operator() -> None:
    seen = {name for names in TENANT_SEES.values() for name in names}
    assert seen.isdisjoint({"operator", "by", "token", "jti", "kid", "note", "identifier", "cause"})


async def test_a_tenant_does_not_learn_the_address_of_somebody_who_left(
    sqlite_server: AuthServer,
) -> None:
    """Bo is a member of Globex alone by now."""
    await write(sqlite_server, Audit("membership.removed", "usr_bo", tenant_id="org_acme"))
    ada, page = await open_trail(sqlite_server)
    everything = page.html + (await export(ada, "ndjson")).text
    assert "bo@globex.example" not in everything
    [entry] = [one for one in shown(await export(ada, "ndjson")) if one["person_id"] == "usr_bo"]
    assert entry["person"].startswith("Bo")


async def test_an_admin_reads_the_details_in_german(sqlite_server: AuthServer) -> None:
    """Each name of a detail that tenants see has words, which have a translation."""
    assert {name for names in TENANT_SEES.values() for name in names} <= DETAIL_WORDS.keys()
    client, ada = await sqlite_server.client(), sqlite_server.person()
    await client.connect(ada)
    ada.http.headers["accept-language"] = "de"
    page = await ada.open("/account/organisation/audit?tenant=org_acme&event=grant.created")
    assert "kehrt zurück zu" in page.text
    assert "redirect_host" not in page.text
