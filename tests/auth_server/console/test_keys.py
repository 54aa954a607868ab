"""Operators rotate and withdraw the keys that sign access tokens."""

from datetime import timedelta

from auth_server.tokens.keyring import BEFORE_USE
from support.in_process.admin_api import admin_api
from support.in_process.auth_server import AuthServer


async def test_an_operator_rotates_a_key_when_every_gateway_knows_the_next_one(
    sqlite_server: AuthServer,
) -> None:
    op = sqlite_server.person("op@orbit.example")
    page = await op.sign_in(await op.open("/console/keys"))
    assert "can't sign yet" in page.text
    api = await admin_api(sqlite_server)
    before = {key["state"]: key["kid"] for key in (await api.call("GET", "/keys")).json()}

    sqlite_server.clock.advance(seconds=(BEFORE_USE + timedelta(minutes=1)).total_seconds())
    page = await op.press(await op.open("/console/keys"), "Rotate now")
    assert "Saved." in page.text
    after = {key["state"]: key["kid"] for key in (await api.call("GET", "/keys")).json()}
    assert (after["active"], after["retiring"]) == (before["next"], before["active"])
    assert "private" not in (await api.call("GET", "/keys")).text


async def test_a_key_is_withdrawn_only_by_whoever_types_its_id(
    sqlite_server: AuthServer,
) -> None:
    api = await admin_api(sqlite_server)
    keys = {key["state"]: key["kid"] for key in (await api.call("GET", "/keys")).json()}
    op = sqlite_server.person("op@orbit.example")
    page = await op.sign_in(await op.open("/console/keys"))

    wrong = await op.press(page, "Withdraw", fill={"confirm": keys["next"]})
    assert wrong.status == 400
    assert "must be the ID of the active key" in wrong.text
    body = {"confirm": "x"}
    assert (await api.call("POST", "/keys/withdraw", json=body)).status_code == 422

    page = await op.press(page, "Withdraw", fill={"confirm": keys["active"]})
    assert keys["active"] not in page.text
    now = {key["state"]: key["kid"] for key in (await api.call("GET", "/keys")).json()}
    assert now["active"] == keys["next"]
    log = await op.open("/console/audit?event=key.withdrawn")
    assert "usr_op" in log.text
