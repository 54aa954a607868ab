"""Ways around a tenant's own identity provider: emergencies, connections and domains that have changed."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from auth_server.accounts.change_email import take_proved_email
from auth_server.accounts.recover_factors import recover_factors
from auth_server.accounts.undo_email_change import undo_email_change
from auth_server.administration.operator import COMMAND_LINE
from auth_server.administration.people import reset_factors
from auth_server.connectors.port import AssertedIdentity
from auth_server.pages.sign_in.resolve_person import resolve_person
from auth_server.records.api_keys.store import list_api_keys
from auth_server.records.audit.store import list_entries_after
from auth_server.records.email_changes.table import EmailChange
from auth_server.records.grants.store import list_live_grants
from auth_server.records.people.store import find_account
from auth_server.records.people.table import Identity
from auth_server.records.tenant_domains.store import drop_domain, find_domain
from auth_server.records.tenants.store import find_membership, find_tenant
from auth_server.tenancy.change_policy import ChangeRefused
from auth_server.tenancy.own_provider import require_provider
from support.in_process.clock import Clock
from support.in_process.customers_place import NOBODY, Place, running_place
from support.in_process.oauth_client import OAuthClient, answer_of
from support.in_process.operator import add
from support.in_process.provider_rule import (
    ADA,
    ORGANISATION,
    RULE,
    from_provider,
    grants,
    is_led_to_provider,
    make_key,
    require,
    with_app,
    with_code,
    with_password,
)

PORTAL, SECRET = "https://portal.example/cb", "a-secret-of-43-characters-0123456789-abcdef"


@pytest.fixture
async def place(sqlite_url: str, clock: Clock) -> AsyncIterator[Place]:
    """A server where Ada is an admin of Acme alone, whose provider can sign her in."""
    async with running_place(sqlite_url, clock, issuer="http://localhost:8400") as made:
        await made.leave_globex()
        yield made


async def name_ada(place: Place) -> str:
    """Require the provider, and name Ada for emergencies; return the secret of her app."""
    secret = await with_app(place)
    ada = await require(place)
    await ada.press(await ada.open(RULE), "Allow")
    place.server.clock.advance(minutes=1)
    return secret


async def is_named(place: Place) -> bool:
    """Return whether Ada is named for emergencies."""
    async with place.server.opened.database.reading() as db:
        seat = await find_membership(db, "usr_ada", "org_acme")
        return seat is not None and seat.break_glass_since is not None


async def lose_factors(place: Place, how: str, secret: str) -> None:
    """Take Ada's authenticator app away in one of the ways there are."""
    now = place.server.clock()
    if how == "removed by the person":
        ada = await with_code(place, secret)
        await ada.press(await ada.open("/account/security"), "Remove authenticator")
        return
    async with place.server.opened.transaction() as db:
        if how == "reset by an operator":
            await reset_factors(db, COMMAND_LINE, "usr_ada", now=now)
            return
        ada_account = await find_account(db, person_id="usr_ada")
        assert ada_account is not None and ada_account.password_hash is not None
        if how == "recovered by mail":
            for _ in range(2):
                await recover_factors(db, ada_account, recovery_id="1", delay=timedelta(), now=now)
        if how == "undone with an address":
            change = EmailChange(
                change_id="1",
                person_id="usr_ada",
                former_email=ADA,
                undo_until=now + timedelta(days=7),
            )
            same = ada_account.password_hash
            assert await undo_email_change(
                db, change, password_hash=same, lifetime=timedelta(hours=1), now=now
            )


@pytest.mark.parametrize(
    "how",
    [
        "removed by the person",
        "reset by an operator",
        "recovered by mail",
        "undone with an address",
    ],
)
async def test_a_password_is_not_enough_for_emergencies_once_the_factors_are_gone_a183(
    place: Place, how: str
) -> None:
    await lose_factors(place, how, await name_ada(place))
    assert not await is_named(place)
    async with place.server.opened.database.reading() as db:
        entries = await list_entries_after(db, 0, most=500)
    removed = [one for one in entries if one.event == "break_glass.removed"]
    assert [one.tenant_id for one in removed] == ["org_acme"]
    assert '"member":"usr_ada"' in removed[0].detail
    # A thief who knows the password adds the next factor.
    thief = await with_code(place, await with_app(place))
    assert is_led_to_provider(await thief.open(ORGANISATION))


async def test_a_name_from_before_this_version_opens_nothing_with_a_newer_factor_a183(
    place: Place,
) -> None:
    await require(place)
    async with place.server.opened.transaction() as db:
        seat = await find_membership(db, "usr_ada", "org_acme")
        assert seat is not None
        seat.break_glass_since = place.server.clock()
    place.server.clock.advance(minutes=1)
    secret = await with_app(place)
    assert not await is_named(place)
    assert is_led_to_provider(await (await with_code(place, secret)).open(ORGANISATION))


async def test_another_app_in_a_stolen_session_is_not_for_emergencies_a183(place: Place) -> None:
    stolen = await with_code(place, await name_ada(place))
    assert (await stolen.open(ORGANISATION)).status == 200
    page = await stolen.open("/account/security/app")
    assert page.status == 200
    secret = await with_app(place, stolen)
    assert not await is_named(place)
    assert is_led_to_provider(await (await with_code(place, secret)).open(ORGANISATION))


async def test_a_password_adds_no_tools_to_what_the_provider_allowed_a181(place: Place) -> None:
    client = await place.server.client()
    await client.connect(await from_provider(place), untick=["create_task"])
    app, tools = await connection(place)
    ada = await with_password(place)
    page = await ada.press(await ada.open(app), "Save", tick=["create_task"])
    assert page.status == 403 and "Sign in as you did when you connected this app" in page.text
    assert (await connection(place))[1] == tools
    # It may still take tools away, and that changes nobody's sign-in.
    page = await ada.press(await ada.open(app), "Save", untick=["list_tasks"])
    assert page.status == 200, page.text
    assert (await connection(place))[1] == tools - {"list_tasks"}
    assert await grants(place) == ["acme-id"]


async def test_the_provider_adds_no_tools_to_what_a_password_allowed_a184(place: Place) -> None:
    client = await place.server.client()
    await client.connect(await with_password(place), untick=["create_task"])
    app, tools = await connection(place)
    theirs = await from_provider(place)
    page = await theirs.press(await theirs.open(app), "Save", tick=["create_task"])
    assert page.status == 403
    assert (await connection(place))[1] == tools


@pytest.mark.parametrize("first", ["password", "provider"])
async def test_a_consent_in_another_kind_of_session_ends_the_tokens_of_the_first_a181_a184(
    place: Place, first: str
) -> None:
    sessions = {"password": with_password, "provider": from_provider}
    (second,) = sessions.keys() - {first}
    client = await place.server.client()
    thieves = await client.connect(await sessions[first](place))
    mine = await client.connect(await sessions[second](place))
    refused = await client.refresh(thieves["refresh_token"])
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
    assert (await client.refresh(mine["refresh_token"])).status_code == 200
    assert await grants(place) == ["acme-id" if second == "provider" else None]


async def test_a_password_gets_no_code_from_a_consent_in_a_session_of_the_provider_a181(
    place: Place,
) -> None:
    portal = {
        "client_id": "portal",
        "name": "Portal",
        "redirect_uris": [PORTAL],
        "token_endpoint_auth_method": "client_secret_post",
        "secret": SECRET,
    }
    await add(place.server, clients=[portal])
    server = place.server
    client = OAuthClient(server.http, server.issuer, server.resource, "portal")
    client.redirect_uri = PORTAL
    theirs, ada = await from_provider(place), await with_password(place)
    await theirs.approve(client.authorize_url())
    for person in (theirs, ada):
        person.http.headers["sec-fetch-site"] = "none"
    silent = await theirs.open(client.authorize_url())
    assert answer_of(silent.moves_on_to or "")["code"]
    asked = await ada.open(client.authorize_url())
    assert asked.moves_on_to is None and "/consent" in asked.url


async def connection(place: Place) -> tuple[str, frozenset[str]]:
    """Return the page and the tools of Acme's one connection."""
    async with place.server.opened.database.reading() as db:
        (grant,) = await list_live_grants(db, tenant_id="org_acme")
    return f"/account/app?grant={grant.grant_id}", frozenset(grant.tools)


@pytest.mark.parametrize("lost", ["domain", "provider"])
async def test_a_rule_is_not_switched_on_with_what_was_lost_since_the_sign_in_a182(
    place: Place, lost: str
) -> None:
    if lost == "provider":
        await place.assign("org_acme", None)
    async with place.server.opened.transaction() as db:
        if lost == "domain":
            domain = await find_domain(db, "org_acme", "acme.example")
            assert domain is not None
            await drop_domain(db, domain)
        # The session was looked up before.
        with pytest.raises(ChangeRefused, match="can't lock you out"):
            await require_provider(
                db,
                "org_acme",
                by="usr_ada",
                signed_in_by="acme-id",
                lifetime=timedelta(hours=1),
                now=place.server.clock(),
            )
        tenant = await find_tenant(db, "org_acme")
    assert tenant is not None and tenant.provider_only_since is None


@pytest.mark.parametrize("how", ["by themselves", "another provider", "undone"])
async def test_a_connection_ends_when_its_persons_address_leaves_the_domain_a184(
    place: Place, how: str
) -> None:
    client = await place.server.client()
    theirs = await from_provider(place)
    tokens = await client.connect(theirs)
    assert "API key created" in (await make_key(theirs)).text
    now, lifetime, left = place.server.clock(), timedelta(hours=1), "ada@left.example"
    async with place.server.opened.transaction() as db:
        if how == "by themselves":
            assert await take_proved_email(
                db, "usr_ada", left, keep=None, change_id="1", lifetime=lifetime, now=now
            )
        elif how == "undone":
            change = EmailChange(
                change_id="1", person_id="usr_ada", former_email=left, undo_until=now
            )
            assert await undo_email_change(db, change, password_hash="", lifetime=lifetime, now=now)
        else:
            issuer, settings = "https://id.orbit.example", place.acme.settings(claims=NOBODY)
            db.add(Identity(issuer=issuer, subject="1", person_id="usr_ada", created_at=now))
            await db.flush()
            said = AssertedIdentity(issuer, "1", "usr_ada", "Ada", left, None, False)
            await resolve_person(db, said, settings, lifetime=lifetime, now=now)
    assert await grants(place) == []
    refused = await client.refresh(tokens["refresh_token"])
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
    async with place.server.opened.database.reading() as db:
        (key,) = await list_api_keys(db, tenant_id="org_acme")
    assert key.revoked_at is not None


async def test_another_address_in_the_domain_keeps_the_connection(place: Place) -> None:
    client = await place.server.client()
    tokens = await client.connect(await from_provider(place))
    async with place.server.opened.transaction() as db:
        assert await take_proved_email(
            db,
            "usr_ada",
            "ada.marsh@acme.example",
            keep=None,
            change_id="1",
            lifetime=timedelta(hours=1),
            now=place.server.clock(),
        )
    assert (await client.refresh(tokens["refresh_token"])).status_code == 200


async def test_a_sign_in_for_emergencies_calls_no_tools_in_the_playground_a183(
    place: Place,
) -> None:
    ada = await with_code(place, await name_ada(place))
    page = await ada.open(RULE)
    proof = page.forms["rule-form"].fields["proof"]
    given = [("tenant", "org_acme"), ("proof", proof), ("tool", "list_tasks")]
    page = await ada.send(page, "/account/playground/run", given)
    assert page.status == 403 and "A sign-in for emergencies calls no tools" in page.text
