"""Credentials for the API: which calls carry them, where, and that nobody else sees them."""

import json
from base64 import b64decode, b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
from structlog.testing import capture_logs

from gatepost.settings import SettingsError
from mcp_gateway.http_client.port import HttpResponse
from mcp_gateway.requests.request import HttpRequest
from support.in_process.gateway import World, a_world

SECRET = "s3cret-0123456789"
FINE = HttpResponse(200, "application/json", b"{}")
REFUSED = HttpResponse(401, "application/json", b'{"message":"who is it?"}')
TOKEN_URL = "https://login.example/token"
SCHEMES = {
    "inHeader": {"type": "apiKey", "in": "header", "name": "X-Api-Key"},
    "inQuery": {"type": "apiKey", "in": "query", "name": "api key"},
    "inCookie": {"type": "apiKey", "in": "cookie", "name": "sid"},
    "user": {"type": "http", "scheme": "basic"},
    "bearer": {"type": "http", "scheme": "bearer"},
    "oauth": {
        "type": "oauth2",
        "flows": {"clientCredentials": {"tokenUrl": TOKEN_URL, "scopes": {}}},
    },
}
COOKIE = {"name": "view", "in": "cookie", "schema": {"type": "string"}}
HEADER = {"name": "X-Forged", "in": "header", "schema": {"type": "string"}}


def operations(security: Any) -> dict[str, Any]:
    """Write a document with operations that require some schemes, and an operation without one."""
    return {
        "openapi": "3.1.0",
        "security": security,
        "components": {"securitySchemes": SCHEMES},
        "paths": {
            "/tasks": {
                "get": {
                    "operationId": "list",
                    "parameters": [
                        COOKIE,
                        HEADER,
                        {"name": "q", "in": "query", "schema": {"type": "string"}},
                    ],
                },
                "post": {"operationId": "create"},
            },
            "/open": {"get": {"operationId": "open", "security": []}},
            "/files": {
                "servers": [{"url": "https://files.example:8443"}],
                "get": {"operationId": "files"},
            },
        },
    }


def files(folder: Path, security: Any) -> Path:
    """Write a manifest and its document."""
    (folder / "openapi.json").write_text(json.dumps(operations(security)))
    tools = "".join(
        f"  {name}: {{operation: {name}}}\n" for name in ("list", "create", "open", "files")
    )
    head = "version: 1\nname: T\nopenapi: openapi.json\nhosts: ['files.example:8443']\ntools:\n"
    (folder / "tools.yaml").write_text(head + tools)
    return folder / "tools.yaml"


def a_gateway(folder: Path, security: Any, **changes: Any) -> Any:
    """Open a gateway whose document requires some schemes."""
    return a_world(folder, manifest=files(folder, security), **changes)


def static(**more: Any) -> dict[str, Any]:
    """Configure one secret for all calls."""
    return {"mode": "static", "value": SECRET, **more}


def reader(scheme: str) -> Callable[[World], str | None]:
    """Return where the last request has a scheme's secret."""
    match scheme:
        case "inHeader":
            return lambda world: world.api.header("x-api-key")
        case "inQuery":
            return lambda world: parse_qs(urlsplit(world.api.requests[-1].url).query)["api key"][0]
        case "inCookie":
            return lambda world: (world.api.header("cookie") or "").partition("sid=")[2]
        case "user":
            return lambda world: b64decode(
                (world.api.header("authorization") or "").removeprefix("Basic ")
            ).decode()
        case _:
            return lambda world: (world.api.header("authorization") or "").removeprefix("Bearer ")


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_a_credential_goes_where_its_security_scheme_says_and_only_when_asked_for(
    tmp_path: Path, scheme: str
) -> None:
    """OpenAPI 3.1.1 §4.8.27 and §4.8.30; R12."""
    async with a_gateway(
        tmp_path, [{scheme: []}], upstream_credentials={scheme: static()}
    ) as world:
        assert (await world.call("new", "list", {"q": "a"}))["isError"] is False
        assert reader(scheme)(world) == SECRET
        await world.call("new", "open")
        assert SECRET not in repr(world.api.requests[-1])
        shown = (await world.new("tools/list")).text
    assert SECRET not in shown
    assert "X-Api-Key" not in shown
    assert SECRET not in repr(world.records)


async def test_of_several_alternatives_the_one_that_is_configured_is_met(tmp_path: Path) -> None:
    security: Any = [{"oauth": []}, {"inHeader": [], "user": []}, {"bearer": []}]
    credentials = {"inHeader": static(value="key"), "user": static(value="u:p")}
    async with a_gateway(tmp_path, security, upstream_credentials=credentials) as world:
        await world.call("new", "list")
    assert world.api.header("x-api-key") == "key"
    assert world.api.header("authorization") == "Basic dTpw"


async def test_a_credential_with_its_own_header_is_in_every_request(tmp_path: Path) -> None:
    credentials = {"service": static(place="header X-Service")}
    async with a_gateway(tmp_path, [], upstream_credentials=credentials) as world:
        for tool in ("list", "open"):
            await world.call("new", tool)
            assert world.api.header("x-service") == SECRET


async def test_a_name_that_is_not_a_scheme_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(
        SettingsError, match=r"upstream_credentials.inHeadr: .*did you mean inHeader"
    ):
        async with a_gateway(tmp_path, [], upstream_credentials={"inHeadr": static()}):
            pass


async def test_a_secret_that_is_invalid_in_its_place_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="is not valid in a header") as refused:
        bad = static(value="s3cret\r\nX-Admin: 1")
        async with a_gateway(tmp_path, [], upstream_credentials={"inHeader": bad}):
            pass
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize("hosts", [(), ("files.example:8443",)])
async def test_credentials_go_to_no_other_host_unless_the_settings_name_it_a121(
    tmp_path: Path, hosts: tuple[str, ...]
) -> None:
    changes = {
        "upstream_headers": {"X-Service": "of the upstream"},
        "upstream_credentials": {
            "bearer": static(hosts=hosts),
            "inQuery": static(value="in-the-query", hosts=hosts),
        },
    }
    security: Any = [{"bearer": [], "inQuery": []}]
    async with a_gateway(tmp_path, security, **changes) as world:
        await world.call("new", "files")
        elsewhere = world.api.requests[-1]
        assert elsewhere.url.startswith("https://files.example:8443/files")
        assert world.api.header("x-service") is None
        assert (SECRET in repr(elsewhere)) == bool(hosts)
        assert ("in-the-query" in elsewhere.url) == bool(hosts)
        await world.call("new", "list")
        assert world.api.header("x-service") == "of the upstream"


async def test_no_argument_stands_in_for_a_credential_or_the_identity_a122(tmp_path: Path) -> None:
    credentials = {
        "inCookie": static(),
        "inQuery": static(value="key"),
        "forged": static(value="ours", place="header x-forged"),
    }
    security: Any = [{"inCookie": [], "inQuery": []}]
    async with a_gateway(tmp_path, security, upstream_credentials=credentials) as world:
        given = {"view": "wide", "X-Forged": "theirs", "q": "x"}
        await world.call("new", "list", given)
        request = world.api.requests[-1]
    assert world.api.header("cookie") == f"view=wide; sid={SECRET}"
    assert [text for name, text in request.headers if name.lower() == "x-forged"] == ["ours"]
    assert urlsplit(request.url).query == "q=x&api%20key=key"


async def test_the_signed_url_is_the_one_that_is_sent(tmp_path: Path) -> None:
    async with a_gateway(
        tmp_path, [{"inQuery": []}], upstream_credentials={"inQuery": static()}
    ) as world:
        await world.call("new", "list")
    assertion = world.api.header("gatepost-assertion") or ""
    stated = jwt.decode(assertion, options={"verify_signature": False})
    assert stated["htu"] == world.api.requests[-1].url


async def test_a_tenant_without_a_credential_is_told_and_nothing_is_sent_a123(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORBIT_KEY_org_acme", SECRET)
    credentials = {"bearer": {"mode": "per_tenant", "variable": "ORBIT_KEY_{tenant_id}"}}
    async with a_gateway(tmp_path, [{"bearer": []}], upstream_credentials=credentials) as world:
        assert (await world.call("new", "list"))["isError"] is False
        assert world.api.header("authorization") == f"Bearer {SECRET}"
        other = world.token(tenant_id="org_globex")
        result = await world.call("new", "list", token=other)
    assert result["content"][0]["text"] == (
        "Your organisation has not set up its access to the API. Nothing was sent. "
        "Ask your administrator, or the operator of this server, to set it up."
    )
    assert len(world.api.requests) == 1
    assert world.records[-1]["reason"] == "no_credential"


class Api:
    """An API that accepts only the latest token, and the endpoint that issues tokens."""

    def __init__(self) -> None:
        """Start without an issued token."""
        self.issued = 0
        self.refuses = 0
        """How many calls are refused whatever they bear."""

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer one request."""
        if request.url == TOKEN_URL:
            self.issued += 1
            token = {"access_token": f"t{self.issued}", "token_type": "Bearer", "expires_in": 600}
            return HttpResponse(200, "application/json", json.dumps(token).encode())
        if self.refuses:
            self.refuses -= 1
            return REFUSED
        return FINE


def by_client_credentials() -> dict[str, Any]:
    """Configure a token by client credentials."""
    return {
        "mode": "client_credentials",
        "token_url": TOKEN_URL,
        "client_id": "gateway",
        "client_secret": SECRET,
    }


@pytest.mark.parametrize("tool", ["list", "create"])
async def test_a_token_that_the_api_refuses_is_fetched_again_once(
    tmp_path: Path, tool: str
) -> None:
    """A 401 means that nothing was done, so changes may be repeated too."""
    credentials = {"oauth": by_client_credentials()}
    async with a_gateway(tmp_path, [{"oauth": []}], upstream_credentials=credentials) as world:
        world.api.answer = api = Api()
        await world.call("new", tool)
        world.clock.advance(seconds=60)
        api.refuses = 1
        assert (await world.call("new", tool))["isError"] is False
        assert world.api.header("authorization") == "Bearer t2"
        world.clock.advance(seconds=60)
        api.refuses = 99
        sent = len(world.api.requests)
        result = await world.call("new", tool)
        assert "401" in result["content"][0]["text"]
        assert len(world.api.requests) == sent + 3, "refused, a token, refused again"
        await world.call("new", tool)
        assert len(world.api.requests) == sent + 4, "no further token just now"


async def test_each_attempt_with_another_token_is_signed_for_itself(tmp_path: Path) -> None:
    credentials = {"oauth": by_client_credentials()}
    async with a_gateway(tmp_path, [{"oauth": []}], upstream_credentials=credentials) as world:
        world.api.answer = api = Api()
        await world.call("new", "list")
        world.clock.advance(seconds=60)
        api.refuses = 1
        await world.call("new", "list")
        sent = [r for r in world.api.requests if r.url != TOKEN_URL]
        assertions = [dict(request.headers)["Gatepost-Assertion"] for request in sent]
    stated = [jwt.decode(a, options={"verify_signature": False})["jti"] for a in assertions]
    assert len(set(stated)) == 3


async def test_a_token_endpoint_that_is_down_is_a_tool_error_that_names_the_wait(
    tmp_path: Path,
) -> None:
    credentials = {"oauth": by_client_credentials()}
    async with a_gateway(tmp_path, [{"oauth": []}], upstream_credentials=credentials) as world:
        world.api.answer = lambda _: HttpResponse(503, "", b"")
        with capture_logs():
            result = await world.call("new", "list")
    assert result["isError"] is True
    assert result["content"][0]["text"] == (
        "The gateway can't get its credential for the API at the moment. Nothing was sent. "
        "Try again in 5 seconds."
    )
    assert [request.url for request in world.api.requests] == [TOKEN_URL]


@pytest.mark.parametrize("status", [200, 403, 503])
@pytest.mark.parametrize("scheme", SCHEMES)
async def test_an_api_that_repeats_its_credential_does_not_tell_the_model(
    tmp_path: Path, scheme: str, status: int
) -> None:
    def echo(request: HttpRequest) -> HttpResponse:
        seen = json.dumps({"detail": f"{request.url} {dict(request.headers)}"})
        return HttpResponse(status, "application/problem+json", seen.encode())

    async with a_gateway(
        tmp_path,
        [{scheme: []}],
        upstream_credentials={scheme: static()},
        upstream_headers={"X-Service-Key": f"other-{SECRET}", "X-Version": "2026-01-01"},
    ) as world:
        world.api.answer = echo
        result = json.dumps(await world.call("new", "list"))
    assert SECRET not in result
    assert b64encode(SECRET.encode()).decode() not in result
    assert "2026-01-01" in result


@pytest.mark.parametrize(
    "echoed",
    [
        'pä"ss/0123456789',
        "p%C3%A4%22ss%2F0123456789",
        '{"is":"pä\\"ss/0123456789"}',
        '{"is":"p\\u00e4\\"ss/0123456789"}',
        '{"is":"p\\u00e4\\"ss\\/0123456789"}',
    ],
    ids=["plain", "URL", "JSON", "ASCII", "PHP"],
)
async def test_a_repeated_credential_is_hidden_in_every_form_in_which_apis_write_it(
    tmp_path: Path, echoed: str
) -> None:
    secret = static(value='pä"ss/0123456789')
    async with a_gateway(
        tmp_path, [{"inQuery": []}], upstream_credentials={"inQuery": secret}
    ) as world:
        kind = "application/json" if echoed.startswith("{") else "text/plain"
        world.api.answer = lambda _: HttpResponse(200, kind, echoed.encode())
        result = json.dumps(await world.call("new", "list"))
    assert "[hidden]" in result
    assert "0123456789" not in result


@pytest.mark.parametrize(("own", "sent"), [("https://api.example", False), ("http://api", True)])
async def test_no_credential_is_sent_in_the_clear_to_an_https_upstream_a121(
    tmp_path: Path, own: str, sent: bool
) -> None:
    manifest = files(tmp_path, [{"bearer": []}])
    document = (tmp_path / "openapi.json").read_text().replace("https://files", "http://files")
    (tmp_path / "openapi.json").write_text(document)
    credentials = {"bearer": static(hosts=("files.example:8443",))}
    async with a_world(
        tmp_path, manifest=manifest, upstream_url=own, upstream_credentials=credentials
    ) as world:
        await world.call("new", "files")
    assert (world.api.header("authorization") is not None) == sent


async def test_the_clients_own_token_is_never_the_upstreams_a121(tmp_path: Path) -> None:
    credentials = {
        "oauth": {"mode": "token_exchange", "token_url": TOKEN_URL, "resource": "https://api"}
    }
    async with a_gateway(tmp_path, [{"oauth": []}], upstream_credentials=credentials) as world:
        world.api.answer = Api()
        token = world.token()
        await world.call("new", "list", token=token)
        exchange, request = world.api.requests
    assert token not in repr(world.api.requests)
    assert parse_qs(exchange.body.decode())["resource"] == ["https://api"]
    assert ("Authorization", "Bearer t1") in request.headers


async def test_the_usual_port_is_the_same_origin_and_another_is_not(tmp_path: Path) -> None:
    manifest = files(tmp_path, [{"bearer": []}])
    for port, sent in ((":443", True), (":8443", False)):
        document = operations([{"bearer": []}])
        document["paths"]["/files"]["servers"] = [{"url": f"https://api.example{port}/files"}]
        (tmp_path / "openapi.json").write_text(json.dumps(document))
        source = manifest.read_text().replace("files.example:8443", f"api.example{port}")
        other = manifest.with_name(f"tools{port[1:]}.yaml")
        other.write_text(source)
        changes = {"bearer": static()}
        async with a_world(
            tmp_path,
            manifest=other,
            upstream_url="https://API.example",
            upstream_credentials=changes,
        ) as world:
            await world.call("new", "files")
            assert (world.api.header("authorization") is not None) == sent


@pytest.mark.parametrize(
    ("security", "changes", "unmet"),
    [
        ([{"bearer": []}], {}, ["bearer"]),
        ([{"bearer": []}], {"upstream_credentials": {"bearer": static()}}, None),
        ([{"bearer": []}], {"upstream_headers": {"authorization": "Bearer x"}}, None),
        ([{"bearer": []}, {}], {}, None),
        ([{"bearer": []}, {"assertion": []}], {}, None),
        (
            [{"bearer": [], "inHeader": []}, {"inQuery": []}],
            {"upstream_credentials": {"bearer": static()}},
            ["inHeader", "inQuery"],
        ),
    ],
)
async def test_an_operator_is_told_what_the_api_asks_for_and_nobody_configured(
    tmp_path: Path, security: Any, changes: dict[str, Any], unmet: list[str] | None
) -> None:
    manifest = files(tmp_path, security)
    document = operations(security)
    assertion = {"type": "apiKey", "in": "header", "name": "Gatepost-Assertion"}
    document["components"]["securitySchemes"]["assertion"] = assertion
    (tmp_path / "openapi.json").write_text(json.dumps(document))
    with capture_logs() as logs:
        async with a_world(tmp_path, manifest=manifest, **changes):
            pass
    said = [log["schemes"] for log in logs if log["log_level"] == "warning"]
    assert said == ([] if unmet is None else [unmet])


@pytest.mark.parametrize("tool", ["list", "create"])
async def test_an_operators_header_takes_the_place_of_the_operations(
    tmp_path: Path, tool: str
) -> None:
    async with a_gateway(tmp_path, [], upstream_headers={"accept": "application/vnd.api"}) as world:
        await world.call("new", tool)
    accepted = [text for name, text in world.api.requests[-1].headers if name.lower() == "accept"]
    assert accepted == ["application/vnd.api"]
