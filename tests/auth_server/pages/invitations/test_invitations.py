"""An invited person becomes a member once they prove the address; nobody else does."""

import asyncio
import re
from datetime import timedelta
from typing import Any

import pytest
from pyotp import TOTP
from sqlmodel import select

from auth_server.maintenance import maintain
from auth_server.outbox.queue import MOST_IN_AN_HOUR
from auth_server.records.audit.table import AuditEntry
from auth_server.records.invitations.table import Invitation
from auth_server.records.people.store import find_account
from auth_server.records.tenants.store import find_membership, lock_tenant, put_membership
from auth_server.records.tenants.table import Membership
from auth_server.tenancy.invitations import MOST_IN_A_DAY
from support.in_process.admin_api import admin_api
from support.in_process.auth_server import AuthServer
from support.in_process.person import Page, Person
from support.mail.mailbox import link_of

ADMINS_PAGE = "/account/organisation/invitations?tenant=org_acme"
DEE = "dee@new.example"
PASSWORD = "four random words here"


async def admin_of(server: AuthServer, email: str = "ada@acme.example") -> Person:
    """A person who is signed in."""
    person = server.person(email)
    await person.sign_in(await person.open("/account/organisations"))
    return person


async def send(admin: Person, email: str, **fill: str) -> Page:
    """Fill in the form of invitations."""
    page = await admin.open(ADMINS_PAGE)
    return await admin.press(page, "Send invitation", fill={"email": email, **fill})


async def link_for(server: AuthServer, email: str, **fill: str) -> str:
    """Have Ada invite somebody; return the link in their mail."""
    page = await send(await admin_of(server), email, **fill)
    assert "The invitation was sent." in page.text
    (mail,) = await server.mails()
    assert mail.to == email
    return link_of(mail)


async def code_from(server: AuthServer) -> str:
    """The code in the newest mail."""
    *_, mail = await server.mails()
    found = re.search(r"\d{4} \d{4}", mail.text)
    assert found is not None and "http" not in mail.text.partition("--")[0]
    return found[0]


async def create_account(server: AuthServer, person: Person, link: str) -> Page:
    """Go from the link to a new account."""
    page = await person.press(await person.open(link), "Create an account")
    page = await person.press(page, "Continue", fill={"code": await code_from(server)})
    return await person.press(
        page, "Create account", fill={"name": "Dee Doe", "password": PASSWORD}
    )


async def membership_of(server: AuthServer, email: str) -> Membership | None:
    """The membership in Acme of whoever has an address."""
    async with server.opened.database.reading() as db:
        person = await find_account(db, email=email)
        return await find_membership(db, person.person_id, "org_acme") if person else None


async def verify(server: AuthServer, email: str) -> None:
    """Make an account's address a verified one."""
    async with server.opened.transaction() as db:
        person = await find_account(db, email=email)
        assert person is not None
        person.email_verified_at = server.clock()


async def test_an_invited_person_creates_an_account_enrols_and_connects_an_app(
    sqlite_server: AuthServer, read_token: Any
) -> None:
    link = await link_for(sqlite_server, DEE, role="analyst", data_scope="team:design")
    async with sqlite_server.opened.transaction() as db:
        acme = await lock_tenant(db, "org_acme")
        assert acme is not None
        acme.required_level = 2
    dee = sqlite_server.person(DEE)

    welcome = await create_account(sqlite_server, dee, link)
    assert "You are a member of Acme" in welcome.text
    assert "requires two-step verification" in welcome.text
    enrol = await dee.open(next(x for x in welcome.links if "/security/enrol" in x))
    setup = await dee.open(next(x for x in enrol.links if "/security/app" in x))
    secret = re.search(r"secret=([A-Z2-7]+)|<code>([A-Z2-7 ]+)</code>", setup.html)
    assert secret is not None
    totp = TOTP((secret[1] or secret[2]).replace(" ", ""))
    code = totp.at(sqlite_server.clock())
    codes = await dee.press(setup, "Verify and turn on", fill={"code": code})
    done = await dee.open(next(x for x in codes.links if "/account/welcome" in x))
    assert "Connect an app, and choose what it can access" in done.text
    client = await sqlite_server.client()
    tokens = await client.connect(dee)

    claims = await read_token(sqlite_server, tokens["access_token"])
    assert (claims["tenant_id"], claims["data_scope"]) == ("org_acme", "team:design")
    member = await membership_of(sqlite_server, DEE)
    assert member is not None and member.role == "analyst"


async def test_a_person_with_a_verified_address_signs_in_and_accepts(
    sqlite_server: AuthServer,
) -> None:
    await verify(sqlite_server, "bo@globex.example")
    link = await link_for(sqlite_server, "bo@globex.example", data_scope="team:design")
    bo = sqlite_server.person("bo@globex.example")
    page = await bo.open(link)
    assert "ada@acme.example invites you" in page.text and "bo@globex" not in page.text
    page = await bo.sign_in(await bo.open(next(x for x in page.links if "/sign-in" in x)))
    joined = await bo.press(page, "Accept invitation")
    assert "You are a member of Acme" in joined.text
    member = await membership_of(sqlite_server, "bo@globex.example")
    assert member is not None and (member.role, member.data_scope) == ("member", "team:design")


async def test_an_account_with_an_unverified_address_proves_it_first(
    sqlite_server: AuthServer,
) -> None:
    link = await link_for(sqlite_server, "bo@globex.example")
    bo = await admin_of(sqlite_server, "bo@globex.example")
    page = await bo.open(link)
    assert "Accept invitation" not in page.html
    page = await bo.press(page, "Send code")
    joined = await bo.press(page, "Continue", fill={"code": await code_from(sqlite_server)})
    assert "You are a member of Acme" in joined.text


async def test_an_invitation_for_another_address_is_refused_to_a_signed_in_person_a169(
    sqlite_server: AuthServer,
) -> None:
    link = await link_for(sqlite_server, DEE)
    await verify(sqlite_server, "bo@globex.example")
    bo = await admin_of(sqlite_server, "bo@globex.example")
    page = await bo.open(link)
    assert "for another e-mail address" in page.text and DEE not in page.text
    own = await link_for(sqlite_server, "bo@globex.example")
    form = (await bo.open(own)).forms["/account/invitation/accept"]
    foreign = {**form.fields, "id": link.partition("id=")[2]}
    refused = await bo.send(page, "/account/invitation/accept", list(foreign.items()))
    assert refused.status == 403
    assert await membership_of(sqlite_server, "bo@globex.example") is None


async def test_a_code_does_not_sign_anybody_in_to_an_account_that_exists_a169(
    sqlite_server: AuthServer,
) -> None:
    link = await link_for(sqlite_server, "bo@globex.example")
    stranger = sqlite_server.person()
    page = await stranger.press(await stranger.open(link), "Create an account")
    code = await code_from(sqlite_server)
    page = await stranger.press(page, "Continue", fill={"code": code})
    assert "You already have an account" in page.text
    assert urls_to_sign_in(await stranger.open("/account/apps"))
    assert await membership_of(sqlite_server, "bo@globex.example") is None


def urls_to_sign_in(page: Page) -> bool:
    """Whether a page asks to sign in."""
    return "/sign-in" in page.url


async def test_before_the_code_nobody_learns_whether_an_address_has_an_account(
    sqlite_server: AuthServer,
) -> None:
    known = await link_for(sqlite_server, "bo@globex.example")
    unknown = await link_for(sqlite_server, "by@globex.example")
    seen = []
    for link in (known, unknown):
        stranger = sqlite_server.person()
        first = await stranger.open(link)
        second = await stranger.press(first, "Create an account")
        seen.append((first.status, first.text, second.status, second.text))
    assert seen[0] == seen[1]


async def test_an_invitation_is_accepted_once_and_its_link_is_dead_afterwards(
    sqlite_server: AuthServer,
) -> None:
    link = await link_for(sqlite_server, DEE)
    await create_account(sqlite_server, sqlite_server.person(DEE), link)
    again = await sqlite_server.person().open(link)
    never = await sqlite_server.person().open("/account/invitation?id=" + "0" * 32)
    assert again.status == never.status == 404
    assert again.text == never.text


@pytest.mark.both_databases
async def test_of_two_acceptances_at_once_one_counts(auth_server: AuthServer) -> None:
    await verify(auth_server, "bo@globex.example")
    link = await link_for(auth_server, "bo@globex.example")
    bo = await admin_of(auth_server, "bo@globex.example")
    page = await bo.open(link)
    await asyncio.gather(*(bo.press(page, "Accept invitation") for _ in range(2)))
    async with auth_server.opened.database.reading() as db:
        events = (await db.execute(select(AuditEntry.event))).scalars().all()
    assert events.count("invitation.accepted") == events.count("membership.created") == 1


async def test_the_sealed_code_of_one_browser_is_not_valid_in_another_nor_twice_a169(
    sqlite_server: AuthServer,
) -> None:
    link = await link_for(sqlite_server, DEE)
    dee, thief = sqlite_server.person(DEE), sqlite_server.person()
    page = await dee.press(await dee.open(link), "Create an account")
    code = await code_from(sqlite_server)
    await thief.open(link)
    stolen = await thief.press(page, "Continue", fill={"code": code})
    assert stolen.status == 403
    assert (await dee.press(page, "Continue", fill={"code": code})).status == 200
    replayed = await dee.press(page, "Continue", fill={"code": code})
    assert "Create account" not in replayed.text and replayed.status == 400


async def test_a_code_is_guessed_five_times_at_most_and_expires_a169(
    sqlite_server: AuthServer,
) -> None:
    link = await link_for(sqlite_server, DEE)
    dee = sqlite_server.person(DEE)
    page = await dee.press(await dee.open(link), "Create an account")
    code = await code_from(sqlite_server)
    wrong = "0000 0000" if code != "0000 0000" else "1111 1111"
    statuses = [(await dee.press(page, "Continue", fill={"code": wrong})).status for _ in range(6)]
    assert statuses == [401] * 5 + [429]
    assert (await dee.press(page, "Continue", fill={"code": code})).status == 429

    page = await dee.press(await dee.open(link), "Create an account")
    code = await code_from(sqlite_server)
    sqlite_server.clock.advance(minutes=10)
    assert (await dee.press(page, "Continue", fill={"code": code})).status == 400


async def test_an_invitation_is_valid_for_seven_days_and_can_be_sent_again(
    sqlite_server: AuthServer,
) -> None:
    link = await link_for(sqlite_server, DEE)
    sqlite_server.clock.advance(days=7)
    assert (await sqlite_server.person().open(link)).status == 404
    ada = await admin_of(sqlite_server)
    page = await ada.open(ADMINS_PAGE)
    assert "expired" in page.text
    await ada.press(page, "Send again")
    (mail,) = await sqlite_server.mails()
    assert link_of(mail) == link
    assert (await sqlite_server.person().open(link)).status == 200

    sqlite_server.clock.advance(days=38)
    await maintain(sqlite_server.opened)
    async with sqlite_server.opened.database.reading() as db:
        assert (await db.execute(select(Invitation))).first() is None


async def test_a_withdrawn_invitation_is_over_at_once(sqlite_server: AuthServer) -> None:
    link = await link_for(sqlite_server, DEE)
    ada = await admin_of(sqlite_server)
    page = await ada.press(await ada.open(ADMINS_PAGE), "Withdraw")
    assert "The invitation was withdrawn." in page.text and DEE not in page.text
    assert (await sqlite_server.person().open(link)).status == 404


async def test_an_admin_invites_to_no_more_data_than_they_see_when_it_is_accepted_a170(
    sqlite_server: AuthServer,
) -> None:
    async with sqlite_server.opened.transaction() as db:
        mine: dict[str, Any] = {"person_id": "usr_bo", "tenant_id": "org_acme", "role": "admin"}
        await put_membership(db, Membership(**mine, data_scope="team:design"))
    bo = await admin_of(sqlite_server, "bo@globex.example")
    refused = await send(bo, DEE, data_scope="")
    assert "can't give access to data that you can't see" in refused.text
    assert "You can give what you see yourself: team:design." in refused.text
    assert "all data" not in refused.text.partition("Open invitations")[0]
    await send(bo, DEE, data_scope="team:design")
    (mail,) = await sqlite_server.mails()
    async with sqlite_server.opened.transaction() as db:
        await put_membership(db, Membership(**mine, data_scope="team:sales"))
    page = await create_account(sqlite_server, sqlite_server.person(DEE), link_of(mail))
    assert page.status == 403
    async with sqlite_server.opened.database.reading() as db:
        assert await find_account(db, email=DEE) is None


async def test_a_member_and_an_admin_of_another_tenant_can_not_invite_a170(
    sqlite_server: AuthServer,
) -> None:
    link = await link_for(sqlite_server, DEE)
    ada_page = await (await admin_of(sqlite_server)).open(ADMINS_PAGE)
    async with sqlite_server.opened.transaction() as db:
        globex: dict[str, Any] = {
            "person_id": "usr_bo",
            "tenant_id": "org_globex",
            "data_scope": "",
        }
        await put_membership(db, Membership(**globex, role="admin"))
        await put_membership(db, Membership(**{**globex, "tenant_id": "org_acme"}, role="member"))
    bo = await admin_of(sqlite_server, "bo@globex.example")
    assert (await bo.open(ADMINS_PAGE)).status == 403
    for action, form in ada_page.forms.items():
        if "/invitations" in action:
            for button in ("again", "withdraw"):
                data = {**form.fields, "email": "x@new.example", "role": "admin"}
                data[button] = link.partition("id=")[2]
                assert (await bo.send(ada_page, action, list(data.items()))).status == 403
    own = await bo.open(ADMINS_PAGE.replace("org_acme", "org_globex"))
    form = own.forms["/account/organisation/invitations"]
    foreign = {"tenant": "org_globex", "proof": form.fields["proof"]}
    foreign["withdraw"] = link.partition("id=")[2]
    page = await bo.send(own, "/account/organisation/invitations/change", list(foreign.items()))
    assert "no longer exists" in page.text
    assert (await sqlite_server.person().open(link)).status == 200
    assert await sqlite_server.mails() == []


async def test_nobody_floods_a_mailbox_or_many_with_invitations_a171(
    sqlite_server: AuthServer,
) -> None:
    ada = await admin_of(sqlite_server)
    await send(ada, DEE)
    pages = [await ada.press(await ada.open(ADMINS_PAGE), "Send again") for _ in range(6)]
    assert "got several invitations lately" in pages[-1].text
    assert len(await sqlite_server.mails()) == MOST_IN_AN_HOUR
    for number in range(MOST_IN_A_DAY):
        page = await send(ada, f"person{number}@new.example")
    assert "50 invitations were sent today" in page.text
    sqlite_server.clock.advance(days=1)
    assert "was sent" in (await send(await admin_of(sqlite_server), "late@new.example")).text


async def test_nobody_floods_an_invited_persons_mailbox_with_codes_a171(
    sqlite_server: AuthServer,
) -> None:
    link = await link_for(sqlite_server, DEE)
    for _ in range(MOST_IN_AN_HOUR + 1):
        stranger = sqlite_server.person()
        page = await stranger.press(await stranger.open(link), "Create an account")
    assert page.status == 429
    assert len(await sqlite_server.mails()) == MOST_IN_AN_HOUR


@pytest.mark.parametrize(
    ("fill", "told"),
    [
        ({"email": "ada@acme.example"}, "already a member"),
        ({"email": "two@a.example,three@a.example"}, "one e-mail address"),
        ({"role": "x" * 33}, "1 to 32 printable characters"),
        ({"data_scope": "nonsense"}, "entries such as team:sales"),
    ],
)
async def test_an_admin_is_told_what_is_wrong_with_an_invitation(
    table_server: AuthServer, fill: dict[str, str], told: str
) -> None:
    page = await send(await admin_of(table_server), **{"email": DEE, **fill})
    assert page.status == 400 and told in page.text
    assert await table_server.mails() == []


async def test_a_program_of_an_operator_invites_and_withdraws(sqlite_server: AuthServer) -> None:
    api = await admin_api(sqlite_server)
    path = "/tenants/org_acme/invitations"
    made = await api.call("POST", path, json={"email": DEE, "language": "de"})
    assert made.status_code == 201
    (mail,) = await sqlite_server.mails()
    assert "Acme" in mail.subject and "Einladung" in mail.text
    again = await api.call("POST", path, json={"email": DEE})
    assert again.status_code == 422
    one = f"{path}/{made.json()['invitation_id']}"
    sqlite_server.clock.advance(hours=1)
    resent = await api.call("POST", f"{one}/resend")
    assert resent.json()["expires_at"] > made.json()["expires_at"]
    assert [row["email"] for row in (await api.call("GET", path)).json()] == [DEE]
    assert (await api.call("DELETE", one)).status_code == 204
    assert (await api.call("DELETE", one)).status_code == 404
    reading = await admin_api(sqlite_server, ["tenants:read"])
    assert (await reading.call("POST", path, json={"email": DEE})).status_code == 403
    assert (await reading.call("GET", "/tenants/nowhere/invitations")).status_code == 404
    page = await (await admin_of(sqlite_server)).open(ADMINS_PAGE)
    assert "There are no open invitations." in page.text


async def test_the_audit_log_tells_who_invited_whom(sqlite_server: AuthServer) -> None:
    link = await link_for(sqlite_server, DEE)
    sqlite_server.clock.advance(seconds=timedelta(hours=1).total_seconds())
    await create_account(sqlite_server, sqlite_server.person(DEE), link)
    async with sqlite_server.opened.database.reading() as db:
        entries = (await db.execute(select(AuditEntry))).scalars().all()
    told = {entry.event: entry for entry in entries if entry.event.startswith("invitation.")}
    assert told["invitation.created"].person_id == "usr_ada"
    assert DEE in told["invitation.accepted"].detail
