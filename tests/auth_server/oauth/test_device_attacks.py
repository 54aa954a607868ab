"""Attacks on the device flow: the security considerations of RFC 8628 §5, and phishing."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx2
import pytest

from auth_server.records.tenants.table import Tenant
from support.in_process.auth_server import AuthServer, running_auth_server
from support.in_process.clock import Clock
from support.in_process.devices import Device, allow_devices, approve, begin, enter

ChangeRow = Callable[..., Awaitable[None]]


def error_of(answer: httpx2.Response) -> tuple[int, str]:
    """Read a refusal."""
    return answer.status_code, answer.json().get("error", "none")


async def test_nobody_guesses_user_codes_a147(sqlite_server: AuthServer) -> None:
    """RFC 8628 §5.1: ten wrong codes an hour and person, also in parallel and after a right one."""
    device = await begin(sqlite_server)
    person = sqlite_server.person("bo@globex.example")
    page = await person.sign_in(await person.open("/device"))

    wrong = await asyncio.gather(
        *(person.press(page, "Continue", fill={"code": "BBBB-BBBB"}) for _ in range(30))
    )
    right = await person.press(page, "Continue", fill={"code": device.user_code})

    assert sorted(page.status for page in wrong) == [400] * 10 + [429] * 20
    assert right.status == 429
    assert "Too many wrong codes. Try again in 60 minutes." in right.text
    sqlite_server.clock.advance(hours=1)
    device = await begin(sqlite_server)
    assert (await enter(person, device.user_code)).status == 200


async def test_a_right_code_does_not_give_more_guesses_a147(sqlite_server: AuthServer) -> None:
    """An attacker who enters their own codes in between guesses no more than anybody."""
    person = sqlite_server.person("bo@globex.example")
    page = await person.sign_in(await person.open("/device"))
    for _ in range(10):
        await person.press(page, "Continue", fill={"code": "BBBB-BBBB"})
        own = await begin(sqlite_server)
        last = await person.press(page, "Continue", fill={"code": own.user_code})

    assert last.status == 429


async def test_nobody_tries_codes_without_a_sign_in_a147(sqlite_server: AuthServer) -> None:
    """So every guess is a known person's."""
    browser = sqlite_server.browser()

    shown = await browser.get("/device")
    posted = await browser.post("/device", data={"code": "BBBB-BBBB"})

    assert shown.headers["location"] == "/sign-in?return_to=%2Fdevice"
    assert posted.headers["location"] == "/sign-in?return_to=%2Fdevice"


async def test_a_device_code_can_not_be_guessed_and_is_stored_as_a_hash_a200(
    sqlite_server: AuthServer,
) -> None:
    """RFC 8628 §5.2: 256 random bits; neither code is in the database."""
    device = await begin(sqlite_server)
    other = await begin(sqlite_server)

    assert len(device.begun["device_code"]) >= 43
    assert device.begun["device_code"] != other.begun["device_code"]
    stored = _read_database(sqlite_server)
    assert b"device_authorizations" in stored
    for code in (device.begun["device_code"], device.user_code, device.user_code.replace("-", "")):
        assert code.encode() not in stored


def _read_database(server: AuthServer) -> bytes:
    path = server.database_url.partition("///")[2]
    return b"".join(Path(name).read_bytes() for name in (path, f"{path}-wal"))


async def test_a_code_that_another_client_stole_gives_it_nothing_a28_a200(
    sqlite_server: AuthServer,
) -> None:
    """RFC 8628 §5.3 and §5.6: the code is for the client that got it."""
    device = await begin(sqlite_server)
    await allow_devices(sqlite_server, client_id="other-bot", name="Other Bot")
    await approve(sqlite_server.person(), device.user_code)

    assert error_of(await device.poll(client_id="other-bot")) == (400, "invalid_grant")
    assert (await device.wait_and_poll()).status_code == 200


async def test_a_stolen_device_code_ends_the_tokens_that_it_gave_a200(
    sqlite_server: AuthServer,
) -> None:
    """RFC 8628 §5.3: whoever comes second, the thief keeps nothing."""
    device = await begin(sqlite_server)
    await approve(sqlite_server.person(), device.user_code)
    tokens = (await device.wait_and_poll()).json()

    assert error_of(await device.poll()) == (400, "invalid_grant")

    refresh = {
        "grant_type": "refresh_token",
        "refresh_token": tokens["refresh_token"],
        "client_id": "build-bot",
    }
    assert error_of(await sqlite_server.http.post("/token", data=refresh)) == (
        400,
        "invalid_grant",
    )


async def test_no_link_fills_the_code_in_a201(sqlite_server: AuthServer) -> None:
    """RFC 8628 §5.4: an attacker who mails a link must get the person to type a code."""
    device = await begin(sqlite_server)
    assert "verification_uri_complete" not in device.begun
    person = sqlite_server.person()
    await person.sign_in(await person.open("/device"))

    page = await person.open(f"/device?user_code={device.user_code}&code={device.user_code}")

    assert device.user_code not in page.html
    assert page.forms["/device"].fields.get("code") == ""


async def test_another_site_can_not_enter_a_code_for_a_person_a201(
    sqlite_server: AuthServer,
) -> None:
    """The form is bound to the person's session, and must come from this origin."""
    device = await begin(sqlite_server)
    person = sqlite_server.person()
    await person.sign_in(await person.open("/device"))

    forged = await person.http.post("/device", data={"code": device.user_code})
    foreign = await person.http.post(
        "/device", data={"code": device.user_code}, headers={"Origin": "https://evil.example"}
    )

    assert (forged.status_code, foreign.status_code) == (403, 403)
    assert (await enter(person, device.user_code)).status == 200


async def test_a_person_is_warned_of_codes_that_somebody_sent_them_a201(
    sqlite_server: AuthServer,
) -> None:
    """RFC 8628 §5.4: before they enter one, and before they approve."""
    device = await begin(sqlite_server)
    person = sqlite_server.person()

    first = await person.sign_in(await person.open("/device"))
    second = await enter(person, device.user_code)

    assert "If somebody sent you a code, they want your access" in first.text
    assert "If somebody sent you the code, deny" in second.text


async def test_a_request_from_another_network_looks_different_a201(sqlite_url: str) -> None:
    """A person who is phished has the attacker's address before them."""
    async with running_auth_server(sqlite_url, Clock(), trusted_proxies=1) as server:
        await allow_devices(server)
        answer = await server.http.post(
            "/device_authorization",
            data={"client_id": "build-bot"},
            headers={"X-Forwarded-For": "203.0.113.7"},
        )
        person = server.person()
        person.http.headers["X-Forwarded-For"] = "198.51.100.9"

        page = await enter(person, Device(server, answer.json()).user_code)

    assert "asked just now from 203.0.113.7 This browser has another address." in page.text


async def test_the_address_of_a_proxy_makes_no_request_look_near_a201(
    sqlite_server: AuthServer,
) -> None:
    """Behind a proxy that the settings don't count, everybody has its address."""
    device = await begin(sqlite_server)
    person = sqlite_server.person()
    person.http.headers["X-Forwarded-For"] = "198.51.100.9"

    page = await enter(person, device.user_code)

    assert "asked just now" in page.text
    assert "address." not in page.text


async def test_no_site_reads_the_code_that_its_visitors_browser_asks_for_a292(
    sqlite_server: AuthServer,
) -> None:
    """Else a site could show its visitor a code that was asked for from the visitor's own address."""
    await allow_devices(sqlite_server)
    of_a_site = {"Origin": "https://evil.example"}
    asks = {**of_a_site, "Access-Control-Request-Method": "POST"}

    answer = await sqlite_server.http.post(
        "/device_authorization", data={"client_id": "build-bot"}, headers=of_a_site
    )
    preflight = await sqlite_server.http.options("/device_authorization", headers=asks)

    for each in (answer, preflight):
        assert "access-control-allow-origin" not in each.headers


async def test_an_earlier_consent_never_answers_for_a_device_a202(
    sqlite_server: AuthServer,
) -> None:
    """The page is shown each time, because anybody can ask in the name of the same client."""
    first = await begin(sqlite_server)
    person = sqlite_server.person()
    await approve(person, first.user_code)
    assert (await first.wait_and_poll()).status_code == 200
    second = await begin(sqlite_server)

    page = await enter(person, second.user_code)

    assert "Build Bot wants to reconnect to Orbit" in page.text
    assert error_of(await second.poll()) == (400, "authorization_pending")


async def test_only_the_person_who_entered_a_code_answers_it_a147_a202(
    sqlite_server: AuthServer,
) -> None:
    """Neither somebody who has the code too, nor the next person at the same browser."""
    device = await begin(sqlite_server)
    ada, bo = sqlite_server.person(), sqlite_server.person("bo@globex.example")
    page = await enter(ada, device.user_code)

    assert "already used" in (await enter(bo, device.user_code)).text
    await ada.http.post(
        "/account/sign-out",
        data=(await ada.open("/device")).forms["sign-out"].fields,
    )
    bo.http.cookies = ada.http.cookies
    again = await bo.open(page.url)
    shown = await bo.sign_in(again)

    assert shown.status == 403
    assert "Only the person who entered a code can approve it" in shown.text
    assert error_of(await device.poll()) == (400, "authorization_pending")


async def test_an_answer_needs_the_browser_that_entered_the_code_a202(
    sqlite_server: AuthServer,
) -> None:
    """The link to the consent page is worth nothing elsewhere, also to the same person."""
    device = await begin(sqlite_server)
    page = await enter(sqlite_server.person(), device.user_code)
    elsewhere = sqlite_server.person()
    await elsewhere.sign_in(await elsewhere.open("/device"))

    assert "started in another browser" in (await elsewhere.open(page.url)).text


async def test_an_app_that_the_tenant_forbids_gets_nothing_by_a_code_a202(
    sqlite_server: AuthServer, change_row: ChangeRow
) -> None:
    """The rules of the organisation count as for every other app."""
    device = await begin(sqlite_server)
    await change_row(sqlite_server, Tenant, "org_acme", allowed_clients=[])

    page = await enter(sqlite_server.person(), device.user_code)

    assert "Acme does not allow Build Bot" in page.text


async def test_a_flood_of_devices_has_to_wait_a203(sqlite_url: str) -> None:
    """RFC 8628 §5.1 and §5.2: nobody fills the table, or the space of the user codes."""
    async with running_auth_server(sqlite_url, Clock(), authorizations_per_minute=5) as server:
        await allow_devices(server)
        form = {"client_id": "build-bot"}
        answers = [await server.http.post("/device_authorization", data=form) for _ in range(7)]

    assert [answer.status_code for answer in answers] == [200] * 5 + [429] * 2
    assert answers[-1].headers["retry-after"]


async def test_a_confidential_device_client_proves_itself_a200(sqlite_server: AuthServer) -> None:
    """RFC 8628 §5.6: a client with a secret gets neither code nor tokens without it."""
    secret = "s" * 43
    await allow_devices(
        sqlite_server, token_endpoint_auth_method="client_secret_post", secret=secret
    )
    form = {"client_id": "build-bot"}

    refused = await sqlite_server.http.post("/device_authorization", data=form)
    begun = await sqlite_server.http.post(
        "/device_authorization", data={**form, "client_secret": secret}
    )

    assert error_of(refused) == (401, "invalid_client")
    device = Device(sqlite_server, begun.json())
    await approve(sqlite_server.person(), device.user_code)
    assert error_of(await device.poll()) == (401, "invalid_client")
    assert (await device.poll(client_secret=secret)).status_code == 200


@pytest.mark.parametrize("member", ["code", "code_challenge", "redirect_uri"])
async def test_a_device_code_is_not_an_authorization_code_a200(
    sqlite_server: AuthServer, member: str
) -> None:
    """Neither kind of code is accepted where the other one is due."""
    device = await begin(sqlite_server)
    await approve(sqlite_server.person(), device.user_code)

    answer = await sqlite_server.http.post(
        "/token",
        data={
            "grant_type": "authorization_code",
            "code": device.begun["device_code"],
            "code_verifier": "v" * 43,
            "client_id": "build-bot",
            member: device.begun["device_code"],
        },
    )

    assert answer.json()["error"] in {"unauthorized_client", "invalid_grant"}
