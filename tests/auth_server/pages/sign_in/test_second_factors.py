"""Second factors of accounts kept here: an authenticator app, recovery codes, passkeys."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import pyotp
import pytest
from click.testing import Result
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import SQLModel, select

from auth_server.db.engine import open_database
from auth_server.flow.one_time_codes import match_step
from auth_server.maintenance import maintain
from auth_server.records.audit.table import AuditEntry
from auth_server.records.people.table import Person as PersonRow
from auth_server.records.second_factors.table import AuthenticatorApp, Passkey, RecoveryCode
from auth_server.records.sessions.table import Session
from auth_server.records.tenants.table import Tenant
from support.in_process.auth_server import AuthServer, running_auth_server
from support.in_process.authenticator import PRESENT, VERIFIED, Authenticator
from support.in_process.clock import Clock
from support.in_process.person import Page, Person

ISSUER = "http://localhost:8400"
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
SECURITY = f"{ISSUER}/account/security"


@dataclass
class Place:
    """A server on a domain, and access to its tables."""

    server: AuthServer

    async def rows(self, table: type[SQLModel]) -> list[Any]:
        """Read a table."""
        database = open_database(self.server.database_url)
        async with database.reading() as db:
            rows = list((await db.execute(select(table))).scalars())
        await database.close()
        return rows

    async def change(self, table: type[SQLModel], key: object, **changes: object) -> None:
        """Change a row directly."""
        database = open_database(self.server.database_url)
        async with database.writing() as db, db.begin():
            row = await db.get(table, key)
            for name, value in changes.items():
                setattr(row, name, value)
        await database.close()

    async def live(self) -> list[Session]:
        """List sessions that did not end, the newest last."""
        rows = [row for row in await self.rows(Session) if row.ended_at is None]
        return sorted(rows, key=lambda row: row.signed_in_at)

    async def events(self) -> list[str]:
        """List the audit log's kinds of events."""
        return [entry.event for entry in await self.rows(AuditEntry)]

    async def ada(self, page: str = SECURITY) -> tuple[Person, Page]:
        """Sign Ada in with her password in a new browser, and open a page."""
        person = self.server.person()
        return person, await person.sign_in(await person.open(page))

    async def with_app(self) -> tuple[Person, str, list[str]]:
        """Let Ada set up an app; return her browser, the app's secret and the recovery codes."""
        person, _ = await self.ada()
        page = await person.open(f"{SECURITY}/app")
        secret = secret_on(page)
        shown = await person.press(page, "Verify and turn on", fill={"code": self.code(secret)})
        assert shown.status == 200, shown.text
        self.server.clock.advance(minutes=1)
        return person, secret, recovery_codes_on(shown)

    async def with_passkey(self) -> tuple[Person, Authenticator]:
        """Let Ada add a passkey."""
        person, page = await self.ada()
        device = Authenticator()
        added = await self.add(person, page, device)
        assert added.status == 200, added.text
        self.server.clock.advance(minutes=1)
        return person, device

    async def add(self, person: Person, page: Page, device: Authenticator) -> Page:
        """Send what a device makes of the page's offer."""
        form = page.forms["/account/security/passkeys"]
        fields = {**form.fields, "credential": device.create(form.options)}
        return await person.send(page, form.action, list(fields.items()))

    async def use(self, person: Person, page: Page, device: Authenticator, **changes: str) -> Page:
        """Sign in with a device's passkey."""
        form = page.forms["/sign-in/passkey"]
        fields = {**form.fields, "credential": device.get(form.options), **changes}
        return await person.send(page, form.action, list(fields.items()))

    def code(self, secret: str, *, steps: int = 0) -> str:
        """Return the app's code now, or some steps from now."""
        at = int(self.server.clock().timestamp()) + 30 * steps
        return pyotp.TOTP(secret).at(at)


def secret_on(page: Page) -> str:
    """Read the key that the set-up page shows."""
    found = re.search(r"<code>([A-Z2-7 ]{32,})</code>", page.html)
    assert found is not None, page.text
    return found[1].replace(" ", "")


def recovery_codes_on(page: Page) -> list[str]:
    """Read the codes that a page shows."""
    return re.findall(r"(?:[a-z2-7]{4}-){3}[a-z2-7]{4}", page.text)


def path_of(page: Page) -> str:
    """Tell which page this is."""
    return urlsplit(page.url).path


@asynccontextmanager
async def running_place(database_url: str, clock: Clock) -> AsyncIterator[Place]:
    """Run a server that can have passkeys."""
    async with running_auth_server(database_url, clock, issuer=ISSUER) as server:
        yield Place(server)


@pytest.fixture
async def place(database_url: str, clock: Clock) -> AsyncIterator[Place]:
    """One on each database."""
    async with running_place(database_url, clock) as running:
        yield running


async def test_a_person_sets_up_an_app_and_is_asked_for_its_code_from_then_on(
    place: Place,
) -> None:
    _, secret, codes = await place.with_app()
    person, page = await place.ada()
    assert "Enter your code" in page.text
    done = await person.press(page, "Sign in", fill={"code": place.code(secret)})

    assert path_of(done) == "/account/security"
    assert len(codes) == len(set(codes)) == 10
    newest = (await place.live())[-1]
    assert (newest.level, newest.method) == (2, "password and code")
    assert "Authenticator app on" in done.text
    assert "10 codes left" in done.text
    assert "second_factor.added" in await place.events()


async def test_a_correct_password_without_the_second_factor_gives_no_session_a52(
    place: Place,
) -> None:
    """better-auth#9198: between the factors there is neither a session nor an app's code."""
    await place.with_app()
    before = len(await place.rows(Session))
    client = await place.server.client()
    person = place.server.person()
    page = await person.sign_in(await person.open(client.authorize_url()))

    assert path_of(page) == "/sign-in"
    assert not [c for c in person.http.cookies.jar if c.name.endswith("session")]
    assert len(await place.rows(Session)) == before
    transaction = page.forms["/sign-in/code"].fields["transaction"]
    for path in (f"{ISSUER}/consent?transaction={transaction}", SECURITY):
        assert path_of(await person.open(path)) == "/sign-in"


@pytest.mark.both_databases
async def test_a_code_can_be_used_once_a145(place: Place) -> None:
    """RFC 6238 §5.2, also for two browsers at the same moment, and for codes from before it."""
    _, secret, _ = await place.with_app()
    code, before = place.code(secret), place.code(secret, steps=-1)
    browsers = [await place.ada() for _ in range(4)]

    pages = await asyncio.gather(
        *(person.press(page, "Sign in", fill={"code": code}) for person, page in browsers)
    )
    late, page = await place.ada()
    replayed = [
        (await late.press(page, "Sign in", fill={"code": each})).status for each in (code, before)
    ]

    assert sorted(page.status for page in pages) == [200, 401, 401, 401]
    assert replayed == [401, 401]


async def test_the_code_that_turned_the_app_on_signs_nobody_in_a145(place: Place) -> None:
    person, _ = await place.ada()
    page = await person.open(f"{SECURITY}/app")
    code = place.code(secret_on(page))
    await person.press(page, "Verify and turn on", fill={"code": code})
    other, asked = await place.ada()

    assert (await other.press(asked, "Sign in", fill={"code": code})).status == 401


async def test_ten_guesses_at_a_code_and_no_more_a143(place: Place) -> None:
    """Correct passwords in between don't matter, even in a known browser."""
    person, secret, _ = await place.with_app()
    await person.open(SECURITY)
    statuses = []
    for _ in range(11):
        page = await person.sign_in(await person.open(f"{ISSUER}/sign-in"))
        statuses.append((await person.press(page, "Sign in", fill={"code": "000000"})).status)
    right = await person.press(page, "Sign in", fill={"code": place.code(secret)})
    place.server.clock.advance(minutes=15)
    again = await person.sign_in(await person.open(f"{ISSUER}/sign-in"))
    after = await person.press(again, "Sign in", fill={"code": place.code(secret)})

    assert statuses == [401] * 10 + [429]
    assert (right.status, right.headers["retry-after"]) == (429, "900")
    assert path_of(after) == "/account/apps" or after.status in {200, 404}


@pytest.mark.both_databases
async def test_pauses_grow_until_nobody_can_guess_a_code_a143(place: Place) -> None:
    """Who knows the password tries codes for two days; the count survives every pause."""
    _, secret, _ = await place.with_app()
    start, tried, waits = place.server.clock(), 0, []
    while place.server.clock() - start < timedelta(days=2):
        mallory, page = await place.ada()
        answer = await mallory.press(page, "Sign in", fill={"code": "000000"})
        tried += answer.status == 401
        if answer.status == 429:
            waits.append(int(answer.headers["retry-after"]) // 60)
            place.server.clock.advance(seconds=int(answer.headers["retry-after"]))
    entries = sorted(await place.rows(AuditEntry), key=lambda entry: entry.number)
    pauses = [entry for entry in entries if entry.event == "codes.paused"]
    place.server.clock.advance(days=1)
    owner, asked = await place.ada()
    done = await owner.press(asked, "Sign in", fill={"code": place.code(secret)})

    assert waits == [15, 30, 60, 120, 240, 480, 960, 1440]
    assert tried == 45
    assert [json.loads(entry.detail)["minutes"] for entry in pauses] == waits
    assert {entry.person_id for entry in pauses} == {"usr_ada"}
    # The right code starts the count anew.
    assert done.status == 200
    assert "wrong code" not in (await place.ada())[1].text


async def test_a_person_sees_that_somebody_who_knows_their_password_guessed_codes_a143(
    place: Place,
) -> None:
    """In the browser that they use every day, before the code and on the account page."""
    ada, secret, _ = await place.with_app()
    mallory, asked = await place.ada()
    for _ in range(2):
        asked = await mallory.press(asked, "Sign in", fill={"code": "000000"})
    page = await ada.sign_in(await ada.open(f"{ISSUER}/sign-in"))
    security = await ada.press(page, "Sign in", fill={"code": place.code(secret)})
    security = await ada.open(SECURITY)

    told = "2 wrong codes were entered after your password"
    assert told in page.text
    assert told in security.text


@pytest.mark.parametrize("factor", ["app", "passkey"])
async def test_a_browser_signed_in_before_is_asked_for_the_new_factor_a52(
    sqlite_url: str, clock: Clock, factor: str
) -> None:
    """A stolen session from before the factor must not make keys or rules; apps stay visible."""
    async with running_place(sqlite_url, clock) as place:
        new_key = urlencode({"tenant": "org_acme", "resource": place.server.resource})
        old, _ = await place.ada()
        keys = await old.open(f"{ISSUER}/account/api-keys/new?{new_key}")
        organisation = await old.open(f"{ISSUER}/account/organisation?tenant=org_acme")
        assert (keys.status, organisation.status) == (200, 200)
        if factor == "app":
            new, secret, _ = await place.with_app()
        else:
            new, device = await place.with_passkey()

        for path in ("api-keys", f"api-keys/new?{new_key}", "organisations"):
            asked = await old.open(f"{ISSUER}/account/{path}")
            assert path_of(asked) == "/sign-in"
            assert "This page needs your second factor" in asked.text
            assert (await new.open(f"{ISSUER}/account/{path}")).status == 200
        for path in ("organisation?tenant=org_acme", "organisation/member?tenant=org_acme"):
            assert path_of(await old.open(f"{ISSUER}/account/{path}")) == "/sign-in"
        posted = [
            await old.send(page, form.action, list(form.fields.items()))
            for page in (keys, organisation)
            for form in page.forms.values()
            if form.method == "post" and "/account/" in form.action
            if "sign-out" not in form.action
        ]
        assert {path_of(page) for page in posted} == {"/sign-in"}
        assert path_of(await old.open(f"{ISSUER}/account/apps")) == "/account/apps"

        asked = await old.open(f"{ISSUER}/account/organisations")
        if factor == "app":
            code = await old.sign_in(asked)
            back = await old.press(code, "Sign in", fill={"code": place.code(secret)})
        else:
            back = await place.use(old, asked, device)
        assert (back.status, path_of(back)) == (200, "/account/organisations")


async def test_the_step_between_the_factors_belongs_to_one_browser_and_ten_minutes_a40(
    place: Place,
) -> None:
    _, secret, _ = await place.with_app()
    mallory, page = await place.ada()
    victim = place.server.person()
    await victim.open(f"{ISSUER}/sign-in")
    fields = {**page.forms["/sign-in/code"].fields, "code": place.code(secret)}

    stolen = await victim.send(page, "/sign-in/code", list(fields.items()))
    place.server.clock.advance(minutes=10)
    fields["code"] = place.code(secret)
    late = await mallory.send(page, "/sign-in/code", list(fields.items()))

    assert (stolen.status, late.status) == (403, 400)


async def test_another_kind_of_flow_state_does_not_replace_the_password_a52(place: Place) -> None:
    """The sign-in page's own ticket, and one for setting up, are sealed for the same browser."""
    _, secret, _ = await place.with_app()
    person, page = await place.ada()
    shown = await person.open(f"{ISSUER}/sign-in")
    ticket = shown.forms["/sign-in/passkey"].fields["ticket"]
    form = page.forms["/sign-in/code"].fields
    fields = {**form, "ticket": ticket, "code": place.code(secret)}

    answer = await person.send(page, "/sign-in/code", list(fields.items()))

    assert answer.status == 403
    assert len(await place.live()) == 1


@pytest.mark.both_databases
async def test_each_recovery_code_signs_in_once(place: Place) -> None:
    """In any spelling; the person sees how many codes are left."""
    _, _, codes = await place.with_app()
    person, page = await place.ada()
    done = await person.press(page, "Sign in", fill={"code": codes[3].upper().replace("-", " ")})
    other, asked = await place.ada()
    again = await other.press(asked, "Sign in", fill={"code": codes[3]})

    assert "9 codes left" in done.text
    assert again.status == 401
    assert (await place.live())[-1].method == "password and recovery code"
    assert "recovery_code.used" in await place.events()


@pytest.mark.both_databases
async def test_nothing_that_signs_in_can_be_read_from_the_database(place: Place) -> None:
    """A104, A145: the app's secret is sealed, recovery codes are hashed."""
    _, secret, codes = await place.with_app()
    stored = repr([*await place.rows(AuthenticatorApp), *await place.rows(RecoveryCode)])

    assert secret not in stored
    assert not [code for code in codes if code in stored or code.replace("-", "") in stored]


async def test_new_recovery_codes_end_those_from_before(place: Place) -> None:
    ada, _, old = await place.with_app()
    shown = await ada.press(await ada.open(SECURITY), "Generate new codes")
    new = recovery_codes_on(shown)
    person, page = await place.ada()
    before = await person.press(page, "Sign in", fill={"code": old[0]})
    after = await person.press(page, "Sign in", fill={"code": new[0]})

    assert not set(old) & set(new)
    assert (before.status, path_of(after)) == (401, "/account/security")


async def test_a_wrong_first_code_turns_nothing_on(place: Place) -> None:
    person, _ = await place.ada()
    page = await person.open(f"{SECURITY}/app")
    wrong = await person.press(page, "Verify and turn on", fill={"code": "123"})

    assert (wrong.status, secret_on(wrong)) == (422, secret_on(page))
    assert await place.rows(AuthenticatorApp) == []


async def test_setting_up_begins_a_new_session_that_counts_the_factor_a41(place: Place) -> None:
    person, _ = await place.ada()
    old = next(c.value for c in person.http.cookies.jar if c.name.endswith("session"))
    page = await person.open(f"{SECURITY}/app")
    await person.press(page, "Verify and turn on", fill={"code": place.code(secret_on(page))})

    new = next(c.value for c in person.http.cookies.jar if c.name.endswith("session"))
    assert new != old
    assert [session.level for session in await place.live()] == [2]


@pytest.mark.parametrize("minutes", [14, 15])
async def test_a_browser_left_open_does_not_let_anybody_change_how_one_signs_in(
    place: Place, minutes: int
) -> None:
    person, _, _ = await place.with_app()
    page = await person.open(SECURITY)
    # Setting up the app took one minute.
    place.server.clock.advance(minutes=minutes - 1)
    after = await person.press(page, "Remove authenticator")

    assert path_of(after) == ("/account/security" if minutes < 15 else "/sign-in")
    assert len(await place.rows(AuthenticatorApp)) == (0 if minutes < 15 else 1)


async def test_a_session_from_before_the_factor_can_not_take_it_off_a52(place: Place) -> None:
    """A stolen password, and a session that it began before the app was set up."""
    thief, _ = await place.ada()
    await place.with_app()
    place.server.clock.advance(minutes=-1)
    seen = await thief.open(SECURITY)
    for button in ("Remove authenticator", "Generate new codes"):
        assert path_of(await thief.press(seen, button)) == "/sign-in"
    assert path_of(await thief.open(f"{SECURITY}/app")) == "/sign-in"
    assert path_of(await place.add(thief, seen, Authenticator())) == "/sign-in"
    assert (len(await place.rows(AuthenticatorApp)), await place.rows(Passkey)) == (1, [])


async def step_up(place: Place) -> tuple[Person, Page]:
    """A person without a second factor whose app waits, where Acme requires one."""
    await place.change(Tenant, "org_acme", required_level=2)
    client = await place.server.client()
    person = place.server.person()
    return person, await person.reach_consent(client.authorize_url())


async def test_a_person_goes_from_a_tenant_that_asks_for_more_to_its_consent(
    place: Place,
) -> None:
    """A52, step-up: the app is set up on the way, and the request is still there."""
    person, more = await step_up(place)
    link = next(link for link in more.links if link.startswith("/account/security/app"))
    page = await person.open(f"{ISSUER}{link}")
    codes = await person.press(
        page, "Verify and turn on", fill={"code": place.code(secret_on(page))}
    )
    back = next(link for link in codes.links if "/authorize/continue" in link)
    consent = await person.open(f"{ISSUER}{back}")

    assert path_of(more) == "/account/security/enrol"
    assert "Acme requires it" in more.text
    assert path_of(consent) == "/consent"
    assert "Acme" in consent.text


async def test_a_person_adds_a_passkey_on_the_way_to_the_consent(place: Place) -> None:
    person, more = await step_up(place)
    consent = await place.add(person, more, Authenticator())
    assert (path_of(more), path_of(consent)) == ("/account/security/enrol", "/consent")


async def test_whoever_signed_in_long_ago_signs_in_again_and_keeps_the_request(
    place: Place,
) -> None:
    """The change of sign-in methods needs a recent sign-in; the app's request waits for it."""
    await place.change(Tenant, "org_acme", required_level=2)
    person, _ = await place.ada()
    place.server.clock.advance(minutes=16)
    client = await place.server.client()
    page = await person.reach_consent(client.authorize_url())
    assert path_of(page) == "/sign-in"

    page = await person.sign_in(page)
    assert path_of(page) == "/account/security/enrol"
    consent = await place.add(person, page, Authenticator())
    assert path_of(consent) == "/consent"


async def test_an_admin_enrols_on_the_way_to_the_page_of_their_organisation(place: Place) -> None:
    await place.change(Tenant, "org_acme", required_level=2)
    person, _ = await place.ada()
    page = await person.open("/account/organisation?tenant=org_acme")
    shown = await place.add(person, page, Authenticator())
    assert path_of(page) == "/account/security/enrol"
    assert path_of(shown) == "/account/organisation"


async def test_the_way_on_from_a_second_factor_leads_to_no_other_site_a14(place: Place) -> None:
    person, _ = await place.ada()
    for evil in ("https://evil.example/", "//evil.example", "/account/../evil", "/\\evil.example"):
        page = await person.open(f"/account/security/enrol?return_to={quote(evil)}")
        assert path_of(page) == "/account/security/enrol"
        assert "evil" not in page.html


async def test_a_passkey_is_added_and_signs_in_without_name_and_password(place: Place) -> None:
    """WebAuthn: discoverable, the device recognises its owner: two factors in one."""
    _, device = await place.with_passkey()
    client = await place.server.client()
    await place.change(Tenant, "org_acme", required_level=2)
    person = place.server.person()
    page = await person.open(client.authorize_url())
    led = await place.use(person, page, device)
    consent = await person.press(led, "Acme")

    assert path_of(consent) == "/consent"
    newest = (await place.live())[-1]
    assert (newest.person_id, newest.level, newest.method) == ("usr_ada", 2, "passkey")
    options = json.loads(page.forms["/sign-in/passkey"].options)
    assert (options["rpId"], options["userVerification"]) == ("localhost", "required")
    assert options.get("allowCredentials", []) == []
    (stored,) = await place.rows(Passkey)
    assert stored.last_used_at == place.server.clock()


MISUSES: dict[str, Callable[[Authenticator], object]] = {
    "another site": lambda device: setattr(device, "origin", "https://evil.example"),
    "another port": lambda device: setattr(device, "origin", "http://localhost:8401"),
    "another domain": lambda device: setattr(device, "domain", "evil.example"),
    "owner not recognised": lambda device: setattr(device, "flags", PRESENT),
    "nobody there": lambda device: setattr(device, "flags", VERIFIED),
    "another key": lambda device: setattr(device, "key", Authenticator().key),
    "unknown": lambda device: setattr(device, "credential_id", b"x" * 32),
}


@pytest.mark.parametrize("misuse", MISUSES)
async def test_a_passkey_that_is_not_used_here_by_its_owner_signs_nobody_in_a139(
    place: Place, misuse: str
) -> None:
    """Phishing by a look-alike, a stolen device, a forged answer."""
    _, device = await place.with_passkey()
    MISUSES[misuse](device)
    person = place.server.person()
    page = await place.use(person, await person.open(f"{ISSUER}/sign-in"), device)

    assert (page.status, "not recognised" in page.text) == (403, True)
    assert len(await place.live()) == 1


@pytest.mark.parametrize("misuse", sorted(MISUSES.keys() - {"another key", "unknown"}))
async def test_a_passkey_that_its_owner_did_not_make_here_is_not_kept_a139(
    sqlite_url: str, clock: Clock, misuse: str
) -> None:
    """Whoever only holds the device must not add a way in that counts as two factors."""
    async with running_place(sqlite_url, clock) as place:
        ada, page = await place.ada()
        asked = json.loads(page.forms["/account/security/passkeys"].options)
        MISUSES[misuse](device := Authenticator())
        added = await place.add(ada, page, device)

        assert asked["authenticatorSelection"]["userVerification"] == "required"
        assert added.status == 400
        assert await place.rows(Passkey) == []


@pytest.mark.parametrize(
    "credential", ["", "{", "[]", "null", '{"id": 7}', '{"id": "x", "rawId": "x"}', "x" * 9000]
)
async def test_any_malformed_passkey_is_a_refusal_and_not_a_fault(
    place: Place, credential: str
) -> None:
    person = place.server.person()
    page = await person.open(f"{ISSUER}/sign-in")
    used = await place.use(person, page, Authenticator(), credential=credential)
    ada, mine = await place.ada()
    form = mine.forms["/account/security/passkeys"]
    fields = {**form.fields, "credential": credential}
    added = await ada.send(mine, form.action, list(fields.items()))

    assert (used.status, added.status) == (403, 400)


@pytest.mark.both_databases
async def test_a_passkeys_signature_is_valid_once_and_in_one_browser_a141(
    place: Place,
) -> None:
    _, device = await place.with_passkey()
    mallory, victim = place.server.person(), place.server.person()
    page = await mallory.open(f"{ISSUER}/sign-in")
    await victim.open(f"{ISSUER}/sign-in")
    form = page.forms["/sign-in/passkey"]
    fields = [*{**form.fields, "credential": device.get(form.options)}.items()]

    stolen = await victim.send(page, form.action, fields)
    first = await mallory.send(page, form.action, fields)
    second = await mallory.send(page, form.action, fields)

    assert (stolen.status, second.status) == (403, 400)
    assert first.status in {200, 404}
    assert len(await place.live()) == 2


async def test_a_copied_passkey_is_noticed_by_its_counter(place: Place) -> None:
    """WebAuthn Level 3 §6.1.1."""
    _, device = await place.with_passkey()
    statuses = []
    for count in (5, 5, 6):
        device.count = count
        person = place.server.person()
        page = await place.use(person, await person.open(f"{ISSUER}/sign-in"), device)
        statuses.append(page.status == 403)

    assert statuses == [False, True, False]


@pytest.mark.both_databases
async def test_another_persons_passkey_is_neither_added_nor_removed(place: Place) -> None:
    _, device = await place.with_passkey()
    bo = place.server.person("bo@globex.example")
    page = await bo.sign_in(await bo.open(SECURITY))
    added = await place.add(bo, page, device)
    (stored,) = await place.rows(Passkey)
    proof = (await bo.open(SECURITY)).forms["/account/security/passkeys"].fields["proof"]
    await bo.send(
        page, "/account/security/remove", [("proof", proof), ("passkey", stored.credential_id)]
    )

    assert added.status == 400
    assert [row.person_id for row in await place.rows(Passkey)] == ["usr_ada"]


@pytest.mark.both_databases
async def test_a_removed_passkey_signs_nobody_in(place: Place) -> None:
    ada, device = await place.with_passkey()
    page = await ada.press(await ada.open(SECURITY), "Remove")
    person = place.server.person()
    used = await place.use(person, await person.open(f"{ISSUER}/sign-in"), device)

    assert await place.rows(Passkey) == []
    assert (path_of(page), used.status) == ("/account/security", 403)
    assert "second_factor.removed" in await place.events()


async def test_a_disabled_persons_passkey_signs_nobody_in_a102(place: Place) -> None:
    _, device = await place.with_passkey()
    await place.change(PersonRow, "usr_ada", disabled_at=place.server.clock())
    person = place.server.person()
    used = await place.use(person, await person.open(f"{ISSUER}/sign-in"), device)
    assert used.status == 403


async def test_an_address_without_a_domain_offers_no_passkeys(table_server: AuthServer) -> None:
    """Browsers tie passkeys to a domain; the other ways stay."""
    person = table_server.person()
    page = await person.open("/sign-in?return_to=/account/security")
    mine = await person.sign_in(page)

    assert "/sign-in/passkey" not in page.forms
    assert "/account/security/passkeys" not in mine.forms
    assert "Set up an authenticator app" in mine.text


@pytest.mark.both_databases
async def test_people_of_another_provider_manage_second_factors_there(place: Place) -> None:
    person, _ = await place.ada()
    await place.change(PersonRow, "usr_ada", password_hash=None)
    page = await person.open(SECURITY)
    setup = await person.open(f"{SECURITY}/app")

    assert "Manage your password and two-step verification there" in page.text
    assert "/account/security/passkeys" not in page.forms
    assert setup.status == 400


@pytest.mark.parametrize("proof", ["", "x" * 43])
async def test_a_form_about_signing_in_that_the_page_did_not_make_is_refused_a38(
    place: Place, proof: str
) -> None:
    person, _, _ = await place.with_app()
    page = await person.open(SECURITY)
    for path in ("remove", "recovery-codes", "passkeys", "app"):
        answer = await person.send(page, f"/account/security/{path}", [("proof", proof)])
        assert answer.status == 403
    cross = await person.http.post(
        f"{SECURITY}/remove",
        data=page.forms["/account/security/remove"].fields,
        headers={"sec-fetch-site": "cross-site"},
    )
    assert cross.status_code == 403
    assert len(await place.rows(AuthenticatorApp)) == 1


@pytest.mark.both_databases
async def test_an_app_survives_a_change_of_the_secret_key(database_url: str, clock: Clock) -> None:
    """Sealed again while the former key is listed, which is not needed afterwards."""
    old, new = "a" * 16 + "1" * 32, "b" * 16 + "2" * 32
    async with running_auth_server(database_url, clock, issuer=ISSUER, secret_key=old) as server:
        _, secret, _ = await Place(server).with_app()
    changed = {"issuer": ISSUER, "secret_key": new, "previous_secret_keys": (old,)}
    async with running_auth_server(database_url, clock, **changed) as server:
        await maintain(server.opened)
    async with running_auth_server(database_url, clock, issuer=ISSUER, secret_key=new) as server:
        place = Place(server)
        person, page = await place.ada()
        done = await person.press(page, "Sign in", fill={"code": place.code(secret)})

    assert path_of(done) == "/account/security"


@pytest.mark.both_databases
async def test_an_operator_restores_access_for_a_person_who_lost_every_factor(
    place: Place, operate: Callable[..., Result]
) -> None:
    ada, _, _ = await place.with_app()
    command = ("people", "set", "usr_ada", "--drop-second-factors")
    assert (await asyncio.to_thread(operate, *command)).exit_code == 0
    page = await ada.sign_in(await ada.open(SECURITY))

    assert path_of(page) == "/account/security"
    assert "Set up an authenticator app" in page.text
    assert await place.rows(RecoveryCode) == []


@given(st.integers(-3, 3), st.integers(0, 3))
def test_the_present_code_and_its_neighbours_count_and_only_after_the_last_used(
    steps: int, used: int
) -> None:
    """RFC 6238 §5.2."""
    secret, clock = SECRET, Clock()
    present = int(clock().timestamp()) // 30
    code = pyotp.TOTP(secret).generate_otp(present + steps)
    after = present - 2 + used

    found = match_step(secret, f" {code[:3]} {code[3:]} ", now=clock(), after=after)

    assert found == (present + steps if abs(steps) <= 1 and present + steps > after else None)


@given(st.text(max_size=20))
def test_any_text_is_either_a_correct_code_or_not(code: str) -> None:
    clock = Clock()
    shown = {pyotp.TOTP(SECRET).at(clock(), counter_offset=step) for step in (-1, 0, 1)}
    matched = match_step(SECRET, code, now=clock(), after=0)
    assert (matched is not None) == ("".join(code.split()) in shown)
