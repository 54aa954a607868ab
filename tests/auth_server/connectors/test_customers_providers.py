"""A customer's own identity provider signs in that customer's people, and nobody else's."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from pydantic import ValidationError

from auth_server.administration.errors import Refused
from auth_server.administration.operator import COMMAND_LINE
from auth_server.administration.tenancy.providers import assign_provider
from auth_server.db.engine import DbSession
from auth_server.records.operators.store import put_operator
from auth_server.records.operators.table import Operator
from auth_server.records.people.store import find_account
from auth_server.records.tenant_domains.store import find_domain
from auth_server.records.tenants.store import find_membership, put_membership
from auth_server.records.tenants.table import Membership
from auth_server.sign_in_settings import ClaimMapping
from auth_server.tenancy.invitations import invite
from gatepost.data_scope import parse_data_scope
from support.in_process.auth_server import AuthServer
from support.in_process.clock import Clock
from support.in_process.customers_place import CUSTOMERS, Place, running_place
from support.in_process.locks import somebody_waits
from support.in_process.providers import Provider

BO = "bo@globex.example"
DEE = "dee@acme.example"


@pytest.fixture
async def place(sqlite_url: str, clock: Clock) -> AsyncIterator[Place]:
    """The server, whose operator has assigned both providers."""
    async with running_place(sqlite_url, clock) as made:
        yield made


async def test_a_new_person_gets_a_random_id_and_no_membership(place: Place) -> None:
    _, page = await place.sign_in(place.acme, DEE, id="usr_ada", organisations=["org_globex"])
    assert page.status == 200 and page.url.endswith("/account/apps")
    async with place.server.opened.database.reading() as db:
        row = await find_account(db, email=DEE)
        assert row is not None and row.person_id.startswith("usr_") and len(row.person_id) == 36
        assert row.email_verified_at is not None
        assert await find_membership(db, row.person_id, "org_globex") is None
    again, page = await place.sign_in(place.acme, DEE)
    assert "Dee Ortiz" in (await again.open("/account/profile")).text


async def test_a_member_of_this_tenant_alone_is_known_by_the_address(place: Place) -> None:
    await place.leave_globex()
    ada, _ = await place.sign_in(place.acme, "ada@acme.example")
    assert "Acme" in (await ada.open("/account/organisations")).text


@pytest.mark.parametrize("email", [BO, "new@globex.example", "new@nowhere.example"])
async def test_a_provider_does_not_speak_for_another_customers_addresses_a178(
    place: Place, email: str
) -> None:
    assert "verified domain" in await place.refused(place.acme, email)


@pytest.mark.parametrize(
    "says",
    [
        {"email_verified": False},
        {"email_verified": None},
        {"email_verified": "true"},
    ],
)
async def test_an_address_that_the_provider_has_not_verified_does_not_count_a178(
    place: Place, says: dict[str, Any]
) -> None:
    assert "not verified" in await place.refused(place.acme, DEE, **says)


@pytest.mark.parametrize(
    "email",
    [
        "dee@\u0430cme.example",  # with a Cyrillic letter
        "dee@acme.example.evil.example",
        "dee@sub.acme.example",
        "dee@evil.example@globex.example",
        "acme.example",
        "dee@",
    ],
)
async def test_an_address_that_only_looks_like_one_of_the_domain_is_refused_a176_a178(
    place: Place, email: str
) -> None:
    assert "verified domain" in await place.refused(place.acme, email)


async def test_a_provider_signs_in_no_operator_a178(place: Place) -> None:
    await place.leave_globex()
    async with place.server.opened.transaction() as db:
        now = place.server.clock()
        await put_operator(db, Operator(person_id="usr_ada", role="operator", created_at=now))
    assert "operator" in await place.refused(place.acme, "ada@acme.example")


async def test_a_provider_signs_in_nobody_who_is_in_another_tenant_too_a178(place: Place) -> None:
    assert "another tenant" in await place.refused(place.acme, "ada@acme.example")


async def test_another_subject_with_the_address_of_an_account_gets_no_other_account_a178(
    place: Place,
) -> None:
    await place.sign_in(place.acme, DEE)
    await place.sign_in(place.acme, "eve@acme.example")
    reason = await place.refused(place.acme, DEE, sub="idp of eve@acme.example")
    assert "another account" in reason


async def test_a_provider_that_is_not_assigned_signs_nobody_in_a178(place: Place) -> None:
    await place.assign("org_acme", None)
    assert "not assigned" in await place.refused(place.acme, DEE)
    page = await place.server.person().open("/sign-in?return_to=/account/apps")
    assert "Acme ID" not in page.text


async def test_a_provider_belongs_to_one_tenant(place: Place) -> None:
    with pytest.raises(Refused, match="assigned to org_acme"):
        await place.assign("org_globex", "acme-id")
    with pytest.raises(Refused, match="customer: true"):
        await place.assign("org_globex", "local")


async def test_a_lost_domain_ends_the_session_at_once_a177(place: Place) -> None:
    dee, page = await place.sign_in(place.acme, DEE)
    assert page.status == 200
    async with place.server.opened.transaction() as db:
        domain = await find_domain(db, "org_acme", "acme.example")
        assert domain is not None
        domain.verified_domain = None
    assert "/sign-in" in (await dee.open("/account/apps")).url
    assert "verified domain" in await place.refused(place.acme, DEE)


@pytest.mark.parametrize("what", ["operator", "member elsewhere", "unassigned"])
async def test_a_session_ends_when_the_provider_may_not_speak_any_more_a178(
    place: Place, what: str
) -> None:
    await place.leave_globex()
    ada, page = await place.sign_in(place.acme, "ada@acme.example")
    assert page.status == 200
    if what == "unassigned":
        await place.assign("org_acme", None)
    else:
        async with place.server.opened.transaction() as db:
            if what == "operator":
                now = place.server.clock()
                await put_operator(
                    db, Operator(person_id="usr_ada", role="operator", created_at=now)
                )
            else:
                await put_membership(db, Membership(person_id="usr_ada", tenant_id="org_globex"))
    for path in ("/account/apps", "/console", "/account/organisation?tenant=org_globex"):
        assert "/sign-in" in (await ada.open(path)).url, path


async def test_a_provider_adds_no_other_way_to_sign_in_to_an_account_a179(place: Place) -> None:
    await place.leave_globex()
    ada, _ = await place.sign_in(place.acme, "ada@acme.example")
    for path in ("/account/security/app", "/account/security/enrol", "/account/email"):
        page = await ada.open(path)
        assert page.status == 403 and "Your organisation manages how you sign in" in page.text, path


async def test_a_provider_accepts_no_invitation_of_another_tenant_a179(place: Place) -> None:
    dee, _ = await place.sign_in(place.acme, DEE)
    links = {}
    for tenant_id in ("org_globex", "org_acme"):
        async with place.server.opened.transaction() as db:
            invited = await invite(
                db,
                DEE,
                tenant_id,
                role="member",
                data_scope=parse_data_scope(""),
                by=None,
                language=None,
                now=place.server.clock(),
            )
        links[tenant_id] = f"/account/invitation?id={invited.invitation_id}"
    page = await dee.press(await dee.open(links["org_globex"]), "Accept invitation")
    assert page.status == 403 and "identity provider of another organisation" in page.text
    page = await dee.press(await dee.open(links["org_acme"]), "Accept invitation")
    assert "You are a member of Acme" in page.text


@pytest.mark.parametrize(
    "changes",
    [
        {"adopts_people": True},
        {"claims": ClaimMapping(tenant="org_acme")},
        {"claims": ClaimMapping(tenants="orgs", allowed_tenants=("org_acme",))},
        {"claims": ClaimMapping(person_id="email")},
        {"claims": ClaimMapping(role="role")},
    ],
)
def test_a_customers_provider_is_not_configured_to_choose_ids_or_memberships_a178(
    clock: Clock, changes: dict[str, Any]
) -> None:
    with pytest.raises(ValidationError, match="customer: true"):
        Provider(clock).settings(customer=True, **changes)


async def test_an_operator_assigns_a_provider_at_the_console(place: Place) -> None:
    op = place.server.person("op@orbit.example")
    page = await op.sign_in(await op.open("/console/tenant?tenant=org_acme"))
    assert "acme.example" in page.text
    page = await op.press(page, "Save provider", fill={"provider": "globex-id"})
    assert page.status == 400 and "is assigned to org_globex" in page.text
    page = await op.press(page, "Save provider", fill={"provider": ""})
    assert "Saved." in page.text
    assert "not assigned" in await place.refused(place.acme, DEE)


@pytest.mark.both_databases
async def test_of_two_operators_who_assign_one_provider_at_once_one_is_refused(
    auth_server: AuthServer,
) -> None:
    async def assign(db: DbSession, tenant_id: str, provider: str | None = "acme-id") -> None:
        await assign_provider(
            db,
            COMMAND_LINE,
            tenant_id,
            provider,
            customers=CUSTOMERS,
            lifetime=auth_server.opened.settings.longest_token_lifetime,
            now=auth_server.clock(),
        )

    async def assign_second() -> str:
        async with auth_server.opened.transaction() as db:
            try:
                await assign(db, "org_globex")
            except Refused as refused:
                return refused.reason
        return ""

    async with auth_server.opened.transaction() as first:
        await assign(first, "org_acme")
        second = asyncio.create_task(assign_second())
        if first.get_bind().dialect.name == "postgresql":
            await somebody_waits(auth_server)
    said = await second

    assert said in {"was just assigned to another tenant", "is assigned to org_acme"}
    async with auth_server.opened.transaction() as db:
        await assign(db, "org_acme", None)
        await assign(db, "org_globex")
