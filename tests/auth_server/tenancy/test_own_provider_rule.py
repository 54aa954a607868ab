"""A tenant requires its own identity provider of its members, and other sign-ins don't open it."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from auth_server.administration.errors import Refused
from auth_server.administration.operator import COMMAND_LINE
from auth_server.administration.tenancy.domains import end_domain
from auth_server.administration.tenancy.providers import lift_provider_rule
from auth_server.entitlements.api_key import UnusableApiKey, resolve_api_key
from auth_server.errors import InvalidGrant
from auth_server.flow.own_provider import may_act, may_manage
from auth_server.flow.signed_in import SignedIn
from auth_server.notices.run import follow
from auth_server.records.api_keys.store import list_api_keys
from auth_server.records.audit.store import list_entries_after
from auth_server.records.grants.store import list_live_grants
from auth_server.records.people.table import Person as StoredPerson
from auth_server.records.sessions.table import Session
from auth_server.records.tenant_domains.store import find_domain
from auth_server.records.tenants.policy import TenantPolicy
from auth_server.records.tenants.store import TenantMembership, find_membership, put_membership
from auth_server.records.tenants.table import Membership, Tenant
from auth_server.seed import SeedError
from auth_server.tenancy.domains import remove_domain, settle_check
from auth_server.tenancy.own_provider import name_break_glass
from gatepost.api_keys import make_api_key
from gatepost.data_scope import parse_data_scope
from support.in_process.auth_server import RESOURCE, running_auth_server
from support.in_process.clock import Clock
from support.in_process.customers_place import Place, running_place
from support.in_process.operator import add
from support.in_process.provider_rule import (
    ADA,
    NEW_KEY,
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


@pytest.fixture
async def place(sqlite_url: str, clock: Clock) -> AsyncIterator[Place]:
    """A server where Ada is an admin of Acme alone, whose provider can sign her in."""
    async with running_place(sqlite_url, clock, issuer="http://localhost:8400") as made:
        await made.leave_globex()
        yield made


async def test_an_admin_with_a_password_can_not_switch_the_rule_on_and_lock_everybody_out_a182(
    place: Place,
) -> None:
    ada = await with_password(place)
    page = await ada.open(RULE)
    assert "Sign in with Acme ID to switch the rule on" in page.text
    assert not any(label.startswith("Require") for label, *_ in page.forms["rule-form"].buttons)
    form = page.forms["rule-form"]
    page = await ada.send(page, form.action, [*form.fields.items(), ("rule", "on")])
    assert page.status == 400 and "can't lock you out" in page.text
    assert (await ada.open(ORGANISATION)).status == 200


async def test_a_password_opens_no_consent_page_of_the_tenant_a180(place: Place) -> None:
    await require(place)
    client = await place.server.client()
    ada = place.server.person(ADA)
    page = await ada.open(client.authorize_url())
    page = await ada.open(next(one for one in page.links if "password=yes" in one))
    page = await ada.sign_in(page)
    assert is_led_to_provider(page)
    transaction = page.url.partition("transaction=")[2]
    # Neither the page of consent nor that of the choice lets her past.
    assert is_led_to_provider(await ada.open(f"/consent?transaction={transaction}"))
    choice = await ada.open(f"/tenant?transaction={transaction}")
    assert is_led_to_provider(await ada.press(choice, "Acme"))
    assert await grants(place) == []


async def test_a_consent_page_from_before_the_rule_is_not_answered_after_it_a180(
    place: Place,
) -> None:
    client = await place.server.client()
    ada = await with_password(place)
    consent = await ada.reach_consent(client.authorize_url())
    await require(place)
    assert is_led_to_provider(await ada.press(consent, "Approve"))
    assert await grants(place) == []


async def test_the_tenants_own_provider_opens_everything(place: Place) -> None:
    ada = await require(place)
    client = await place.server.client()
    tokens = await client.connect(ada)
    assert await grants(place) == ["acme-id"]
    assert (await client.refresh(tokens["refresh_token"])).status_code == 200
    assert (await ada.open(ORGANISATION)).status == 200
    assert "API key created" in (await make_key(ada)).text


async def test_the_rule_ends_what_other_sign_ins_allowed_a181(place: Place) -> None:
    client, other = await place.server.client(), await place.server.client()
    ada = await with_password(place)
    tokens = await client.connect(ada)
    assert "API key created" in (await make_key(ada)).text
    theirs = await from_provider(place)
    kept = await other.connect(theirs)
    page = await theirs.open(RULE)
    assert "1 connected app that somebody allowed" in page.text and "1 API key" in page.text
    await theirs.press(page, "Require Acme ID")
    refused = await client.refresh(tokens["refresh_token"])
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
    assert (await other.refresh(kept["refresh_token"])).status_code == 200
    assert await grants(place) == ["acme-id"]
    async with place.server.opened.database.reading() as db:
        (key,) = await list_api_keys(db, tenant_id="org_acme")
    assert key.revoked_at is not None


@pytest.mark.both_databases
async def test_a_refresh_asks_for_the_rule_itself_a181(database_url: str, clock: Clock) -> None:
    async with running_place(database_url, clock) as place:
        await place.leave_globex()
        client = await place.server.client()
        tokens = await client.connect(await with_password(place))
        # As if the consent had been given at the same moment as the rule, which has not seen it.
        async with place.server.opened.transaction() as db:
            tenant = await db.get(Tenant, "org_acme")
            assert tenant is not None
            tenant.provider_only_since = clock()
        refused = await client.refresh(tokens["refresh_token"])
        assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
        assert await grants(place) == []


async def test_a_password_changes_no_connection_and_makes_no_key_under_the_rule_a180(
    place: Place,
) -> None:
    client = await place.server.client()
    theirs = await require(place)
    await client.connect(theirs)
    async with place.server.opened.database.reading() as db:
        (grant,) = await list_live_grants(db, tenant_id="org_acme")
    app = f"/account/app?grant={grant.grant_id}"
    shown = await theirs.open(app)
    ada = await with_password(place)
    assert is_led_to_provider(await ada.open(app))
    form = shown.forms["/account/app"]
    assert (await ada.send(shown, form.action, list(form.fields.items()))).status == 403
    assert is_led_to_provider(await ada.open(NEW_KEY))
    assert "Choose permissions" not in (await ada.open("/account/api-keys")).text
    for page in (ORGANISATION, RULE, "/account/plan?tenant=org_acme"):
        assert is_led_to_provider(await ada.open(page)), page


async def test_an_operators_key_does_not_get_around_the_rule_a181(place: Place) -> None:
    await require(place)
    with pytest.raises((SeedError, UnusableApiKey), match="own identity provider"):
        await add(
            place.server,
            api_keys=[
                {
                    "key": make_api_key("live", bytes(32)).text,
                    "label": "Nightly",
                    "person": "usr_ada",
                    "tenant": "org_acme",
                    "resource": RESOURCE,
                    "scope": "mcp:read",
                    "tools": ["list_tasks"],
                }
            ],
        )


async def test_a_break_glass_admin_needs_a_second_factor_and_a_sign_in_that_is_told_a183(
    place: Place,
) -> None:
    secret = await with_app(place)
    before = await with_code(place, secret)
    ada = await require(place)
    place.server.clock.advance(minutes=1)
    await ada.press(await ada.open(RULE), "Allow")
    place.server.clock.advance(minutes=1)
    # A session from before, of which nobody was told, does not open the tenant.
    assert is_led_to_provider(await before.open(ORGANISATION))
    await follow(place.server.opened)
    await place.server.mails()
    anew = await with_code(place, secret)
    assert (await anew.open(ORGANISATION)).status == 200
    await follow(place.server.opened)
    mails = await place.server.mails()
    (told,) = [one for one in mails if "without its provider" in one.subject]
    assert told.to == ADA and "ada@acme.example is named for emergencies at Acme" in told.text
    async with place.server.opened.database.reading() as db:
        entries = await list_entries_after(db, 0, most=500)
    used = [one for one in entries if one.event == "break_glass.used"]
    assert [(one.person_id, one.tenant_id) for one in used] == [("usr_ada", "org_acme")]
    # It manages the tenant, and lets no app in.
    client = await place.server.client()
    assert is_led_to_provider(await anew.open(client.authorize_url()))
    assert is_led_to_provider(await anew.open(NEW_KEY))
    page = await anew.press(await anew.open(RULE), "Switch the rule off")
    assert "The rule is off." in page.text


async def test_a_password_alone_is_not_a_break_glass_sign_in_a183(place: Place) -> None:
    ada = await require(place)
    page = await ada.press(await ada.open(RULE), "Allow")
    assert page.status == 400 and "no second factor" in page.text
    async with place.server.opened.transaction() as db:
        seat = await find_membership(db, "usr_ada", "org_acme")
        assert seat is not None
        seat.break_glass_since = place.server.clock()
    place.server.clock.advance(minutes=1)
    assert is_led_to_provider(await (await with_password(place)).open(ORGANISATION))


async def test_a_former_admin_is_not_named_again_by_becoming_one_a183(place: Place) -> None:
    await with_app(place)
    async with place.server.opened.transaction() as db:
        now = place.server.clock()
        await name_break_glass(db, "org_acme", "usr_ada", True, by="usr_ada", now=now)
        await put_membership(db, Membership(person_id="usr_ada", tenant_id="org_acme"))
        again = Membership(person_id="usr_ada", tenant_id="org_acme", role="admin")
        await put_membership(db, again)
    async with place.server.opened.database.reading() as db:
        seat = await find_membership(db, "usr_ada", "org_acme")
    assert seat is not None and seat.break_glass_since is None


async def test_another_customers_provider_does_not_open_the_tenant_a178(place: Place) -> None:
    await require(place)
    assert "verified domain" in await place.refused(place.globex, ADA)


@pytest.mark.parametrize("what", ["withdrawn", "another", "lost", "removed"])
async def test_what_a_provider_began_ends_with_the_provider_or_the_domain_a184(
    place: Place, what: str
) -> None:
    client, other = await place.server.client(), await place.server.client()
    tokens = await client.connect(await from_provider(place))
    kept = await other.connect(await with_password(place))
    clock = place.server.clock
    if what == "withdrawn":
        await place.assign("org_acme", None)
    elif what == "another":
        await place.assign("org_globex", None)
        await place.assign("org_acme", "globex-id")
    async with place.server.opened.transaction() as db:
        if what == "lost":
            domain = await find_domain(db, "org_acme", "acme.example")
            assert domain is not None
            domain.missing_since = clock()
            clock.advance(days=8)
            found = await settle_check(
                db, "org_acme", "acme.example", (), lifetime=timedelta(hours=1), now=clock()
            )
            assert found == "lost"
        if what == "removed":
            await remove_domain(
                db,
                "org_acme",
                "acme.example",
                by="usr_ada",
                lifetime=timedelta(hours=1),
                now=clock(),
            )
    assert await grants(place) == [None]  # before anything is refreshed
    refused = await client.refresh(tokens["refresh_token"])
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
    assert (await other.refresh(kept["refresh_token"])).status_code == 200


async def test_a_refresh_asks_whose_the_provider_is_itself_a184(place: Place) -> None:
    client = await place.server.client()
    tokens = await client.connect(await from_provider(place))
    async with place.server.opened.transaction() as db:
        (grant,) = await list_live_grants(db, tenant_id="org_acme", lock=True)
        grant.provider = "former-id"
    refused = await client.refresh(tokens["refresh_token"])
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")


async def test_a_rule_is_not_undone_by_taking_the_provider_or_the_domain_away_a182(
    place: Place,
) -> None:
    ada = await require(place)
    page = await ada.press(
        await ada.open("/account/organisation/domains?tenant=org_acme"), "Remove acme.example"
    )
    assert page.status == 400 and "Switch that rule off first" in page.text
    with pytest.raises(Refused, match="lift that rule first"):
        async with place.server.opened.transaction() as db:
            now = place.server.clock()
            await end_domain(
                db,
                COMMAND_LINE,
                "org_acme",
                "acme.example",
                lifetime=timedelta(hours=1),
                now=now,
            )
    op = place.server.person("op@orbit.example")
    page = await op.sign_in(await op.open("/console/tenant?tenant=org_acme"))
    page = await op.press(page, "Save provider", fill={"provider": ""})
    assert page.status == 400 and "lift that rule first" in page.text
    page = await op.press(page, "Lift the rule")
    assert "Saved." in page.text and "Lift the rule" not in page.text
    assert (await (await with_password(place)).open(ORGANISATION)).status == 200


async def test_an_operator_lifts_the_rule_once(place: Place) -> None:
    await require(place)
    for _ in range(2):
        async with place.server.opened.transaction() as db:
            now = place.server.clock()
            view = await lift_provider_rule(db, COMMAND_LINE, "org_acme", now=now)
        assert view.required_since is None and view.provider == "acme-id"
    async with place.server.opened.database.reading() as db:
        events = [one.event for one in await list_entries_after(db, 0, most=500)]
    assert events.count("provider.not_required") == 1


async def test_a_provider_that_the_settings_no_longer_have_opens_nothing_a184(
    sqlite_url: str, clock: Clock
) -> None:
    async with running_place(sqlite_url, clock) as place:
        await place.leave_globex()
        ada = await from_provider(place)
        cookies = ada.http.cookies
    async with running_auth_server(sqlite_url, clock) as server:
        again = server.person(ADA)
        again.http.cookies = cookies
        assert "/sign-in" in (await again.open("/account/apps")).url


async def test_an_exchange_of_a_key_asks_for_the_rule_itself_a181(place: Place) -> None:
    ada = await with_password(place)
    await make_key(ada)
    async with place.server.opened.database.reading() as db:
        (key,) = await list_api_keys(db, tenant_id="org_acme")
        now = place.server.clock()
        assert (await resolve_api_key(db, key, client_id=RESOURCE, now=now)).person_id == "usr_ada"
    async with place.server.opened.transaction() as db:
        tenant = await db.get(Tenant, "org_acme")
        assert tenant is not None
        tenant.provider_only_since = now
    async with place.server.opened.database.reading() as db:
        with pytest.raises(InvalidGrant) as refused:
            await resolve_api_key(db, key, client_id=RESOURCE, now=now)
    assert refused.value.detail == "the tenant requires its own provider"


@pytest.mark.parametrize(
    ("method", "level", "factor_days", "manages"),
    [
        ("password", 1, None, False),
        ("password", 2, None, False),
        ("password and code", 2, 2, True),
        ("passkey", 2, 1, True),
        # One that was added after the admin was named.
        ("passkey", 2, 0, False),
        ("provider orbit", 2, None, False),
        ("provider globex-id", 2, None, False),
    ],
)
def test_only_the_own_provider_acts_and_only_two_factors_here_are_for_emergencies_a180_a183(
    method: str, level: int, factor_days: int | None, manages: bool, clock: Clock
) -> None:
    now = clock()
    session = Session(
        session_hash="1",
        person_id="usr_ada",
        level=level,
        method=method,
        factor_added_at=None if factor_days is None else now - timedelta(days=factor_days),
        signed_in_at=now,
        last_seen_at=now,
        expires_at=now,
    )
    person = StoredPerson(person_id="usr_ada", name="Ada", created_at=now)
    other = "org_globex" if method == "provider globex-id" else None
    signed_in = SignedIn(session, person, other)
    membership = TenantMembership(
        "org_acme",
        "Acme",
        "pro",
        "admin",
        parse_data_scope(""),
        TenantPolicy(),
        provider_only_since=now - timedelta(days=1),
        break_glass_since=now - timedelta(days=1),
    )
    assert not may_act(signed_in, membership)
    assert may_manage(signed_in, membership) == manages
    member = replace(membership, role="member")
    assert not may_manage(signed_in, member)
    assert may_act(SignedIn(session, person, "org_acme"), member)
