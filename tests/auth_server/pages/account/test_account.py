"""The account pages: access to them, and the proofs of their forms."""

import pytest

from auth_server.flow.user_agent import describe_user_agent
from auth_server.secrets import hash_secret
from support.in_process.auth_server import AuthServer
from support.in_process.person import Page, Person

IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Safari/604.1"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Firefox/140.0"


async def test_a_stranger_is_led_to_sign_in_and_told_where_they_wanted_to_go(
    table_server: AuthServer,
) -> None:
    answer = await table_server.browser().post(
        "/account/sign-out", data={"proof": "none"}, headers={"sec-fetch-site": "same-origin"}
    )

    assert (answer.status_code, answer.headers["cache-control"]) == (303, "no-store")
    assert answer.headers["location"] == "/sign-in?return_to=%2Faccount%2Fapps"


async def test_a_sign_out_that_the_page_did_not_make_is_refused_a40(
    table_server: AuthServer,
) -> None:
    person = table_server.person()
    client = await table_server.client()
    consent = await person.reach_consent(client.authorize_url())

    for proof in ("", "made-up", consent.forms["sign-out"].fields["proof"]):
        page = await person.send(consent, "/account/sign-out", [("proof", proof)])
        assert (page.status, "Nothing was changed" in page.text) == (403, True)

    again = await person.open(client.authorize_url())
    assert "/consent" in again.url or "/tenant" in again.url


async def test_static_files_are_cached_permanently_under_a_name_with_their_hash(
    table_server: AuthServer,
) -> None:
    files = table_server.opened.pages.static
    for plain in files.files:
        name = files.name(plain)
        answer = await table_server.http.get(f"/static/{name}")
        assert answer.content == files.files[plain].content
        assert "immutable" in answer.headers["cache-control"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        # A page of another version of this service, during an update.
        other = await table_server.http.get(
            f"/static/{name.replace(files.files[plain].hash, '0' * 12)}"
        )
        assert (other.status_code, other.headers["cache-control"]) == (200, "no-cache")
        by_plain_name = (await table_server.http.get(f"/static/{plain}")).status_code
        assert by_plain_name == (200 if plain == "gatepost-connections.js" else 404)
    for nothing in ("..%2f..%2fsettings.py", "gatepost.css", "%00", "x-000000000000.css"):
        assert (await table_server.http.get(f"/static/{nothing}")).status_code == 404


async def signed_in(server: AuthServer, page: str, agent: str = "") -> tuple[Person, Page]:
    """Sign Ada in at a browser of this name, to see one of her pages."""
    person = server.person()
    person.http.headers["user-agent"] = agent
    return person, await person.sign_in(await person.open(page))


async def test_a_person_sees_where_they_are_signed_in_and_ends_one_of_them(
    auth_server: AuthServer,
) -> None:
    phone, _ = await signed_in(auth_server, "/account/sessions", IPHONE)
    auth_server.clock.advance(minutes=1)
    here, page = await signed_in(auth_server, "/account/sessions", FIREFOX)
    assert "Firefox on Linux this browser" in page.text
    assert "Safari on iPhone" in page.text

    after = await here.press(page, "Sign out Safari")

    assert (after.url, "Safari on iPhone" in after.text) == (page.url, False)
    assert "Firefox on Linux" in after.text
    assert "/sign-in" in (await phone.open("/account/sessions")).url


async def test_ending_all_others_leaves_the_browser_that_did_it(auth_server: AuthServer) -> None:
    others = [(await signed_in(auth_server, "/account/sessions"))[0] for _ in range(3)]
    here, page = await signed_in(auth_server, "/account/sessions", FIREFOX)

    after = await here.press(page, "Sign out everywhere else")

    assert after.url.endswith("/account/sessions")
    assert "Sign out everywhere else" not in after.text
    for other in others:
        assert "/sign-in" in (await other.open("/account/sessions")).url


async def test_nobody_ends_another_persons_session_a151(auth_server: AuthServer) -> None:
    ada, _ = await signed_in(auth_server, "/account/sessions")
    bo = auth_server.person("bo@globex.example")
    page = await bo.sign_in(await bo.open("/account/sessions"))
    hashed = hash_secret(next(c.value or "" for c in ada.http.cookies.jar if "session" in c.name))
    proof = page.forms["/account/sign-out"].fields["proof"]

    for session in (hashed, hashed[:16], "others", ""):
        for given in (proof, "made-up"):
            answer = await bo.send(
                page, "/account/sessions/end", [("proof", given), ("session", session)]
            )
            assert answer.status == 403  # another form's proof is not valid here

    assert (await ada.open("/account/sessions")).status == 200
    assert "/sign-in" not in (await ada.open("/account/sessions")).url


async def test_a_stay_at_the_account_pages_counts_as_a_use(auth_server: AuthServer) -> None:
    person, _ = await signed_in(auth_server, "/account/sessions")
    for _ in range(3):
        auth_server.clock.advance(hours=11)
        page = await person.open("/account/sessions")
        assert page.url.endswith("/account/sessions")
    auth_server.clock.advance(hours=13)

    assert "/sign-in" in (await person.open("/account/sessions")).url


async def test_signing_out_leads_to_the_sign_in_page_and_ends_the_session(
    auth_server: AuthServer,
) -> None:
    person, page = await signed_in(auth_server, "/account/sessions")
    kept = {c.name: c.value or "" for c in person.http.cookies.jar}

    out = await person.press(page, "Sign out")
    thief = auth_server.person()
    for name, value in kept.items():
        thief.http.cookies.set(name, value)

    assert "/sign-in" in out.url
    assert "/sign-in" in (await thief.open("/account/sessions")).url


@pytest.mark.parametrize(
    ("user_agent", "says"),
    [
        (IPHONE, "Safari"),
        (FIREFOX, "Firefox"),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/150.0 Safari/537.36 Edg/150.0", "Edge"),
        ("Mozilla/5.0 (Macintosh) Chrome/150.0 Safari/537.36", "Chrome"),
        ("curl/8", ""),
        ("", ""),
    ],
)
def test_a_browser_is_called_by_its_name(user_agent: str, says: str) -> None:
    assert describe_user_agent(user_agent).browser == says
