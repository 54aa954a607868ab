"""Signing in: one browser, one authorization request, one person, and an own session."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from sqlmodel import select

from auth_server.records.audit.table import AuditEntry
from auth_server.records.people.passwords import _hasher as real_hasher
from auth_server.records.people.table import Person as PersonRow
from support.in_process.auth_server import AuthServer, running_auth_server
from support.in_process.clock import Clock
from support.in_process.oauth_client import answer_of
from support.in_process.person import Page, Person

WRONG = "Incorrect e-mail or password"


def path_of(page: Page) -> str:
    """Tell which page this is."""
    return urlsplit(page.url).path


def transaction_of(page: Page) -> str:
    """Read the id of the authorization request from a page."""
    return parse_qs(urlsplit(page.url).query)["transaction"][0]


def cookie_of(person: Person, name: str) -> str:
    """Read a cookie of a person's browser."""
    return next(c.value or "" for c in person.http.cookies.jar if c.name.endswith(name))


async def post(
    person: Person, page: Page, headers: dict[str, str] | None = None, **fields: str
) -> httpx2.Response:
    """Post a page's sign-in form with some fields changed."""
    form = page.forms["/sign-in"].fields
    data = {**form, "email": person.email, "password": person.password, **fields}
    return await person.http.post("/sign-in", data=data, headers=headers or {})


@pytest.mark.parametrize(
    ("email", "password"),
    [
        ("ada@acme.example", "gatepost-dem"),
        ("ada@acme.example", "gatepost-demo "),
        ("ada@acme.example", "GATEPOST-DEMO"),
        ("ada@acme.example", ""),
        ("ada@acme.example", "x" * 5000),
        ("ada@acme.example", "pässwörd 🙂"),
        ("nobody@acme.example", "gatepost-demo"),
        ("", "gatepost-demo"),
        ("x" * 400 + "@acme.example", "gatepost-demo"),
        ("' OR 1=1 --", "gatepost-demo"),
        ("%", "gatepost-demo"),
        ("<script>@acme.example", "gatepost-demo"),
    ],
)
async def test_a_wrong_password_and_an_unknown_person_get_the_same_answer_a143(
    table_server: AuthServer, email: str, password: str
) -> None:
    """A143: nobody learns who has an account."""
    client, person = await table_server.client(), table_server.person()
    page = await person.open(client.authorize_url())
    reference = await post(person, page, email="nobody@acme.example")

    answer = await post(person, page, email=email, password=password)

    assert (answer.status_code, WRONG in answer.text) == (401, True)
    assert not [c for c in person.http.cookies.jar if c.name.endswith("session")]
    assert "<script>" not in answer.text
    if email.endswith("acme.example") and len(email) < 100 and "<" not in email:
        assert answer.text.replace(email, "") == reference.text.replace("nobody@acme.example", "")


async def test_a_refusal_is_recorded_whether_or_not_there_is_such_a_person_a143(
    auth_server: AuthServer,
) -> None:
    """A write for only one of them would show in the response time."""
    client, person = await auth_server.client(), auth_server.person()
    page = await person.open(client.authorize_url())
    for email in ("ada@acme.example", "nobody@acme.example"):
        await post(person, page, email=email, password="wrong")
    async with auth_server.opened.database.reading() as db:
        entries = (await db.execute(select(AuditEntry))).scalars().all()

    refused = [entry.person_id for entry in entries if entry.event == "sign_in.refused"]
    assert refused == ["usr_ada", ""]


async def test_a_person_writes_their_address_as_they_like(auth_server: AuthServer) -> None:
    """Case and surrounding spaces do not matter in an e-mail address."""
    client, person = await auth_server.client(), auth_server.person(" Ada@ACME.example ")

    page = await person.sign_in(await person.open(client.authorize_url()))

    assert path_of(page) == "/tenant"


async def test_a_disabled_person_may_not_sign_in_nor_go_on(
    auth_server: AuthServer, change_row: Any
) -> None:
    """A102: also with an earlier session."""
    client, person = await auth_server.client(), auth_server.person()
    page = await person.reach_consent(client.authorize_url())
    await change_row(auth_server, PersonRow, "usr_ada", disabled_at=auth_server.clock())

    stopped = await person.press(page, "Approve")
    refused = await person.sign_in(stopped)

    assert path_of(stopped) == "/sign-in"
    assert (refused.status, WRONG in refused.text) == (401, True)


async def test_a_session_gets_a_new_id_at_each_sign_in_and_the_old_one_is_dead_a41(
    auth_server: AuthServer,
) -> None:
    """A41: session fixation."""
    client, person = await auth_server.client(), auth_server.person()
    await person.reach_consent(client.authorize_url())
    planted = cookie_of(person, "session")
    auth_server.clock.advance(seconds=1)
    page = await person.open(client.authorize_url(prompt="login"))
    await person.sign_in(page)

    other = auth_server.person()
    other.http.cookies.set("gatepost_session", planted)
    page = await other.open(client.authorize_url())

    assert cookie_of(person, "session") != planted
    assert path_of(page) == "/sign-in"


@pytest.mark.both_databases
async def test_a_session_id_that_an_attacker_planted_is_not_the_one_signed_in_a41(
    auth_server: AuthServer,
) -> None:
    """A41."""
    client, person = await auth_server.client(), auth_server.person()
    person.http.cookies.set("gatepost_session", "planted", domain="127.0.0.1", path="/")
    await person.reach_consent(client.authorize_url())

    attacker = auth_server.person()
    attacker.http.cookies.set("gatepost_session", "planted", domain="127.0.0.1", path="/")
    page = await attacker.open(client.authorize_url())

    assert path_of(page) == "/sign-in"


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "none"},
        {"sec-fetch-site": "cross-site", "origin": "http://127.0.0.1:8400"},
        {"sec-fetch-site": "cross-site", "origin": "null"},
        {"origin": "https://evil.example"},
        {"origin": "http://127.0.0.1:8401"},
        {"origin": "https://127.0.0.1:8400"},
        {"origin": "http://127.0.0.1:8400.evil.example"},
    ],
)
@pytest.mark.parametrize("path", ["/sign-in", "/sign-out", "/tenant", "/consent"])
async def test_a_form_that_another_site_posts_is_refused_a38_a40(
    table_server: AuthServer, path: str, headers: dict[str, str]
) -> None:
    """A38, A40: cross-site request forgery, and signing a person in as another."""
    client, person = await table_server.client(), table_server.person()
    page = await person.open(client.authorize_url())
    fields = page.forms["/sign-in"].fields | {"email": person.email, "password": person.password}

    answer = await person.http.post(path, data=fields, headers=headers)

    assert (answer.status_code, "another site" in answer.text) == (403, True)
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "same-origin", "origin": "null"},
        {"sec-fetch-site": "same-origin", "origin": "http://127.0.0.1:8400"},
        {"origin": "http://127.0.0.1:8400"},
        {"origin": "null"},
        {},
    ],
)
async def test_a_form_that_a_browser_posts_from_our_own_page_is_taken(
    table_server: AuthServer, headers: dict[str, str]
) -> None:
    """Under `Referrer-Policy: no-referrer` browsers send `Origin: null` with our own forms."""
    client, person = await table_server.client(), table_server.person()
    page = await person.open(client.authorize_url())

    answer = await post(person, page, headers)

    assert (answer.status_code, answer.headers["location"][:20]) == (
        303,
        "/authorize/continue?"[:20],
    )


@pytest.mark.parametrize("proof", [None, "", "x", "x" * 43, "é", "\x7f" * 43])
async def test_a_form_without_its_proof_is_refused_a38_a40(
    table_server: AuthServer, proof: str | None
) -> None:
    """A38, A40."""
    client, person = await table_server.client(), table_server.person()
    page = await person.open(client.authorize_url())
    fields = {**page.forms["/sign-in"].fields, "email": person.email, "password": person.password}
    fields = {name: value for name, value in fields.items() if name != "proof"}

    answer = await person.http.post(
        "/sign-in", data=fields if proof is None else {**fields, "proof": proof}
    )

    assert (answer.status_code, "set-cookie" in answer.headers) == (403, False)


async def test_a_proof_made_for_another_browser_transaction_or_page_is_refused(
    auth_server: AuthServer,
) -> None:
    """A38, A40: an attacker's own form, posted by the victim's browser."""
    client = await auth_server.client()
    ada, mallory = auth_server.person(), auth_server.person("bo@globex.example")
    adas = await ada.open(client.authorize_url())
    adas_second = await ada.open(client.authorize_url())
    mallorys = await mallory.open(client.authorize_url())
    tenant_page = await ada.sign_in(await ada.open(client.authorize_url()))
    assert path_of(tenant_page) == "/tenant"

    for page in (mallorys, adas_second):
        answer = await post(ada, adas, proof=page.forms["/sign-in"].fields["proof"])
        assert answer.status_code == 403
    tenant_proof = tenant_page.forms["/tenant"].fields["proof"]
    foreign = await post(ada, adas, proof=tenant_proof, transaction=transaction_of(tenant_page))
    assert foreign.status_code == 403


@pytest.mark.parametrize("path", ["/authorize/continue", "/sign-in", "/tenant", "/consent"])
async def test_a_link_into_another_browsers_transaction_leads_nowhere_a35(
    auth_server: AuthServer, path: str
) -> None:
    """A35, CVE-2026-27124: the attacker consents, the victim follows the link."""
    client = await auth_server.client()
    mallory, victim = auth_server.person(), auth_server.person()
    page = await mallory.reach_consent(client.authorize_url())
    await victim.open(client.authorize_url())

    stolen = await victim.http.get(path, params={"transaction": transaction_of(page)})
    posted = await victim.http.post(
        "/consent" if path == "/authorize/continue" else path,
        data={**page.forms["/consent"].fields, "decision": "approve", "tool": "list_tasks"},
    )

    assert (stolen.status_code, posted.status_code) == (400, 400)
    assert "another browser" in stolen.text
    assert "code=" not in posted.text


async def test_a_request_left_lying_for_too_long_is_over(auth_server: AuthServer) -> None:
    """Fifteen minutes, on every page."""
    client, person = await auth_server.client(), auth_server.person()
    page = await person.open(client.authorize_url())
    auth_server.clock.advance(minutes=14, seconds=59)
    still = await person.http.get(page.url)
    auth_server.clock.advance(seconds=1)

    late = await post(person, page)

    assert still.status_code == 200
    assert (late.status_code, "took too long" in late.text) == (400, True)
    for path in ("/authorize/continue", "/sign-in", "/tenant", "/consent"):
        gone = await person.http.get(path, params={"transaction": transaction_of(page)})
        assert gone.status_code == 400


async def test_a_person_stays_signed_in_until_the_session_has_been_idle_too_long(
    auth_server: AuthServer,
) -> None:
    """Sessions end after twelve hours without use."""
    client, person = await auth_server.client(), auth_server.person()
    await person.reach_consent(client.authorize_url())

    async def next_page() -> str:
        return path_of(await person.open(client.authorize_url()))

    auth_server.clock.advance(hours=11)
    assert await next_page() == "/tenant"
    auth_server.clock.advance(hours=11)
    assert await next_page() == "/tenant"
    auth_server.clock.advance(hours=12)
    assert await next_page() == "/sign-in"


async def test_no_session_lasts_longer_than_its_end_however_much_it_is_used(
    auth_server: AuthServer,
) -> None:
    """Sessions end after fourteen days, and use does not revive an ended one."""
    client, person = await auth_server.client(), auth_server.person()
    await person.reach_consent(client.authorize_url())
    pages = []
    for _ in range(29):
        auth_server.clock.advance(hours=11.7)
        pages.append(path_of(await person.open(client.authorize_url())))

    assert pages.count("/tenant") == 28
    assert pages[-1] == "/sign-in"


async def test_not_you_lets_another_person_answer_the_same_request_a40(
    auth_server: AuthServer,
) -> None:
    """A40: the account is shown, and can be changed."""
    client, person = await auth_server.client(), auth_server.person()
    page = await person.reach_consent(client.authorize_url())
    old = cookie_of(person, "session")
    assert "ada@acme.example" in page.text

    page = await person.press(page, "Not you?")
    assert path_of(page) == "/sign-in"
    person.email = "bo@globex.example"
    page = await person.sign_in(page)
    assert path_of(page) == "/consent"
    assert "bo@globex.example" in page.text
    assert "ada@acme.example" not in page.text

    other = auth_server.person()
    other.http.cookies.set("gatepost_session", old)
    assert path_of(await other.open(client.authorize_url())) == "/sign-in"


async def test_the_approval_page_of_the_person_before_is_refused_a42(
    auth_server: AuthServer,
) -> None:
    """A40, A42: two people, one browser; an old tab must not answer for the new person."""
    client, person = await auth_server.client(), auth_server.person()
    adas = await person.reach_consent(client.authorize_url(), tenant="Globex")
    page = await person.press(adas, "Not you?")
    person.email = "bo@globex.example"
    await person.sign_in(page)

    stale = await person.press(adas, "Approve")

    assert (stale.status, stale.moves_on_to) == (403, None)


async def test_a_login_hint_fills_in_the_form(
    auth_server: AuthServer,
) -> None:
    """OpenID Connect Core §3.1.2.1, login_hint; A44: it is always text."""
    client, person = await auth_server.client(), auth_server.person()

    page = await person.open(client.authorize_url(login_hint='"><script>alert(1)</script>@x'))

    assert "<script>" not in page.html
    assert page.forms["/sign-in"].fields["email"] == '"><script>alert(1)</script>@x'


async def test_cookies_are_out_of_reach_for_scripts_and_other_sites(
    auth_server: AuthServer,
) -> None:
    """RFC 6265bis §4.1.2; over http, which only a loopback issuer may use."""
    client, person = await auth_server.client(), auth_server.person()
    answer = await person.http.get(client.authorize_url())
    page = await person.open(client.authorize_url())
    signed_in = await post(person, page)

    for cookie in (answer.headers["set-cookie"], signed_in.headers["set-cookie"]):
        attributes = {part.strip().lower() for part in cookie.split(";")[1:]}
        assert {"httponly", "path=/", "samesite=lax"} <= attributes
        assert not [part for part in attributes if part.startswith("domain")]


async def test_over_https_only_host_cookies_are_read_a57(database_url: str, clock: Clock) -> None:
    """A57: a sibling subdomain can plant a plain name, never `__Host-`."""
    issuer = "https://id.example"
    async with running_auth_server(database_url, clock, issuer=issuer) as server:
        client, person = await server.client(), server.person()
        answer = await person.http.get(client.authorize_url())
        page = await person.open(client.authorize_url())
        signed_in = await post(person, page)
        tossed = server.person()
        for cookie in person.http.cookies.jar:
            plain = cookie.name.removeprefix("__Host-")
            tossed.http.cookies.set(plain, cookie.value or "")
        followed = await tossed.http.get(answer.headers["location"])

    for line in (answer.headers["set-cookie"], signed_in.headers["set-cookie"]):
        assert line.startswith("__Host-gatepost_")
        assert "secure" in line.lower()
    assert page.headers["strict-transport-security"].startswith("max-age=")
    assert followed.status_code == 400


async def test_a_password_in_the_url_or_in_json_is_not_read(table_server: AuthServer) -> None:
    """A104: addresses end up in histories and logs."""
    client, person = await table_server.client(), table_server.person()
    page = await person.open(client.authorize_url())
    fields = {**page.forms["/sign-in"].fields, "email": person.email, "password": person.password}

    in_url = await person.http.post("/sign-in", params=fields)
    as_json = await person.http.post("/sign-in", json=fields)

    assert (in_url.status_code, as_json.status_code) == (400, 400)


async def test_a_signed_in_browser_is_sent_no_further_than_a_page_of_ours_a14(
    auth_server: AuthServer,
) -> None:
    """A14: nothing a request says can name where sign-in leads."""
    client, person = await auth_server.client(), auth_server.person()
    page = await person.open(client.authorize_url())

    for evil in ("//evil.example", "/\\evil.example", "https:evil.example", "%2f%2fevil.example"):
        fields = {name: evil for name in ("next", "return_to", "redirect_uri", "url")}
        answer = await post(person, page, None, **fields)
        assert answer.headers["location"].startswith("/authorize/continue?transaction=")
    callback = await person.approve(client.authorize_url())
    assert answer_of(callback)["iss"] == auth_server.issuer


def test_a_stolen_password_hash_costs_the_thief_memory_and_time() -> None:
    """A143, OWASP password storage: argon2id, 19 MiB, two passes; each hash with its own salt."""
    hasher = real_hasher()
    first, second = hasher.hash("gatepost-demo"), hasher.hash("gatepost-demo")

    assert first.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert first != second
