"""Limits on guessing passwords, which another person's guesses don't use up."""

import asyncio
import itertools
import threading
from collections.abc import AsyncIterator

import httpx2
import pytest
from sqlmodel import func, select

from auth_server.records.attempts.table import Attempts
from auth_server.records.people import passwords
from support.in_process.auth_server import AuthServer, running_auth_server
from support.in_process.clock import Clock
from support.in_process.grants import connect_without_pages
from support.in_process.person import Page, Person

WRONG = "a guess"
BEHIND_A_PROXY = {"trusted_proxies": 1}


@pytest.fixture
async def behind_a_proxy(database_url: str, clock: Clock) -> AsyncIterator[AuthServer]:
    """A server to which requests come from many addresses."""
    async with running_auth_server(database_url, clock, **BEHIND_A_PROXY) as server:
        yield server


async def at_sign_in(
    server: AuthServer, address: str = "", email: str = "ada@acme.example"
) -> tuple[Person, Page]:
    """Open the sign-in page in a new browser at an address."""
    person = server.person(email)
    if address:
        person.http.headers["x-forwarded-for"] = address
    return person, await person.open("/sign-in")


async def attempt(
    person: Person, page: Page, *, email: str | None = None, password: str = WRONG
) -> httpx2.Response:
    """Try a password."""
    form = page.forms["/sign-in"].fields
    fields = {**form, "email": person.email if email is None else email, "password": password}
    return await person.http.post("/sign-in", data=fields)


async def statuses(person: Person, page: Page, number: int, **what: str) -> list[int]:
    """Try as many times, one after another."""
    return [(await attempt(person, page, **what)).status_code for _ in range(number)]


@pytest.mark.parametrize("email", ["ada@acme.example", "nobody@acme.example"])
async def test_ten_guesses_at_an_account_in_fifteen_minutes_and_no_more_a143(
    auth_server: AuthServer, email: str
) -> None:
    """For existing and unknown accounts, in any spelling."""
    person, page = await at_sign_in(auth_server)

    allowed = await statuses(person, page, 9, email=email)
    allowed += await statuses(person, page, 1, email=f" {email.upper()} ")
    refused = await attempt(person, page, email=email)
    auth_server.clock.advance(minutes=14, seconds=59)
    still = await attempt(person, page, email=email, password="gatepost-demo")
    auth_server.clock.advance(seconds=1)
    after = await attempt(person, page, email=email)

    assert allowed == [401] * 10
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "900")
    assert "Try again in 15 minutes" in refused.text
    assert (still.status_code, "session" in str(still.headers)) == (429, False)
    assert "Try again in 1 minute." in still.text
    assert after.status_code == 401


async def test_a_throttled_account_looks_the_same_whether_or_not_it_exists_a143(
    auth_server: AuthServer,
) -> None:
    person, page = await at_sign_in(auth_server)
    answers = []
    for email in ("ada@acme.example", "none@acme.example"):
        await statuses(person, page, 10, email=email)
        answer = await attempt(person, page, email=email, password="gatepost-demo")
        answers.append((answer.status_code, answer.text.replace(email, "")))

    assert answers[0] == answers[1]


@pytest.mark.both_databases
async def test_guesses_in_parallel_get_no_further_a143(auth_server: AuthServer) -> None:
    """Counted before the password is compared."""
    person, page = await at_sign_in(auth_server)

    answers = await asyncio.gather(*(attempt(person, page) for _ in range(30)))

    counts = [answer.status_code for answer in answers]
    assert (counts.count(401), counts.count(429)) == (10, 20)


async def test_accounts_that_one_address_invents_fill_no_table(sqlite_server: AuthServer) -> None:
    person, page = await at_sign_in(sqlite_server)
    for number in range(70):
        await attempt(person, page, email=f"invented{number}@acme.example")

    async with sqlite_server.opened.database.reading() as db:
        rows = (await db.execute(select(func.count()).select_from(Attempts))).scalar_one()
    assert rows == 51


async def test_fifty_guesses_at_many_accounts_from_one_address_and_no_more_a143(
    behind_a_proxy: AuthServer,
) -> None:
    """Password spraying; one customer's IPv6 network counts as one address."""
    sprayed = []
    for number in range(51):
        address = f"2001:db8:1:2::{number:x}"
        person, page = await at_sign_in(behind_a_proxy, address, f"p{number}@acme.example")
        sprayed.append((await attempt(person, page)).status_code)
    other, page = await at_sign_in(behind_a_proxy, "2001:db8:1:3::1")
    elsewhere = await attempt(other, page, password=other.password)

    assert sprayed == [401] * 50 + [429]
    assert elsewhere.status_code == 303


async def test_signing_in_oneself_wins_no_more_guesses_at_others_a143(
    behind_a_proxy: AuthServer,
) -> None:
    """Bo guesses at many, and signs in as himself in between: the address's count stays."""
    guessed = []
    for number in range(60):
        bo, page = await at_sign_in(behind_a_proxy, "203.0.113.7", "bo@globex.example")
        guessed.append((await attempt(bo, page, email=f"p{number}@acme.example")).status_code)
        if guessed[-1] == 401:
            assert (await attempt(bo, page, password=bo.password)).status_code in {303, 429}

    assert guessed.count(401) == 50


async def test_strangers_guesses_do_not_keep_a_person_out_of_their_own_browser_a143(
    behind_a_proxy: AuthServer,
) -> None:
    """Nobody can lock others out, neither by the account's count nor by a shared address's."""
    ada, page = await at_sign_in(behind_a_proxy, "203.0.113.7")
    await ada.sign_in(page)
    mallory, hers = await at_sign_in(behind_a_proxy, "203.0.113.7")
    await statuses(mallory, hers, 11)
    for number in range(60):
        await attempt(mallory, hers, email=f"p{number}@acme.example")

    stranger = await attempt(mallory, hers, password=mallory.password)
    page = await ada.open("/sign-in")
    known = await attempt(ada, page, password=ada.password)

    assert (stranger.status_code, known.status_code) == (429, 303)


async def test_a_known_browser_does_not_guess_without_end_either_a143(
    auth_server: AuthServer,
) -> None:
    """A browser has its own ten attempts, and is known only for its own people."""
    ada, page = await at_sign_in(auth_server)
    await ada.sign_in(page)
    page = await ada.open("/sign-in")

    own = await statuses(ada, page, 11)
    others = await statuses(ada, page, 11, email="bo@globex.example")

    assert own == others == [401] * 10 + [429]


async def test_a_browser_does_not_become_known_by_its_own_word_a143(
    auth_server: AuthServer,
) -> None:
    """A made-up cookie, and Bo's for Ada's account, count as a stranger's."""
    bo, page = await at_sign_in(auth_server, email="bo@globex.example")
    await bo.sign_in(page)
    written = next(c.value or "" for c in bo.http.cookies.jar if c.name.endswith("known"))
    browser, mark = written.split(".")
    stranger, page = await at_sign_in(auth_server)
    await statuses(stranger, page, 10)

    for made_up in (written, f"{browser}.{'x' * 43}", f"other.{mark}", "", ".", "." * 3000):
        mallory, page = await at_sign_in(auth_server)
        mallory.http.cookies.set("gatepost_known", made_up)
        answer = await attempt(mallory, page, password=mallory.password)
        assert answer.status_code == 429


async def test_five_people_at_one_browser_are_known_and_the_cookie_stays_small_a58(
    auth_server: AuthServer,
) -> None:
    ada, page = await at_sign_in(auth_server)
    for email in ("ada@acme.example", "bo@globex.example") * 4:
        await attempt(ada, page, email=email, password="gatepost-demo")
    known = next(c.value or "" for c in ada.http.cookies.jar if c.name.endswith("known"))

    assert known.count(".") == 2


async def test_a_correct_password_resets_the_count(auth_server: AuthServer) -> None:
    first, page = await at_sign_in(auth_server)
    await statuses(first, page, 9)
    assert (await attempt(first, page, password=first.password)).status_code == 303
    second, page = await at_sign_in(auth_server)

    assert await statuses(second, page, 10) == [401] * 10


class _Held:
    """A hasher whose comparisons take until the test says so."""

    def __init__(self) -> None:
        self.let_go = threading.Event()

    def hash(self, password: str) -> str:
        return "hash"

    def verify(self, password_hash: str, password: str) -> bool:
        assert self.let_go.wait(timeout=60)
        return password == "gatepost-demo"


def notice(monkeypatch: pytest.MonkeyPatch, number: int) -> asyncio.Event:
    """Set an event once this many passwords wait."""
    verify, noticed, begun = passwords.Passwords.verify, asyncio.Event(), itertools.count(1)

    async def noticing(self: passwords.Passwords, known: str | None, password: str) -> bool:
        if next(begun) == number:
            noticed.set()
        return await verify(self, known, password)

    monkeypatch.setattr(passwords.Passwords, "verify", noticing)
    return noticed


@pytest.mark.both_databases
async def test_many_sign_ins_at_once_hold_up_no_token_a144(
    database_url: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a hundred passwords wait for a core, refreshes don't wait for them."""
    held = _Held()
    held.let_go.set()
    monkeypatch.setattr(passwords, "_hasher", lambda: held)
    async with running_auth_server(database_url, clock, **BEHIND_A_PROXY) as server:
        client = await server.client()
        tokens = await connect_without_pages(server, client)
        waiting = []
        for number in range(100):
            email = "ada@acme.example" if number < 10 else f"p{number}@acme.example"
            waiting.append(await at_sign_in(server, f"203.0.113.{number}", email))
        held.let_go.clear()
        all_wait = notice(monkeypatch, 100)
        attempts = [
            asyncio.create_task(attempt(person, page, password=person.password))
            for person, page in waiting
        ]
        await all_wait.wait()

        refreshed = await client.refresh(tokens["refresh_token"])
        done_before = [task for task in attempts if task.done()]
        held.let_go.set()
        answers = [answer.status_code for answer in await asyncio.gather(*attempts)]

    assert (refreshed.status_code, done_before) == (200, [])
    assert answers == [303] * 10 + [401] * 90


async def test_a_flood_of_sign_ins_is_told_to_wait_and_takes_no_more_memory_a144(
    database_url: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = _Held()
    monkeypatch.setattr(passwords, "_hasher", lambda: held)
    monkeypatch.setattr(passwords, "MOST_WAITING", 3)
    async with running_auth_server(database_url, clock) as server:
        person, page = await at_sign_in(server)
        all_wait = notice(monkeypatch, 3)
        attempts = [asyncio.create_task(attempt(person, page)) for _ in range(3)]
        await all_wait.wait()
        fourth = await attempt(person, page)
        held.let_go.set()
        answers = [answer.status_code for answer in await asyncio.gather(*attempts)]

    assert (fourth.status_code, "busy" in fourth.text) == (503, True)
    assert answers == [401] * 3
