"""Events of an API's webhooks: verified, and told to the clients whom they concern."""

import hashlib
import hmac
import shutil
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from socket import socket
from typing import Any
from urllib.parse import unquote

import httpx2
import orjson
import pytest
from pydantic import ValidationError
from standardwebhooks import Webhook
from structlog.testing import capture_logs

from mcp_gateway.manifest.entries import ManifestError
from mcp_gateway.manifest.load import load_manifest
from support.in_process.gateway import API, World, a_world, make_settings
from support.in_process.talk import Talk, talking

SECRET = "whsec_c2VjcmV0LW9mLTI0LWJ5dGVzLWxvbmc="
FORMER = "whsec_Zm9ybWVyLW9mLTI0LWJ5dGVzLWxvbmc="
STRIPE_LIKE = "another secret of them"
TASK = "tracker://tasks/7"
EVENTS = """
events:
  tracker:
    tenant: data.org_id
    on:
      task.updated:
        updates: {task: {id: data.id}}
        data_scope: {team: data.team}
        list_changed: true
  billing:
    signature: timestamped
    header: X-Signature
    type: kind
    tenant: org
    on:
      invoice.paid: {updates: {task: {id: task.id}}}
"""


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """A gateway with two webhooks."""
    manifest = write_manifest(tmp_path, EVENTS)
    secrets = {"tracker": [SECRET, FORMER], "billing": [STRIPE_LIKE]}
    async with a_world(tmp_path, manifest=manifest, event_secrets=secrets) as opened:
        yield opened


def write_manifest(folder: Path, events: str) -> Path:
    """Write the usual manifest with events."""
    for name in ("openapi.yaml", "logo.png"):
        shutil.copy(API / name, folder / name)
    manifest = folder / "tools.yaml"
    manifest.write_text((API / "talking.yaml").read_text() + events)
    return manifest


def event(**changes: Any) -> dict[str, Any]:
    """Write an event of Ada's tenant and team, with changes of its data."""
    data = {"id": 7, "org_id": "org_acme", "team": "engineering", **changes}
    return {"type": "task.updated", "data": data}


async def send(
    world: World,
    payload: object,
    *,
    number: int = 1,
    secret: str = SECRET,
    late: int = 0,
    name: str = "tracker",
    signed: bytes | None = None,
) -> httpx2.Response:
    """Send an event as Standard Webhooks."""
    body = payload if isinstance(payload, bytes) else orjson.dumps(payload)
    at = world.clock() - timedelta(seconds=late)
    message_id = f"msg_{number}"
    text = (body if signed is None else signed).decode()
    headers = {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": f"v1,AAAA {Webhook(secret).sign(message_id, at, text)}",
    }
    return await world.http.post(f"/mcp/events/{name}", content=body, headers=headers)


def listening(world: World, **claims: Any) -> Any:
    """Watch the task, and the list of resources."""
    wanted = {"resourceSubscriptions": [TASK], "resourcesListChanged": True}
    headers = {"authorization": f"Bearer {world.token(**claims)}"}
    params = {"notifications": wanted}
    return talking(world, "new", "subscriptions/listen", params, headers=headers)


async def told(talk: Talk) -> list[str]:
    """Return what the next event brings."""
    methods = [(await talk.message())["method"] for _ in range(2)]
    return sorted(method.removeprefix("notifications/resources/") for method in methods)


async def test_an_event_is_told_to_who_watches_what_it_changed(world: World) -> None:
    async with listening(world) as talk:
        granted = (await talk.message())["params"]["notifications"]
        assert granted["resourceSubscriptions"] == [TASK]
        assert (await send(world, event())).status_code == 202
        assert await told(talk) == ["list_changed", "updated"]
        assert (await send(world, event(id="8"), number=2)).status_code == 202
        assert (await talk.message())["method"] == "notifications/resources/list_changed"
        assert (await send(world, {"type": "task.viewed"}, number=3)).status_code == 202
        assert (await send(world, event(), number=4, secret=FORMER)).status_code == 202
        assert await told(talk) == ["list_changed", "updated"]


async def test_an_older_client_may_subscribe_to_what_a_webhook_tells_of(world: World) -> None:
    answer = await world.old("resources/subscribe", {"uri": TASK})
    assert answer.json()["result"] == {}


@pytest.mark.parametrize(
    "claims",
    [
        {"tenant_id": "org_globex"},
        {"data_scope": "team:design"},
        {"data_scope": "team:engineering region:eu"},
    ],
)
async def test_who_may_not_see_a_record_never_learns_that_it_changed_a322(
    world: World, claims: dict[str, Any]
) -> None:
    """A322: another tenant, another team, and a restriction of which the event says nothing."""
    async with listening(world) as talk, listening(world, **claims) as other:
        await talk.message()
        await other.message()
        await send(world, event())
        assert await told(talk) == ["list_changed", "updated"]
        assert other.sent.empty()


@pytest.mark.parametrize(
    "claims", [{"allowed_tools": ["list_tasks"]}, {"scope": "other", "allowed_tools": ["read"]}]
)
async def test_who_may_not_read_a_record_does_not_hear_that_the_list_changed_a388(
    world: World, claims: dict[str, Any]
) -> None:
    """A388: a colleague without the tool that reads the record."""
    async with listening(world) as talk, listening(world, **claims) as other:
        await talk.message()
        await other.message()
        await send(world, event())
        assert await told(talk) == ["list_changed", "updated"]
        assert other.sent.empty()


async def test_a_changed_list_is_told_to_whoever_may_read_any_record_a388(tmp_path: Path) -> None:
    events = EVENTS.replace("        updates: {task: {id: data.id}}\n        data", "        data")
    assert events != EVENTS
    manifest = write_manifest(tmp_path, events)
    async with (
        a_world(tmp_path, manifest=manifest, event_secrets={"tracker": [SECRET]}) as world,
        listening(world) as talk,
        listening(world, allowed_tools=["list_tasks"]) as other,
    ):
        await talk.message()
        await other.message()
        assert (await send(world, event())).status_code == 202
        assert (await talk.message())["method"] == "notifications/resources/list_changed"
        assert other.sent.empty()


async def test_a_person_without_restrictions_hears_of_the_whole_tenant(world: World) -> None:
    async with listening(world, data_scope="") as talk:
        await talk.message()
        await send(world, event(team="design"))
        assert await told(talk) == ["list_changed", "updated"]


async def test_a_forged_or_changed_event_tells_nobody_a323(world: World) -> None:
    async with listening(world) as talk:
        await talk.message()
        wrong = "whsec_" + "A" * 32
        refused = [
            await send(world, event(), secret=wrong),
            await send(world, event(), signed=orjson.dumps(event(id="8"))),
            await send(world, event(), late=301),
            await send(world, event(), late=-301),
            await world.http.post("/mcp/events/tracker", json=event()),
        ]
        assert [answer.status_code for answer in refused] == [401] * 5
        assert talk.sent.empty()


async def test_an_event_that_is_sent_again_tells_nobody_a324(world: World) -> None:
    async with listening(world) as talk:
        await talk.message()
        for _ in range(3):
            assert (await send(world, event())).status_code == 202
        await told(talk)
        assert talk.sent.empty()


async def test_a_signature_with_its_time_in_one_header_is_verified_too_a323(world: World) -> None:
    body = orjson.dumps(
        {"id": "evt_1", "kind": "invoice.paid", "org": "org_acme", "task": {"id": "7"}}
    )
    now = int(world.clock().timestamp())

    def sign(time: int, secret: str = STRIPE_LIKE) -> dict[str, str]:
        mac = hmac.digest(secret.encode(), f"{time}.".encode() + body, hashlib.sha256).hex()
        return {"x-signature": f"t={time},v0=00,v1=00,v1={mac}"}

    async with listening(world, data_scope="") as talk:
        await talk.message()
        for headers in (sign(now - 301), sign(now, "guess"), {"x-signature": "t=x,v1=00"}, {}):
            answer = await world.http.post("/mcp/events/billing", content=body, headers=headers)
            assert answer.status_code == 401
        for _ in range(2):
            answer = await world.http.post("/mcp/events/billing", content=body, headers=sign(now))
            assert answer.status_code == 202
        assert (await talk.message())["params"]["uri"] == TASK
        assert talk.sent.empty()


@pytest.mark.parametrize(
    ("payload", "missing"),
    [
        (b"[", "JSON"),
        ([], "type"),
        ({"data": {}}, "type"),
        ({"type": "task.updated"}, "data.org_id"),
        (event(id=None), "data.id"),
        (event(org_id=""), "data.org_id"),
        (event(org_id=["org_acme", "org_globex"]), "data.org_id"),
    ],
)
async def test_an_event_that_lacks_a_field_is_refused_by_its_name_and_logged_without_content(
    world: World, payload: object, missing: str
) -> None:
    with capture_logs() as logs:
        answer = await send(world, payload)
    assert answer.status_code == 422
    assert missing in answer.json()["error"]
    [line] = [line for line in logs if line["event"] == "webhook_unreadable"]
    assert missing in line["reason"]
    assert "org_acme" not in str(logs)


async def test_an_id_can_not_leave_its_place_in_the_uri(world: World) -> None:
    async with listening(world) as talk:
        await talk.message()
        await send(world, event(id="8/../7"))
        assert (await talk.message())["method"] == "notifications/resources/list_changed"
        assert talk.sent.empty()


@pytest.mark.parametrize(
    "uri",
    [
        "tracker://tasks/%37",
        "tracker://tasks/7%2f8",
        "tracker://tasks/7%2F8",
        "tracker://tasks/7 8",
        "tracker://tasks/7%208",
        "tracker://tasks/é",
        "tracker://tasks/%c3%a9",
        "tracker://tasks/a:b@c",
    ],
)
async def test_a_record_is_told_by_the_uri_that_the_client_wrote(world: World, uri: str) -> None:
    """Clients compare it with what they asked for, and keep what they read by it."""
    record = unquote(uri.removeprefix("tracker://tasks/"))
    wanted = {"resourceSubscriptions": [uri]}
    headers = {"authorization": f"Bearer {world.token()}"}
    params = {"notifications": wanted}
    async with talking(world, "new", "subscriptions/listen", params, headers=headers) as talk:
        assert (await talk.message())["params"]["notifications"] == wanted
        await send(world, event(id=record))
        assert (await talk.message())["params"]["uri"] == uri


async def test_a_record_is_told_by_every_uri_that_the_client_wrote(world: World) -> None:
    uris = ["tracker://tasks/7", "tracker://tasks/%37"]
    headers = {"authorization": f"Bearer {world.token()}"}
    params = {"notifications": {"resourceSubscriptions": uris}}
    async with talking(world, "new", "subscriptions/listen", params, headers=headers) as talk:
        await talk.message()
        await send(world, event())
        assert sorted([(await talk.message())["params"]["uri"] for _ in uris]) == sorted(uris)


@pytest.mark.parametrize(
    "uri",
    [
        "TRACKER://tasks/7",
        "tracker://Tasks/7",
        "tracker://tasks/7/",
        "tracker://tasks:443/7",
        "tracker://tasks/./7",
        "tracker://tasks/%ff",
    ],
)
async def test_a_uri_that_nobody_is_told_of_is_not_agreed_to_and_can_not_be_read(
    world: World, uri: str
) -> None:
    params = {"notifications": {"resourceSubscriptions": [uri]}}
    headers = {"authorization": f"Bearer {world.token()}"}
    async with talking(world, "new", "subscriptions/listen", params, headers=headers) as talk:
        assert (await talk.message())["params"]["notifications"] == {}
    for method in ("resources/subscribe", "resources/read"):
        assert (await world.old(method, {"uri": uri})).json()["error"]["code"] == -32002


async def test_an_event_that_is_too_large_or_for_no_webhook_is_refused(world: World) -> None:
    assert (await send(world, b" " * (256 << 10) + b"{}")).status_code == 413
    assert (await send(world, event(), name="nothing")).status_code == 404
    assert (await world.http.get("/mcp/events/tracker")).status_code == 405


async def test_a_webhook_without_a_secret_takes_nothing_a323(tmp_path: Path) -> None:
    manifest = write_manifest(tmp_path, EVENTS)
    async with a_world(tmp_path, manifest=manifest, event_secrets={"tracker": []}) as world:
        for name in ("tracker", "billing"):
            assert (await send(world, event(), name=name)).status_code == 404


async def test_an_operator_is_warned_of_a_webhook_without_a_secret(tmp_path: Path) -> None:
    manifest = write_manifest(tmp_path, EVENTS)
    with capture_logs() as logs:
        async with a_world(tmp_path, manifest=manifest, event_secrets={"tracker": [SECRET]}):
            pass
    warnings = [line for line in logs if line["event"] == "webhook_without_secret"]
    assert [line["name"] for line in warnings] == ["billing"]


@pytest.mark.parametrize(
    ("before", "after", "problem"),
    [
        ("updates: {task: {id: data.id}}", "updates: {tasks: {id: data.id}}", "no resource tasks"),
        ("updates: {task: {id: data.id}}", "updates: {guide: {id: data.id}}", "no resource guide"),
        ("updates: {task: {id: data.id}}", "updates: {task: {key: data.id}}", "each of id"),
        ("{updates: {task: {id: task.id}}}", "{data_scope: {team: a}}", "say what changes"),
        ("signature: timestamped", "signature: none", "standard_webhooks or timestamped"),
        ("tenant: org\n", "tenant: ' '\n", "is not a field of an event"),
    ],
)
def test_a_webhook_that_can_not_work_is_named(
    tmp_path: Path, before: str, after: str, problem: str
) -> None:
    assert before in EVENTS
    with pytest.raises(ManifestError, match=problem) as raised:
        load_manifest(write_manifest(tmp_path, EVENTS.replace(before, after)))
    assert "events." in str(raised.value)


async def test_the_metrics_say_what_became_of_events(tmp_path: Path) -> None:
    manifest = write_manifest(tmp_path, EVENTS)
    with socket() as metrics:
        metrics.bind(("127.0.0.1", 0))
        metrics.listen()
        page = f"http://127.0.0.1:{metrics.getsockname()[1]}/metrics"
        secrets = {"tracker": [SECRET]}
        async with a_world(
            tmp_path, manifest=manifest, event_secrets=secrets, metrics=metrics
        ) as world:
            for _ in range(2):
                await send(world, event())
            await send(world, event(id=None), number=2)
            await send(world, {"type": "task.viewed"}, number=3)
            await send(world, event(), number=4, late=301)
            await send(world, event(), name="guessed")
            async with httpx2.AsyncClient(trust_env=False) as http:
                lines = (await http.get(page)).text.splitlines()
    counted = [line for line in lines if line.startswith("gatepost_api_events_total")]
    assert sorted(counted) == [
        f'gatepost_api_events_total{{webhook="tracker",outcome="{outcome}"}} 1'
        for outcome in ("ignored", "refused", "repeated", "told", "unreadable")
    ]


@pytest.mark.parametrize("secret", ["", "whsec_", "short"])
def test_a_secret_that_anybody_may_guess_stops_the_start_a323(tmp_path: Path, secret: str) -> None:
    with pytest.raises(ValidationError, match="tracker: a secret has at least 16 characters"):
        make_settings(tmp_path, event_secrets={"tracker": [SECRET, secret]})


@pytest.mark.parametrize(("name", "status"), [("tracker", 400), ("guessed", 404)])
async def test_a_stranger_who_hangs_up_in_an_event_fills_no_log_a323(
    world: World, name: str, status: int
) -> None:
    """Each used to write a traceback, without a signature."""
    path = f"/mcp/events/{name}"
    received = [
        {"type": "http.request", "body": b"{", "more_body": True},
        {"type": "http.disconnect"},
    ]
    sent: list[Any] = []

    async def receive() -> Any:
        return received.pop(0)

    async def send_message(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": path, "headers": [], "query_string": b""}
    with capture_logs() as logs:
        await world.http._transport.app(scope, receive, send_message)  # type: ignore[attr-defined] # with its state
    assert sent[0]["status"] == status
    assert logs == []
