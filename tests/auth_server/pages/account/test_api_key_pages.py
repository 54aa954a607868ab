"""A person creates a key within their own access, sees it once, and revokes it."""

from typing import Any
from urllib.parse import urlencode

import pytest

from auth_server.records.api_keys.store import list_api_keys
from auth_server.records.tenants.table import Tenant
from gatepost.api_keys import parse_api_key
from support.in_process.auth_server import RESOURCE, AuthServer
from support.in_process.person import Page, Person

KEYS = "/account/api-keys"
NEW = f"{KEYS}/new"
BO = "bo@globex.example"


def new_in(tenant: str, resource: str = RESOURCE) -> str:
    """Write the path of the form."""
    return f"{NEW}?{urlencode({'tenant': tenant, 'resource': resource})}"


async def at(server: AuthServer, path: str, email: str = "ada@acme.example") -> tuple[Person, Page]:
    """Sign a person in and open their page."""
    person = server.person(email)
    await person.sign_in(await person.open(KEYS))
    return person, await person.open(path)


def key_on(page: Page) -> str:
    """Read the key that a page shows; there is at most one."""
    shown = page.html.partition('<pre id="key"><code>')[2].partition("</code>")[0]
    assert page.html.count("mcp_live_") + page.html.count("mcp_test_") <= 1
    return shown


def fields_of(page: Page, **changes: str) -> list[tuple[str, str]]:
    """Read what a browser sends of the form, with some fields changed."""
    form = page.forms[NEW]
    ticked = [box for box, checked in form.checkboxes.items() if checked]
    return [*({**form.fields, **changes}).items(), *ticked, ("decision", "create")]


async def keys_of(server: AuthServer, person_id: str = "usr_ada") -> Any:
    """Read a person's keys."""
    async with server.opened.database.reading() as db:
        return await list_api_keys(db, person_id=person_id)


async def test_a_key_is_shown_once_and_made_once_however_often_the_form_is_sent(
    auth_server: AuthServer,
) -> None:
    ada, page = await at(auth_server, new_in("org_acme"))
    data = fields_of(page, label="Nightly report")

    made = await ada.send(page, NEW, data)
    again = await ada.send(page, NEW, data)
    listed = await ada.open(KEYS)

    assert (made.status, made.headers["cache-control"]) == (200, "no-store")
    assert parse_api_key(key_on(made)).env == "live"
    assert (again.status, key_on(again), "already created" in again.text) == (409, "", True)
    assert key_on(made) not in listed.html
    assert "Nightly report" in listed.text
    (row,) = await keys_of(auth_server)
    assert (row.tenant_id, row.resource, row.scope) == ("org_acme", RESOURCE, "mcp:read")
    assert row.tools == ["list_projects", "list_tasks"]
    assert row.data_scope == "team:design team:engineering"


@pytest.mark.both_databases
async def test_two_forms_make_two_keys(auth_server: AuthServer) -> None:
    ada, page = await at(auth_server, new_in("org_acme"))
    other = await ada.open(new_in("org_acme"))
    first = await ada.send(page, NEW, fields_of(page, label="one"))
    second = await ada.send(other, NEW, fields_of(other, label="two", test="yes"))

    assert key_on(first) != key_on(second)
    assert parse_api_key(key_on(second)).env == "test"
    assert len(await keys_of(auth_server)) == 2


@pytest.mark.both_databases
async def test_a_key_gets_only_the_selected_tools_and_data(
    auth_server: AuthServer,
) -> None:
    ada, page = await at(auth_server, new_in("org_acme"))

    made = await ada.press(
        page,
        "Create key",
        fill={"label": "Importer", "lasts": str(7 * 86400)},
        untick=["list_tasks", "team:design"],
        tick=["create_task"],
    )

    assert key_on(made)
    (row,) = await keys_of(auth_server)
    assert row.tools == ["create_task", "list_projects"]
    assert set(row.scope.split()) == {"mcp:read", "mcp:write"}
    assert row.data_scope == "team:engineering"
    assert (row.expires_at - row.created_at).days == 7


async def test_a_ready_made_choice_works_without_a_script(auth_server: AuthServer) -> None:
    ada, page = await at(auth_server, new_in("org_acme"))

    shown = await ada.press(page, "Read and write", fill={"label": "Kept"})

    assert 'value="Kept"' in shown.html
    ticked = {box[1] for box, checked in shown.forms[NEW].checkboxes.items() if checked}
    assert ticked >= {"create_task", "list_projects", "list_tasks"}
    assert "delete_task" not in ticked
    assert await keys_of(auth_server) == []


@pytest.mark.parametrize(
    ("changes", "without", "says"),
    [
        ({"label": ""}, "", "Enter a name"),
        ({"label": "x" * 101}, "", "Enter a name"),
        ({"label": "a\u202eb"}, "", "Enter a name"),
        ({"label": "x"}, "tool", "Select at least one tool"),
        ({"label": "x"}, "data", "Select at least one value"),
    ],
)
async def test_a_key_that_makes_no_sense_is_not_made_and_the_choice_is_kept(
    auth_server: AuthServer, changes: dict[str, str], without: str, says: str
) -> None:
    ada, page = await at(auth_server, new_in("org_acme"))
    data = [(name, value) for name, value in fields_of(page, **changes) if name != without]

    refused = await ada.send(page, NEW, data)

    assert (refused.status, says in refused.text, key_on(refused)) == (400, True, "")
    ready = [(n, v) for n, v in fields_of(refused, label="now") if n not in {"tool", "data"}]
    box = [("tool", "list_tasks"), ("data", "team:design")]
    assert key_on(await ada.send(refused, NEW, ready + box))


async def test_a_revoked_key_is_dead_and_listed_as_such(auth_server: AuthServer) -> None:
    ada, page = await at(auth_server, new_in("org_acme"))
    await ada.send(page, NEW, fields_of(page, label="Old"))
    listed = await ada.open(KEYS)

    after = await ada.press(listed, "Revoke")

    (row,) = await keys_of(auth_server)
    assert row.revoked_at is not None
    assert "revoked" in after.text
    assert f"{KEYS}/revoke" not in after.forms


async def test_nobody_sees_or_revokes_another_persons_key_a151(auth_server: AuthServer) -> None:
    ada, page = await at(auth_server, new_in("org_acme"))
    await ada.send(page, NEW, fields_of(page, label="Adas key"))
    (row,) = await keys_of(auth_server)
    bo, form = await at(auth_server, new_in("org_globex"), BO)
    await bo.send(form, NEW, fields_of(form, label="Bos key"))
    listed = await bo.open(KEYS)
    proof = listed.forms[f"{KEYS}/revoke"].fields["proof"]

    await bo.send(listed, f"{KEYS}/revoke", [("proof", proof), ("key", row.key_id)])

    assert "Adas key" not in listed.text
    (row,) = await keys_of(auth_server)
    assert row.revoked_at is None


@pytest.mark.parametrize(
    ("tenant", "resource"),
    [("org_acme", RESOURCE), ("org_nowhere", RESOURCE), ("org_globex", "https://x.example/mcp")],
)
async def test_nobody_creates_a_key_without_a_membership_a151(
    table_server: AuthServer, tenant: str, resource: str
) -> None:
    bo, form = await at(table_server, new_in("org_globex"), BO)

    looked = await bo.open(new_in(tenant, resource))
    data = dict(fields_of(form, label="x", tenant=tenant, resource=resource))
    sent = await bo.send(form, NEW, list(data.items()))

    assert (looked.status, sent.status) == (400, 400)


@pytest.mark.both_databases
async def test_a_form_whose_tenant_tools_or_random_part_was_changed_is_refused_a38(
    auth_server: AuthServer,
) -> None:
    ada, page = await at(auth_server, new_in("org_acme"))
    for changes in (
        {"tenant": "org_globex"},
        {"nonce": "chosen"},
        {"catalogue": "1" * 64},
        {"proof": "made-up"},
    ):
        answer = await ada.send(page, NEW, fields_of(page, label="x", **changes))
        assert answer.status == 403, changes
    assert await keys_of(auth_server) == []


async def test_where_a_tenant_turns_keys_off_the_page_says_so(
    sqlite_server: AuthServer, change_row: Any
) -> None:
    ada, shown = await at(sqlite_server, new_in("org_acme"))
    await change_row(sqlite_server, Tenant, "org_acme", api_keys=False)
    listed = await ada.open(KEYS)
    posted = await ada.send(shown, NEW, fields_of(shown, label="x"))
    await change_row(sqlite_server, Tenant, "org_globex", allowed_clients=[])
    nowhere = await ada.open(KEYS)

    assert (posted.status, "API keys are turned off" in posted.text) == (403, True)
    assert await keys_of(sqlite_server) == []
    assert "org_globex" in listed.html and "org_acme" not in listed.html
    assert "Your organisations do not allow API keys" in nowhere.text


async def test_where_a_tenant_lets_apps_only_look_keys_only_look_and_never_outlast_its_limit(
    auth_server: AuthServer, change_row: Any
) -> None:
    await change_row(auth_server, Tenant, "org_acme", read_only=True, longest_grant=7 * 86400)
    ada, page = await at(auth_server, new_in("org_acme"))
    assert "create_task" not in page.html

    data = [*fields_of(page, label="x", lasts=str(365 * 86400)), ("tool", "create_task")]
    await ada.send(page, NEW, data)

    (row,) = await keys_of(auth_server)
    assert (row.scope, (row.expires_at - row.created_at).days) == ("mcp:read", 7)
    await change_row(auth_server, Tenant, "org_acme", required_level=2)
    barred = await ada.open(new_in("org_acme"))
    assert barred.url.endswith("/account/security/enrol?return_to=%2Faccount%2Fapi-keys")
    assert "Your organisation requires it" in barred.text
