"""A program without a browser gets tokens once its person has entered its code (RFC 8628)."""

import asyncio

import httpx2
import pytest

from support.in_process.auth_server import AuthServer
from support.in_process.devices import Device, allow_devices, approve, begin, enter
from support.in_process.person import Person

pytestmark = pytest.mark.both_databases


def error_of(answer: httpx2.Response) -> tuple[int, str]:
    """Read a refusal."""
    return answer.status_code, answer.json().get("error", "none")


async def test_a_command_line_gets_tokens_after_its_person_entered_the_code_and_approved(
    auth_server: AuthServer,
) -> None:
    """RFC 8628 §3."""
    device = await begin(auth_server)
    assert device.begun["verification_uri"] == f"{auth_server.issuer}/device"
    assert (device.begun["expires_in"], device.begun["interval"]) == (600, 5)
    assert error_of(await device.poll()) == (400, "authorization_pending")

    person = auth_server.person()
    page = await approve(person, device.user_code)

    assert "Build Bot is connected" in page.text
    apps = await person.open("/account/apps")
    assert "a code of a device" in apps.text
    assert "trusted" not in apps.text
    tokens = (await device.wait_and_poll()).json()
    assert tokens["scope"] == "mcp:read mcp:write"
    refreshed = await auth_server.http.post(
        "/token",
        data={
            "grant_type": "refresh_token",
            "refresh_token": tokens["refresh_token"],
            "client_id": "build-bot",
        },
    )
    assert refreshed.status_code == 200


async def test_a_person_may_type_the_code_in_small_letters_with_spaces(
    auth_server: AuthServer,
) -> None:
    """RFC 8628 §6.1: it is read case-insensitively, and punctuation does not count."""
    device = await begin(auth_server)

    page = await enter(auth_server.person(), f" {device.user_code.lower().replace('-', ' ')} ")

    assert "Build Bot wants to access Orbit" in page.text


async def test_a_person_sees_who_asks_when_and_from_where_before_they_approve(
    auth_server: AuthServer,
) -> None:
    """Without that they could not tell their own request from a stranger's."""
    device = await begin(auth_server)
    auth_server.clock.advance(minutes=3)

    page = await enter(auth_server.person(), device.user_code)

    assert "Build Bot" in page.text
    assert "asked 3 minutes ago from 127.0.0.1 This browser has the same address." in page.text
    assert "trusted" not in page.text
    assert "Approve only if you started Build Bot yourself" in page.text


async def test_a_device_whose_person_denies_is_told_and_gets_nothing(
    auth_server: AuthServer,
) -> None:
    """RFC 8628 §3.5."""
    device = await begin(auth_server)
    person = auth_server.person()

    page = await person.press(await enter(person, device.user_code), "Deny")

    assert "Build Bot was not connected" in page.text
    assert error_of(await device.wait_and_poll()) == (400, "access_denied")


async def test_a_device_that_polls_too_often_waits_five_seconds_longer_each_time(
    auth_server: AuthServer,
) -> None:
    """RFC 8628 §3.5."""
    device = await begin(auth_server)
    assert error_of(await device.poll()) == (400, "authorization_pending")
    assert error_of(await device.poll()) == (400, "slow_down")

    auth_server.clock.advance(seconds=6)
    assert error_of(await device.poll()) == (400, "slow_down")
    auth_server.clock.advance(seconds=15)
    assert error_of(await device.poll()) == (400, "authorization_pending")


async def test_a_code_that_nobody_enters_in_ten_minutes_is_over(auth_server: AuthServer) -> None:
    """RFC 8628 §3.5 and §5.2: a short life."""
    device = await begin(auth_server)
    auth_server.clock.advance(minutes=10)

    page = await enter(auth_server.person(), device.user_code)

    assert page.status == 400
    assert "has expired" in page.text
    assert error_of(await device.poll()) == (400, "expired_token")


async def test_a_page_that_stayed_open_too_long_approves_nothing(auth_server: AuthServer) -> None:
    """The request expires with the code, also on the consent page."""
    device = await begin(auth_server)
    person = auth_server.person()
    page = await enter(person, device.user_code)
    auth_server.clock.advance(minutes=10)

    page = await person.press(page, "Approve")

    assert "This request has expired" in page.text
    assert error_of(await device.poll()) == (400, "expired_token")


async def test_of_fifty_polls_at_once_one_gets_tokens(auth_server: AuthServer) -> None:
    """The code gives one family of tokens, however many programs of the client poll."""
    device = await begin(auth_server)
    await approve(auth_server.person(), device.user_code)
    auth_server.clock.advance(seconds=5)

    answers = await asyncio.gather(*(device.poll() for _ in range(50)))

    assert sorted(answer.status_code for answer in answers) == [200] + [400] * 49
    assert {error_of(a)[1] for a in answers if a.status_code == 400} <= {
        "slow_down",
        "invalid_grant",
    }


async def test_of_fifty_approvals_at_once_one_counts(auth_server: AuthServer) -> None:
    """A person who presses in many windows connects the device once."""
    device = await begin(auth_server)
    person = auth_server.person()
    page = await enter(person, device.user_code)

    pages = await asyncio.gather(*(person.press(page, "Approve") for _ in range(50)))

    assert sum("is connected" in shown.text for shown in pages) == 1
    assert (await device.wait_and_poll()).status_code == 200


async def test_a_code_entered_in_two_windows_is_answered_in_one(auth_server: AuthServer) -> None:
    """The denial in one window ends the other."""
    device = await begin(auth_server)
    person = auth_server.person()
    first, second = (
        await enter(person, device.user_code),
        await enter(person, device.user_code),
    )

    await person.press(first, "Deny")
    page = await person.press(second, "Approve")

    assert "is connected" not in page.text
    assert error_of(await device.wait_and_poll()) == (400, "access_denied")


async def test_of_fifty_people_who_enter_a_code_at_once_one_may_answer(
    auth_server: AuthServer,
) -> None:
    """The other one is told that the code was used."""
    device = await begin(auth_server)
    ada, bo = (auth_server.person(email) for email in ("ada@acme.example", "bo@globex.example"))
    pages = {person: await person.sign_in(await person.open("/device")) for person in (ada, bo)}

    async def type_code(person: Person) -> bool:
        page = await person.press(pages[person], "Continue", fill={"code": device.user_code})
        return page.url != "/device"

    through = await asyncio.gather(*(type_code(person) for person in [ada, bo] * 25))

    assert any(through[0::2]) is not any(through[1::2])


async def test_only_clients_that_an_operator_allows_get_codes(auth_server: AuthServer) -> None:
    """A client that registered itself is refused, whatever grant types it asked for."""
    await allow_devices(auth_server)
    stranger = await auth_server.client(
        grant_types=["authorization_code", "urn:ietf:params:oauth:grant-type:device_code"]
    )

    answer = await auth_server.http.post(
        "/device_authorization", data={"client_id": stranger.client_id}
    )

    assert error_of(answer) == (400, "unauthorized_client")


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"scope": "nothing:here"}, "invalid_scope"),
        ({"scope": '"'}, "invalid_scope"),
        ({"resource": "https://elsewhere.example/mcp"}, "invalid_target"),
        ({"client_secret": "guess"}, "invalid_client"),
        ({"client_id": ""}, "invalid_client"),
    ],
)
async def test_a_wrong_request_for_a_code_is_told_what_is_wrong(
    auth_server: AuthServer, form: dict[str, str], error: str
) -> None:
    """RFC 8628 §3.2: with the errors of the token endpoint."""
    await allow_devices(auth_server)

    answer = await auth_server.http.post(
        "/device_authorization", data={"client_id": "build-bot", **form}
    )

    assert answer.json()["error"] == error


async def test_a_device_code_is_for_one_client_and_one_resource(auth_server: AuthServer) -> None:
    """RFC 8707: the resource may be repeated at the token endpoint, but not changed."""
    device = Device(auth_server, (await begin(auth_server)).begun)
    await approve(auth_server.person(), device.user_code)

    answer = await device.poll(resource="https://elsewhere.example/mcp")

    assert error_of(answer) == (400, "invalid_target")
    assert (await device.wait_and_poll()).status_code == 200
