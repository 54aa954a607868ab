"""A signed-in person changes their password."""

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth_server.pages.passwords.change import MOST_WRONG
from auth_server.pages.passwords.policy import find_problem
from auth_server.records.people.table import Person as PersonRow
from support.in_process.auth_server import AuthServer
from support.in_process.clock import Clock
from support.in_process.person import Page, Person

NEW = "correct horse battery"
PAGE = "/account/security/password"
ADA = PersonRow(
    person_id="usr_ada", email="ada@acme.example", name="Ada Marsh", created_at=Clock()()
)


async def signed_in(server: AuthServer) -> tuple[Person, Page]:
    """Ada, at the form."""
    ada = server.person()
    return ada, await ada.sign_in(await ada.open(PAGE))


async def change(ada: Person, page: Page, password: str, new: str = NEW) -> Page:
    """Fill in the form."""
    fill = {"password": password, "new_password": new}
    return await ada.press(page, "Change password", fill=fill)


async def test_other_sessions_end_and_this_one_stays(sqlite_server: AuthServer) -> None:
    other, _ = await signed_in(sqlite_server)
    ada, page = await signed_in(sqlite_server)
    page = await change(ada, await ada.open(PAGE), "gatepost-demo")
    assert "You were signed out in all other browsers." in page.text
    assert (await ada.open("/account/sessions")).status == 200
    assert urlsplit((await other.open("/account/sessions")).url).path == "/sign-in"
    assert [mail.subject for mail in await sqlite_server.mails()] == ["Your password was changed"]
    again = Person(sqlite_server.browser(), ada.email, NEW)
    assert (await again.sign_in(await again.open("/account/sessions"))).status == 200


async def test_an_unattended_browser_changes_nothing_and_guesses_little(
    sqlite_server: AuthServer,
) -> None:
    ada, _ = await signed_in(sqlite_server)
    page = await ada.open(PAGE)
    answers = [await change(ada, page, f"guess {n}") for n in range(MOST_WRONG)]
    assert {answer.status for answer in answers} == {401}
    assert (await change(ada, page, "gatepost-demo")).status == 429
    sqlite_server.clock.advance(minutes=15)
    assert (await change(ada, page, "gatepost-demo")).status == 200


async def test_a_person_without_a_password_has_no_form(sqlite_server: AuthServer) -> None:
    ada, _ = await signed_in(sqlite_server)
    async with sqlite_server.opened.transaction() as db:
        row = await db.get(PersonRow, "usr_ada")
        assert row is not None
        row.password_hash = None
    assert (await ada.open(PAGE)).status == 404


@pytest.mark.parametrize(
    "password",
    [
        "seven77",
        "password",
        "Passwort123",
        "P@ssword!",
        "usr_ada1",
        "Ada Marsh",
        "ada@acme.example",
        "Orbit2026",
        "qwertyuiop",
        "87654321",
        "aaaaaaaaaaaa",
        "abababababab",
        "x" * 1025,
    ],
)
def test_a_password_that_is_guessed_first_is_refused(password: str) -> None:
    assert find_problem(password, ADA, "Orbit") is not None


@pytest.mark.parametrize(
    "password",
    ["gatepost-demo", "correct horse battery", "tr0ub4dor&3x", "ünïcödé wörter", "9 Zwerge!"],
)
def test_any_other_password_is_taken_without_rules_about_its_characters(password: str) -> None:
    assert find_problem(password, ADA, "Orbit") is None


@given(st.text(max_size=1100))
def test_no_text_makes_the_policy_fail(password: str) -> None:
    problem = find_problem(password, ADA, "Orbit")
    assert problem is None or problem.endswith(".")
    assert problem is not None or 8 <= len(password) <= 1024
