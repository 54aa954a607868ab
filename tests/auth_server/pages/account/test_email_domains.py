"""A tenant proves its e-mail domains in the DNS; a domain belongs to one tenant at a time."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth_server.maintenance import maintain
from auth_server.notices.run import follow
from auth_server.outbound.txt_records import NoAnswer
from auth_server.records.tenant_domains.store import find_owner
from auth_server.records.tenants.store import put_membership
from auth_server.records.tenants.table import Membership
from auth_server.tenancy.domain_names import UnusableDomain, domain_of, normalize_domain
from auth_server.tenancy.domains import MOST_CHECKS, MOST_DOMAINS
from support.in_process.auth_server import AuthServer
from support.in_process.person import Page, Person

DOMAINS = "/account/organisation/domains"
ACME, GLOBEX = f"{DOMAINS}?tenant=org_acme", f"{DOMAINS}?tenant=org_globex"
DOMAIN = "acme.example"
RECORD = f"_gatepost.{DOMAIN}"


async def an_admin(server: AuthServer, email: str = "ada@acme.example") -> Person:
    """An admin who is signed in."""
    if email == "bo@globex.example":
        async with server.opened.transaction() as db:
            mine: dict[str, Any] = {
                "person_id": "usr_bo",
                "tenant_id": "org_globex",
                "role": "admin",
            }
            await put_membership(db, Membership(**mine))
    person = server.person(email)
    await person.sign_in(await person.open("/account/organisations"))
    return person


async def claimed(admin: Person, domain: str = DOMAIN, page: str = ACME) -> Page:
    """Claim a domain."""
    return await admin.press(await admin.open(page), "Add domain", fill={"domain": domain})


def value_of(page: Page) -> str:
    """The text of the record that the page asks for."""
    [value] = set(re.findall(r"gatepost-domain=[\w-]+", page.text))
    return str(value)


async def verified(server: AuthServer, admin: Person) -> Page:
    """Claim a domain and add its record."""
    server.dns[RECORD] = [value_of(await claimed(admin))]
    return await admin.press(await admin.open(ACME), f"Check now {DOMAIN}")


async def owner(server: AuthServer, domain: str = DOMAIN) -> str | None:
    """The tenant that has a domain verified."""
    async with server.opened.database.reading() as db:
        return await find_owner(db, domain)


@pytest.mark.both_databases
async def test_an_admin_claims_a_domain_and_proves_it_by_a_record(auth_server: AuthServer) -> None:
    ada = await an_admin(auth_server)
    page = await claimed(ada, "@Acme.Example.")
    assert "not verified yet" in page.text and RECORD in page.text
    value = value_of(page)

    page = await ada.press(page, f"Check now {DOMAIN}")
    assert "The record was not found" in page.text and await owner(auth_server) is None

    auth_server.dns[RECORD] = ["v=spf1 -all", f" {value} "]
    page = await ada.press(page, f"Check now {DOMAIN}")
    assert "The domain is verified." in page.text
    assert await owner(auth_server) == "org_acme"
    page = await ada.press(page, f"Remove {DOMAIN}")
    assert "The domain was removed." in page.text and await owner(auth_server) is None

    trail = await ada.open("/account/organisation/audit?tenant=org_acme")
    for words in ("Domain claimed", "Domain verified", "Domain removed"):
        assert words in trail.text


@pytest.mark.both_databases
async def test_of_two_tenants_that_claim_a_domain_one_has_it_a174(auth_server: AuthServer) -> None:
    ada, bo = await an_admin(auth_server), await an_admin(auth_server, "bo@globex.example")
    first = value_of(await claimed(ada))
    second = value_of(await claimed(bo, page=GLOBEX))
    assert first != second

    auth_server.dns[RECORD] = [first]
    page = await bo.press(await bo.open(GLOBEX), "Check now")
    assert "The record was not found" in page.text
    await ada.press(await ada.open(ACME), "Check now")
    auth_server.dns[RECORD] = [first, second]
    page = await bo.press(await bo.open(GLOBEX), "Check now")
    assert "Another organisation has verified this domain" in page.text

    assert await owner(auth_server) == "org_acme"
    await ada.press(await ada.open(ACME), "Remove")
    await bo.press(await bo.open(GLOBEX), "Check now")
    assert await owner(auth_server) == "org_globex"


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("gmail.com", "Anybody can get an address at this domain"),
        ("GoogleMail.com.", "Anybody can get an address at this domain"),
        ("\uff47mail.com", "Anybody can get an address at this domain"),
        *(
            (text, "Enter a domain such as example.com.")
            for text in (
                "com",
                "10.0.0.1",
                "a_b.example",
                "https://acme.example",
                "a@b.example",
                "",
            )
        ),
        ("-a.example", "Enter a domain such as example.com."),
        ("a..example", "Enter a domain such as example.com."),
        (f"{'a.' * 130}example", "Enter a domain such as example.com."),
    ],
)
async def test_nobody_claims_a_public_mail_domain_or_what_is_not_a_domain_a175(
    sqlite_server: AuthServer, typed: str, told: str
) -> None:
    page = await claimed(await an_admin(sqlite_server), typed)
    assert page.status == 400 and told in page.text


async def test_a_domain_that_looks_like_another_is_another_domain_a176(
    sqlite_server: AuthServer,
) -> None:
    ada = await an_admin(sqlite_server)
    await verified(sqlite_server, ada)
    disguised = "\u0430cme.example"  # with a Cyrillic letter
    page = await claimed(ada, disguised)
    assert "xn--cme-5cd.example" in page.text and disguised not in page.text
    assert domain_of(f"ada@{disguised}") == "xn--cme-5cd.example"
    assert await owner(sqlite_server, "xn--cme-5cd.example") is None


async def test_a_domain_ends_after_a_week_without_its_record_and_admins_are_told_a177(
    sqlite_server: AuthServer,
) -> None:
    ada = await an_admin(sqlite_server)
    await verified(sqlite_server, ada)
    await follow(sqlite_server.opened)
    await sqlite_server.mails()
    sqlite_server.dns[RECORD] = []
    told = []
    for _ in range(8):
        assert await owner(sqlite_server) == "org_acme"
        sqlite_server.clock.advance(days=1, seconds=1)
        await maintain(sqlite_server.opened)
        told += await sqlite_server.mails()

    assert await owner(sqlite_server) is None
    assert [mail.subject for mail in told] == [
        "The TXT record of acme.example is missing",
        "acme.example is no longer verified",
    ]
    assert {mail.to for mail in told} == {"ada@acme.example"}


async def test_a_record_that_returns_within_the_week_keeps_the_domain(
    sqlite_server: AuthServer,
) -> None:
    await verified(sqlite_server, await an_admin(sqlite_server))
    records = sqlite_server.dns[RECORD]
    for day in range(20):
        sqlite_server.dns[RECORD] = records if day % 5 == 4 else []
        sqlite_server.clock.advance(days=1, seconds=1)
        await maintain(sqlite_server.opened)
    assert await owner(sqlite_server) == "org_acme"


async def test_name_servers_that_do_not_answer_end_nothing(sqlite_server: AuthServer) -> None:
    ada = await an_admin(sqlite_server)
    await verified(sqlite_server, ada)
    sqlite_server.dns[RECORD] = NoAnswer("Timeout")
    for _ in range(10):
        sqlite_server.clock.advance(days=1, seconds=1)
        await maintain(sqlite_server.opened)
    assert await owner(sqlite_server) == "org_acme"
    ada = await an_admin(sqlite_server)
    page = await ada.press(await ada.open(ACME), "Check now")
    assert "did not answer" in page.text


async def test_only_an_admin_of_the_tenant_manages_its_domains_a151(
    sqlite_server: AuthServer,
) -> None:
    ada = await an_admin(sqlite_server)
    page = await claimed(ada)
    bo = await an_admin(sqlite_server, "bo@globex.example")
    own = await claimed(bo, "globex.example", GLOBEX)
    for path in (DOMAINS, f"{DOMAINS}/check", f"{DOMAINS}/remove"):
        form = {**own.forms[DOMAINS].fields, "tenant": "org_acme", "domain": DOMAIN}
        assert (await bo.send(own, path, list(form.items()))).status == 403
    assert (await bo.open(ACME)).status == 403
    assert value_of(await ada.open(ACME)) == value_of(page)


async def test_the_number_of_domains_and_of_checks_is_limited(sqlite_server: AuthServer) -> None:
    ada = await an_admin(sqlite_server)
    page = await claimed(ada)
    for _ in range(MOST_CHECKS):
        page = await ada.press(page, f"Check now {DOMAIN}")
    page = await ada.press(page, f"Check now {DOMAIN}")
    assert page.status == 400 and "Try again later" in page.text
    for number in range(MOST_DOMAINS - 1):
        page = await claimed(ada, f"a{number}.example")
    page = await claimed(ada, "one-more.example")
    assert page.status == 400 and "There are 50 domains" in page.text


@given(st.text(max_size=300))
def test_a_normalized_domain_is_plain_ascii_and_stays_the_same(text: str) -> None:
    try:
        name = normalize_domain(text)
    except UnusableDomain:
        return
    assert re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)+", name)
    assert normalize_domain(name) == name == domain_of(f"a@b@{text}")
