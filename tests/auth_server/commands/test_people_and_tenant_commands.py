"""`gatepost auth-server tenants`, `people` and `memberships`, and their effects."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from click.testing import Result
from sqlalchemy import select
from sqlmodel import col

from auth_server.records.audit.table import AuditEntry
from auth_server.records.email_changes.store import add_email_change, find_email_change
from auth_server.records.email_changes.table import EmailChange
from auth_server.records.grants.store import list_live_grants
from auth_server.records.people.store import find_person
from support.in_process.auth_server import AuthServer, running_auth_server
from support.in_process.clock import Clock
from support.in_process.grants import connect_without_pages
from support.in_process.person import ADA

Operate = Callable[..., Result]


def said(result: Result) -> str:
    """Return the output of a successful command."""
    assert result.exit_code == 0, result.output
    return result.output.strip()


def asked(database_url: str, use: Callable[[AuthServer], Awaitable[Any]]) -> Any:
    """Start a server on the database and use it."""

    async def run() -> Any:
        async with running_auth_server(database_url, Clock()) as server:
            return await use(server)

    return asyncio.run(run())


def offered(database_url: str, email: str, password: str = ADA[1]) -> str:
    """Sign a person in; return the next page's text."""

    async def use(server: AuthServer) -> str:
        client, person = await server.client(), server.person(email)
        person.password = password
        return (await person.reach_consent(client.authorize_url())).text

    text: str = asked(database_url, use)
    return text


def test_the_audit_log_names_the_command_line_for_whatever_a_command_changes(
    operate: Operate, database_url: str
) -> None:
    before = len(asked(database_url, read_audit))
    said(operate("tenants", "set", "org_acme", "--read-only"))
    said(operate("memberships", "set", "usr_bo", "org_acme", "--role", "member"))
    said(operate("memberships", "remove", "usr_bo", "org_acme"))
    said(operate("people", "set", "usr_bo", "--disable"))
    said(operate("grants", "refresh", "tenant", "org_globex"))

    entries = asked(database_url, read_audit)[before:]

    assert len(entries) >= 4
    assert {json.loads(entry.detail).get("operator") for entry in entries} == {"command"}


async def read_audit(server: AuthServer) -> list[AuditEntry]:
    """Read the audit log."""
    async with server.opened.database.reading() as db:
        return list(await db.scalars(select(AuditEntry).order_by(col(AuditEntry.number))))


def test_a_tenant_that_is_renamed_keeps_its_plan(operate: Operate) -> None:
    said(operate("tenants", "add", "org_initech", "--name", "Initech", "--tier", "pro"))
    said(operate("tenants", "add", "org_initech", "--name", "Initech Ltd"))
    assert "org_initech  active  pro  Initech Ltd" in said(operate("tenants", "list"))


@pytest.mark.both_databases
def test_an_operator_sets_up_a_tenant_a_person_and_a_membership_who_can_then_connect(
    operate: Operate, database_url: str
) -> None:
    said(operate("tenants", "add", "org_initech", "--name", "Initech", "--tier", "pro"))
    added = ("usr_di", "--email", "Di@Initech.example", "--name", "Di Voss", "--password-stdin")
    said(operate("people", "add", *added, input="correct horse\n"))
    assert "not a member" in offered(database_url, "di@initech.example", "correct horse")

    member = ("usr_di", "org_initech", "--role", "lead", "--data-scope", "team:ops")
    said(operate("memberships", "set", *member))
    page = offered(database_url, "di@initech.example", "correct horse")

    assert "Initech" in page and "team ops" in page
    listed = said(operate("memberships", "list", "--person", "usr_di"))
    assert listed == "org_initech  usr_di  lead  team:ops"
    assert "usr_di  active  di@initech.example  Di Voss" in said(operate("people", "list"))
    said(operate("memberships", "remove", "usr_di", "org_initech"))
    assert "not a member" in offered(database_url, "di@initech.example", "correct horse")


@pytest.mark.both_databases
def test_a_tenants_rules_are_set_one_by_one_and_listed(operate: Operate) -> None:
    clients = ("--allow-client", "vscode.dev", "--allow-client", "claude.ai")
    said(operate("tenants", "set", "org_acme", *clients))
    said(operate("tenants", "set", "org_acme", "--read-only", "--longest-grant-days", "30"))
    said(operate("tenants", "set", "org_acme", "--required-level", "2", "--no-api-keys"))
    said(operate("tenants", "set", "org_acme", "--longest-token-minutes", "60"))
    (line,) = [line for line in said(operate("tenants", "list")).splitlines() if "org_acme" in line]
    rules = (
        "two factors; clients claude.ai, vscode.dev; read only; no API keys; "
        "at most 30 days, 0:00:00; tokens at most 1:00:00"
    )
    assert line == f"org_acme  active  pro  Acme  ({rules})"

    lifted = ("--allow-any-client", "--not-read-only", "--longest-grant-days", "0")
    more = ("--longest-token-minutes", "0", "--required-level", "1", "--api-keys", "--disable")
    said(operate("tenants", "set", "org_acme", *lifted, *more))

    assert "org_acme  disabled  pro  Acme  (no rules)" in said(operate("tenants", "list"))


@pytest.mark.both_databases
def test_a_disabled_person_is_signed_out_and_comes_back_when_enabled(
    operate: Operate, database_url: str
) -> None:
    said(operate("people", "set", "usr_bo", "--disable"))
    assert "Incorrect e-mail or password" in offered(database_url, "bo@globex.example")
    said(operate("people", "set", "usr_bo", "--enable", "--email", "bo@new.example"))

    assert "Globex" in offered(database_url, "bo@new.example")


@pytest.mark.parametrize(
    ("words", "refusal"),
    [
        (("tenants", "set", "org_nowhere", "--read-only"), "the tenant org_nowhere does not exist"),
        (
            ("tenants", "set", "org_acme", "--allow-client", "a b"),
            "(allowed_clients) can only contain",
        ),
        (
            ("tenants", "set", "org_acme", "--allow-client", "x", "--allow-any-client"),
            "not both",
        ),
        (("tenants", "add", "org_x", "--name", ""), "id, name and tier"),
        (("people", "set", "usr_nobody", "--disable"), "the person usr_nobody does not exist"),
        (("people", "set", "usr_bo", "--email", "ada@acme.example"), "belongs to usr_ada"),
        (("people", "set", "usr_bo", "--name", "a\x00b"), "name: must be"),
        (
            ("people", "add", "usr_bo", "--email", "x@y", "--name", "Bo"),
            "a person with the id usr_bo",
        ),
        (("people", "add", "usr_x", "--email", "x", "--name", "X"), "email: must be"),
        (
            ("people", "add", "usr_x", "--email", "x@y", "--name", "X", "--password-stdin"),
            "the password must have",
        ),
        (("memberships", "set", "usr_nobody", "org_acme"), "the person usr_nobody does not exist"),
        (("memberships", "set", "usr_bo", "org_acme", "--data-scope", "x"), "is not kind:value"),
        (("memberships", "remove", "usr_bo", "org_acme"), "is not a member"),
    ],
)
def test_an_impossible_command_is_refused_in_one_line(
    operate: Operate, words: tuple[str, ...], refusal: str
) -> None:
    result = operate(*words, input="short\n")

    assert result.exit_code == 1
    assert refusal in result.output
    assert "Traceback" not in result.output


def test_a_new_address_counts_as_verified_only_when_the_operator_says_so(
    operate: Operate, database_url: str
) -> None:
    async def verified(server: AuthServer) -> bool:
        async with server.opened.database.reading() as db:
            person = await find_person(db, "usr_ada")
            return person is not None and person.email_verified_at is not None

    said(operate("people", "set", "usr_ada", "--email-verified", "ada@acme.example"))
    assert asked(database_url, verified)
    said(operate("people", "set", "usr_ada", "--name", "Ada Marsh-Lind"))
    assert asked(database_url, verified)
    said(operate("people", "set", "usr_ada", "--email", "ada@new.example"))
    assert not asked(database_url, verified)
    # The address that the operator means is not hers any more.
    refused = operate("people", "set", "usr_ada", "--email-verified", "ada@acme.example")
    assert refused.exit_code == 1 and "the address of usr_ada is ada@new.example" in refused.output
    assert not asked(database_url, verified)


def test_a_connection_from_the_customers_provider_ends_with_an_operators_new_address_a184(
    operate: Operate, database_url: str
) -> None:
    async def connect(server: AuthServer) -> None:
        await connect_without_pages(server)
        async with server.opened.transaction() as db:
            (grant,) = await list_live_grants(db, person_id="usr_ada", lock=True)
            grant.provider = "acme-id"

    async def count(server: AuthServer) -> int:
        async with server.opened.database.reading() as db:
            return len(await list_live_grants(db, person_id="usr_ada"))

    asked(database_url, connect)
    assert asked(database_url, count) == 1
    said(operate("people", "set", "usr_ada", "--email", "ada@left.example"))
    assert asked(database_url, count) == 0


def test_an_operator_deletes_a_person(operate: Operate) -> None:
    assert "is deleted." in said(operate("people", "delete", "usr_bo", "--yes"))
    assert "usr_bo" not in said(operate("people", "list"))
    assert "does not exist" in operate("people", "delete", "usr_bo", "--yes").output
    assert (
        "Remove the operator's role first" in operate("people", "delete", "usr_op", "--yes").output
    )


def test_an_operators_new_address_outlives_the_undoing_of_an_earlier_change(
    operate: Operate, database_url: str
) -> None:
    """A thief who reads the former mailbox would otherwise undo the operator's rescue."""
    now = Clock()()
    change = EmailChange(
        change_id="change",
        person_id="usr_ada",
        former_email="ada@stolen.example",
        undo_until=now + timedelta(days=7),
    )

    async def store(server: AuthServer) -> None:
        async with server.opened.transaction() as db:
            await add_email_change(db, change)

    async def is_open(server: AuthServer) -> bool:
        async with server.opened.database.reading() as db:
            return await find_email_change(db, "change", now=now) is not None

    asked(database_url, store)
    said(operate("people", "set", "usr_ada", "--name", "Ada Marsh"))
    assert asked(database_url, is_open)
    said(operate("people", "set", "usr_ada", "--email", "ada@rescued.example"))
    assert not asked(database_url, is_open)


def test_an_operator_lists_and_ends_a_tenants_domains_and_service_clients(
    operate: Operate,
) -> None:
    said(operate("tenants", "add", "org_initech", "--name", "Initech"))
    tools = ("--scope", "mcp:read", "--tool", "list_projects", "--tenant", "org_initech")
    method = ("--auth-method", "client_secret_basic")
    said(operate("clients", "add", "nightly", "--name", "Nightly", *tools, *method))
    assert said(operate("tenants", "service-clients", "org_initech")).startswith("nightly  http")
    ended = operate("tenants", "service-clients", "org_initech", "--end", "nightly")
    assert said(ended) == "It has no service clients."
    again = operate("tenants", "service-clients", "org_initech", "--end", "nightly")
    assert "has no service client nightly" in again.output
    assert said(operate("tenants", "domains", "org_initech")) == "It claims no domains."
    assert (
        "does not claim" in operate("tenants", "domains", "org_initech", "--remove", "a.b").output
    )


def test_an_operator_approves_and_declines_requested_apps(operate: Operate) -> None:
    said(operate("tenants", "add", "org_initech", "--name", "Initech"))
    assert said(operate("app-requests", "list", "org_initech")) == "Nobody asks for an app."
    for answer in ("approve", "decline"):
        refused = operate("app-requests", answer, "org_initech", "req_none")
        assert refused.exit_code == 1
        assert "Traceback" not in refused.output


@pytest.mark.parametrize("tenant_id", ["a/b", ".", ".."])
def test_a_tenant_that_no_path_can_name_is_not_added(operate: Operate, tenant_id: str) -> None:
    assert "must not contain /" in operate("tenants", "add", tenant_id, "--name", "A").output


def test_an_invitation_is_sent_again_by_command(operate: Operate) -> None:
    said(operate("memberships", "invite", "dee@new.example", "org_acme"))
    invitation = said(operate("memberships", "invitations", "org_acme")).split()[0]

    again = said(operate("memberships", "invitations", "org_acme", "--resend", invitation))

    assert invitation in again
    assert said(operate("mail", "list")).count("invitation") == 2
    nobody = operate("memberships", "invitations", "org_acme", "--resend", "0" * 32)
    assert (nobody.exit_code, "has no invitation" in nobody.output) == (1, True)


def test_a_person_is_signed_out_everywhere_by_command(operate: Operate, database_url: str) -> None:
    said(operate("people", "sign-out", "usr_ada"))
    ended = [one for one in asked(database_url, read_audit) if one.event == "session.ended"]
    assert [one.person_id for one in ended] == ["usr_ada"]
    assert operate("people", "sign-out", "usr_none").exit_code == 1
