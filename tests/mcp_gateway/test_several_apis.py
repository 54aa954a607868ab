"""Several APIs behind one gateway: one list, one token, and nothing of one API reaches another."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import jwt
import pytest
from structlog.testing import capture_logs

from gatepost.catalogue import CatalogueDocument
from gatepost.settings import SettingsError
from mcp_gateway.catalogue.catalogue import fingerprint
from mcp_gateway.http_client.port import HttpResponse, RequestFailed
from mcp_gateway.manifest.entries import ManifestError
from mcp_gateway.manifest.load import load_catalogue
from mcp_gateway.manifest.several.load_apis import load_apis
from mcp_gateway.requests.request import HttpRequest
from mcp_gateway.settings import McpGatewaySettings
from support.in_process.gateway import World, a_world, make_settings
from support.in_process.several_apis import ALL, two_apis, write_api
from support.processes.configuration import write_config

FINE = HttpResponse(200, "application/json", b"{}")


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with a_world(tmp_path, **two_apis(tmp_path)) as opened:
        yield opened


def everything(world: World) -> str:
    """Return a token for all tools."""
    return world.token(allowed_tools=ALL)


async def listed(world: World, token: str, method: str = "tools") -> list[str]:
    answer = await world.new(f"{method}/list", token=token)
    return [one["name"] for one in answer.json()["result"][method]]


def answering(body: bytes) -> Callable[[HttpRequest], HttpResponse]:
    """Let the API answer every request with some JSON."""
    return lambda _: HttpResponse(200, "application/json", body)


def load(settings: McpGatewaySettings) -> Any:
    """Load the catalogue of a gateway's settings."""
    return load_apis(settings.served_apis, name=settings.name)


async def test_the_tools_of_all_apis_are_in_one_list_under_their_prefixes(world: World) -> None:
    assert await listed(world, everything(world)) == [
        *("billing_get", "billing_list", "billing_pay"),
        *("orbit_get", "orbit_list", "orbit_pay"),
    ]


async def test_each_call_goes_to_its_own_api_with_what_that_api_gets(world: World) -> None:
    for name in ("orbit", "billing"):
        await world.call("new", f"{name}_list", token=everything(world))
        assert world.api.requests[-1].url == f"https://api.example/{name}/things?org=org_acme"
        assert world.api.header("x-api-key") == f"secret-of-{name}"
        assert world.api.header("x-service") == f"service-of-{name}"


async def test_each_event_names_the_api_of_its_call(world: World) -> None:
    for tool, api in (("orbit_list", "orbit"), ("billing_pay", "billing")):
        await world.call("new", tool, token=everything(world))
        assert world.records[-1]["api"] == api
    params = {"name": "invented", "arguments": {}}
    await world.new("tools/call", params, token=everything(world))
    assert world.records[-1]["api"] == ""


async def test_the_authorization_server_reads_which_api_each_tool_has(world: World) -> None:
    token = world.token(scope="gatepost:catalogue", tenant_id="", allowed_tools=[])
    answer = await world.http.get(
        "/internal/catalogue", headers={"authorization": f"Bearer {token}"}
    )
    document = CatalogueDocument.model_validate_json(answer.content)
    assert [(one.name, one.title) for one in document.apis] == [
        ("orbit", "Orbit"),
        ("billing", "Billing"),
    ]
    assert {tool.name: tool.api for tool in document.tools}["billing_pay"] == "billing"


async def test_no_api_gets_the_credentials_or_headers_of_another_a310(world: World) -> None:
    """Both are at the same host, so that an origin alone would not tell them apart."""
    for tool in ("list", "get", "pay"):
        for name, other in (("orbit", "billing"), ("billing", "orbit")):
            arguments = {"id": "1"} if tool == "get" else {}
            await world.call("new", f"{name}_{tool}", arguments, token=everything(world))
            sent = repr(world.api.requests[-1])
            assert f"secret-of-{name}" in sent
            assert f"of-{other}" not in sent


async def test_hosts_of_a_credential_open_nothing_to_another_apis_tools_a311(
    tmp_path: Path,
) -> None:
    """`orbit` may send its secret to a host at which `billing` has a tool, too."""
    manifests = {
        name: write_api(
            tmp_path,
            name,
            "  elsewhere: {operation: elsewhere}\n",
            head="hosts: [other.example]\n",
        )
        for name in ("orbit", "billing")
    }
    secret = {"mode": "static", "value": "secret-of-orbit", "hosts": ["other.example"]}
    settings = two_apis(tmp_path, orbit={"credentials": {"key": secret}})
    for name, manifest in manifests.items():
        write_api(
            tmp_path,
            name,
            "  elsewhere: {operation: elsewhere}\n",
            head="hosts: [other.example]\n",
        )
        settings["apis"][name]["manifest"] = manifest
    async with a_world(tmp_path, **settings) as world:
        await world.call("new", "orbit_elsewhere", token=everything(world))
        assert world.api.header("x-api-key") == "secret-of-orbit"
        await world.call("new", "billing_elsewhere", token=everything(world))
    assert world.api.requests[-1].url == "https://other.example/elsewhere"
    assert "secret-of" not in repr(world.api.requests[-1])


async def test_an_assertion_names_the_api_for_which_it_was_signed_a312(tmp_path: Path) -> None:
    async with a_world(
        tmp_path, **two_apis(tmp_path, billing={"audience": "https://billing.example"})
    ) as world:
        audiences = []
        for name in ("orbit", "billing"):
            await world.call("new", f"{name}_list", token=everything(world))
            assertion = world.api.header("gatepost-assertion") or ""
            claims = jwt.decode(assertion, options={"verify_signature": False})
            audiences.append((claims["aud"], claims["tool"]))
    assert audiences == [
        ("https://api.example/orbit", "orbit_list"),
        ("https://billing.example", "billing_list"),
    ]


async def test_an_api_that_fails_pauses_no_call_of_another_a313(world: World) -> None:
    def answer(request: HttpRequest) -> HttpResponse:
        if "/billing/" in request.url:
            return HttpResponse(503, "text/plain", b"")
        return FINE

    world.api.answer = answer
    token = everything(world)
    for tenant in ("org_a", "org_b"):
        mixed = world.token(allowed_tools=ALL, tenant_id=tenant)
        for tool in ("list", "get", "pay") * 4:
            arguments = {"id": "1"} if tool == "get" else {}
            await world.call("new", f"billing_{tool}", arguments, token=mixed)
    refused = await world.call("new", "billing_list", token=token)
    assert "failing at the moment" in refused["content"][0]["text"]
    assert (await world.call("new", "orbit_list", token=token))["isError"] is False
    details = (await world.http.get("/readyz")).json()["details"]
    assert "billing: https://api.example" in details["upstream"]
    assert "orbit" not in details["upstream"]


async def test_an_api_that_is_busy_takes_no_place_from_another_a313(tmp_path: Path) -> None:
    arrived, release = asyncio.Event(), asyncio.Event()

    class Busy:
        async def send(self, request: HttpRequest, *, deadline: float) -> HttpResponse:
            if "/billing/" in request.url:
                arrived.set()
                await release.wait()
            return FINE

    settings = two_apis(tmp_path, billing={"concurrency": 2}, orbit={"concurrency": 2})
    async with a_world(tmp_path, upstream=Busy(), **settings) as world:
        token = everything(world)
        waiting = [
            asyncio.create_task(world.call("new", "billing_list", token=token)) for _ in range(2)
        ]
        await arrived.wait()
        assert (await world.call("new", "orbit_list", token=token))["isError"] is False
        release.set()
        assert [one["isError"] for one in await asyncio.gather(*waiting)] == [False, False]


async def test_equal_names_of_hidden_tools_keep_no_failing_api_in_use_a365(tmp_path: Path) -> None:
    """Hidden tools have no name in the list, so two APIs may both have one called `list`."""
    settings = two_apis(tmp_path, orbit={"prefix": ""}, billing={"prefix": ""})
    for api in ("orbit", "billing"):
        calls = "[{as: one, tool: list}, {as: two, tool: list}]"
        write_api(
            tmp_path,
            api,
            "  list: {operation: list, expose: false}\n"
            f"  pay_{api}: {{operation: pay}}\n"
            f"  sum_{api}: {{description: Add., calls: {calls}, result: {{all: one.things}}}}\n",
        )

    def answer(request: HttpRequest) -> HttpResponse:
        fails = "/billing/" in request.url and request.method == "GET"
        return HttpResponse(503, "text/plain", b"") if fails else FINE

    async with a_world(tmp_path, **settings) as world:
        world.api.answer = answer
        for number in range(12):
            token = world.token(allowed_tools=ALL, tenant_id=f"org_{number % 3}")
            for tool in ("sum_billing", "pay_billing", "sum_orbit"):
                result = await world.call("new", tool, token=token)
                assert result["isError"] is (tool == "sum_billing")
        refused = await world.call("new", "sum_billing", token=everything(world))
        assert "failing at the moment" in refused["content"][0]["text"]
        assert (await world.call("new", "sum_orbit", token=everything(world)))["isError"] is False


async def test_calls_of_one_api_use_up_no_limit_of_anothers_hidden_tool_a407(
    tmp_path: Path,
) -> None:
    settings = two_apis(tmp_path, orbit={"prefix": ""}, billing={"prefix": ""})
    for api in ("orbit", "billing"):
        limited = "expose: false, limits: {per_minute: 2}"
        write_api(
            tmp_path,
            api,
            f"  list: {{operation: list, {limited}}}\n"
            f"  sum_{api}: {{description: Add., calls: [{{as: one, tool: list}}]}}\n",
        )
    async with a_world(tmp_path, **settings) as world:
        token = everything(world)
        for _ in range(2):
            assert (await world.call("new", "sum_billing", token=token))["isError"] is False
        params = {"name": "sum_billing", "arguments": {}}
        refused = (await world.new("tools/call", params, token=token)).json()
        assert "2 a minute of list." in refused["error"]["message"]
        assert (await world.call("new", "sum_orbit", token=token))["isError"] is False


async def test_a_token_for_one_api_opens_no_tool_of_another_a314(world: World) -> None:
    token = world.token(allowed_tools=["@orbit"])
    assert await listed(world, token) == ["orbit_get", "orbit_list", "orbit_pay"]
    answer = await world.new("tools/call", {"name": "billing_list", "arguments": {}}, token=token)
    unknown = await world.new("tools/call", {"name": "billing_lisp", "arguments": {}}, token=token)
    assert answer.json()["error"]["message"] == "Unknown tool: billing_list"
    assert unknown.json()["error"]["code"] == answer.json()["error"]["code"]
    assert world.api.requests == []


def test_a_manifest_can_not_put_its_tools_into_another_apis_toolset_a314(tmp_path: Path) -> None:
    settings = two_apis(tmp_path)
    write_api(tmp_path, "billing", "  list: {operation: list, toolsets: [orbit]}\n")
    with pytest.raises(ManifestError) as refused:
        load(make_settings(tmp_path, **settings))
    assert "apis.billing" not in str(refused.value).split("billing/tools.yaml")[0]
    assert "tools.list.toolsets: orbit is the name of another API" in str(refused.value)


@pytest.mark.parametrize("name", ["orbit", "billing"])
async def test_another_tenants_record_is_withheld_whichever_api_sends_it_a315(
    tmp_path: Path, name: str
) -> None:
    settings = two_apis(tmp_path)
    for api in ("orbit", "billing"):
        write_api(tmp_path, api, "  get: {operation: get, check: {org: tenant_id}}\n")
    async with a_world(tmp_path, **settings) as world:
        for org, withheld in (("org_acme", False), ("org_globex", True)):
            body = json.dumps({"org": org, "name": "a secret"}).encode()
            world.api.answer = answering(body)
            result = await world.call("new", f"{name}_get", {"id": "1"}, token=everything(world))
            assert result["isError"] is withheld
            assert ("a secret" in json.dumps(result)) is not withheld


@pytest.mark.parametrize(
    ("prefixes", "told"),
    [
        (("", ""), ["tools.list", "also has list", "apis.billing.prefix"]),
        (("same_", "same_"), ["tools.get", "also has same_get"]),
        (("orbit_", "x" * 32), []),
        (("orbit_", ""), []),
    ],
)
def test_a_tool_never_takes_the_name_of_another_apis_tool_a316(
    tmp_path: Path, prefixes: tuple[str, str], told: list[str]
) -> None:
    orbit, billing = ({"prefix": prefix} for prefix in prefixes)
    settings = make_settings(tmp_path, **two_apis(tmp_path, orbit=orbit, billing=billing))
    if not told:
        names = [f"{prefix}{name}" for prefix in prefixes for name in ("get", "list", "pay")]
        assert sorted(load(settings).tools) == sorted(names)
        return
    with pytest.raises(ManifestError) as refused:
        load(settings)
    for part in [*told, str(tmp_path / "orbit/tools.yaml"), str(tmp_path / "billing/tools.yaml")]:
        assert part in str(refused.value)


def test_a_name_that_a_prefix_makes_too_long_is_refused(tmp_path: Path) -> None:
    settings = two_apis(tmp_path, billing={"prefix": "b" * 32})
    write_api(tmp_path, "billing", f"  {'n' * 40}: {{operation: get}}\n")
    with pytest.raises(ManifestError, match="longer than 64 characters"):
        load(make_settings(tmp_path, **settings))


def test_everything_that_names_a_tool_follows_its_prefix(tmp_path: Path) -> None:
    settings = two_apis(tmp_path)
    write_api(
        tmp_path,
        "billing",
        "  get: {operation: get, former: [{name: fetch, until: '2099-01-01'}]}\n"
        "  old_get: {operation: get, replaced_by: get}\n"
        "  list: {operation: list, app: {view: table, at: things, fields: [id], submit: pay}}\n"
        "  pay: {operation: pay}\n"
        "  get_twice:\n"
        "    description: Gets a thing and gets it again.\n"
        "    calls: [{tool: get, as: one, arguments: {id: {from: input.id}}}]\n",
        head=(
            "prompts:\n"
            "  remind: {text: Remind them by `pay`., tools: [get], attach: [guide]}\n"
            "resources:\n"
            "  guide: {text: How to}\n"
            "  thing: {tool: get, uri: 'billing://things/{id}'}\n"
            "skills:\n"
            "  pay-all: {description: Pay., text: Call `list` and then `pay`., tools: [get]}\n"
        ),
    )
    catalogue = load(make_settings(tmp_path, **settings))
    old = catalogue.tools["billing_old_get"]
    assert old.lifecycle.replaced_by == "billing_get"
    assert "Use billing_get instead." in old.description
    prompt = catalogue.prompts["billing_remind"]
    assert (prompt.tools, prompt.attach) == (
        ("billing_get", "billing_pay"),
        ("billing_guide",),
    )
    assert prompt.text == "Remind them by `billing_pay`."
    assert catalogue.resources["billing_guide"].uri == "gatepost:resources/billing_guide"
    assert catalogue.templates["billing_thing"].tool == "billing_get"
    assert old.toolsets == ("billing", "read")
    assert set(catalogue.former) == {"billing_fetch"}
    assert catalogue.tools["billing_get_twice"].title == "Get twice"
    shown = catalogue.tools["billing_list"].app
    assert shown is not None
    assert shown.submit is not None
    assert shown.submit.tool == "billing_pay"
    skill = catalogue.skills["billing-pay-all"]
    assert skill.tools == ("billing_get", "billing_list", "billing_pay")
    assert "name: billing-pay-all\n" in skill.text
    assert skill.body == "Call `billing_list` and then `billing_pay`."


def test_an_api_that_gets_company_keeps_every_name(tmp_path: Path) -> None:
    """Apps know skills and resources by their URIs, and the API knows where it sends its events."""
    settings = two_apis(tmp_path, orbit={"prefix": ""})
    write_api(
        tmp_path,
        "orbit",
        head=(
            "prompts: {remind: {text: Remind them., tools: [get]}}\n"
            "resources: {thing: {tool: get, uri: 'orbit://things/{id}'}, motto: {text: Ship it.}}\n"
            "skills: {pay-all: {description: Pay all., text: Call `pay`.}}\n"
            "events: {orbit: {tenant: org, on: {paid: {updates: {thing: {id: id}}}}}}\n"
        ),
    )
    alone = load(make_settings(tmp_path, manifest=tmp_path / "orbit" / "tools.yaml"))
    beside = load(make_settings(tmp_path, **settings))

    assert alone.tools.keys() < beside.tools.keys()
    assert (alone.prompts.keys(), alone.skills) == (beside.prompts.keys(), beside.skills)
    assert (alone.templates.keys(), alone.webhooks) == (beside.templates.keys(), beside.webhooks)
    assert [one.uri for one in alone.resources.values()] == [
        one.uri for one in beside.resources.values()
    ]


def test_a_former_name_is_not_taken_from_another_api_either(tmp_path: Path) -> None:
    settings = two_apis(tmp_path, billing={"prefix": ""})
    former = "former: [{name: orbit_list, until: '2099-01-01'}]"
    write_api(tmp_path, "billing", f"  get: {{operation: get, {former}}}\n")
    with pytest.raises(
        ManifestError, match=r"tools\.get\.former\[0\]\.name: .* also has orbit_list"
    ):
        load(make_settings(tmp_path, **settings))


async def test_hidden_tools_of_one_name_keep_the_arguments_and_limits_of_their_own_api(
    tmp_path: Path,
) -> None:
    """The other API's tool has an argument by which a model says its purpose; this one's own has that name."""
    settings = two_apis(tmp_path, orbit={"prefix": ""}, billing={"prefix": ""})
    write_api(tmp_path, "orbit", "  remind: {operation: list, bind: {org: tenant_id}}\n")
    call = "calls: [{as: paid, tool: remind, arguments: {purpose: rent}}]"
    write_api(
        tmp_path,
        "billing",
        f"  remind: {{operation: list, bind: {{org: tenant_id}}, expose: false}}\n"
        f"  remind_all: {{description: Remind., {call}}}\n",
    )
    document = tmp_path / "billing" / "openapi.json"
    found = json.loads(document.read_text())
    listing = found["paths"]["/things"]["get"]
    listing["parameters"] += [{"name": "purpose", "in": "query", "schema": {"type": "string"}}]
    document.write_text(json.dumps(found))
    async with a_world(tmp_path, **settings) as world:
        token = world.token(allowed_tools=["remind_all"])
        await world.call("new", "remind_all", token=token)

    assert world.api.requests[-1].url.endswith("/billing/things?org=org_acme&purpose=rent")


async def test_one_search_finds_the_tools_of_all_apis(tmp_path: Path) -> None:
    settings = two_apis(tmp_path)
    write_api(tmp_path, "billing", head="search_above: 2\n")
    async with a_world(tmp_path, **settings) as world:
        token = everything(world)
        assert await listed(world, token) == ["describe_tool", "execute_tool", "search_tools"]
        found = await world.call("new", "search_tools", {"query": "list things"}, token=token)
        names = {tool["name"] for tool in found["structuredContent"]["tools"]}
        assert {"orbit_list", "billing_list"} <= names
        described = await world.call("new", "describe_tool", {"name": "billing_get"}, token=token)
        assert described["structuredContent"]["name"] == "billing_get"
        await world.call("new", "execute_tool", {"name": "orbit_list"}, token=token)
        assert world.api.requests[-1].url.startswith("https://api.example/orbit/")
        only = world.token(allowed_tools=["@orbit"])
        found = await world.call("new", "search_tools", {"query": "list things"}, token=only)
        names = {tool["name"] for tool in found["structuredContent"]["tools"]}
        assert names
        assert not any(name.startswith("billing") for name in names)


def test_a_search_tool_and_a_tool_of_its_name_can_not_stand_together(tmp_path: Path) -> None:
    settings = two_apis(tmp_path, orbit={"prefix": ""})
    write_api(tmp_path, "orbit", "  search_tools: {operation: list}\n")
    write_api(tmp_path, "billing", head="search_above: 2\n")
    with pytest.raises(ManifestError, match="search_tools is taken by search_above"):
        load(make_settings(tmp_path, **settings))


async def test_a_broken_file_of_one_api_keeps_everything_and_is_told_with_its_api(
    tmp_path: Path,
) -> None:
    settings = two_apis(tmp_path)
    manifest = tmp_path / "billing" / "tools.yaml"
    async with a_world(tmp_path, **settings) as world:
        text = manifest.read_text()
        manifest.write_text(text.replace("operation: get", "operation: gone"))
        with capture_logs() as logs:
            await world.looks.look()
        [told] = [line for line in logs if line["event"] == "catalogue_kept"]
        assert told["problems"].startswith(f"apis.billing: {manifest}: tools.get.operation")
        for tool in ("orbit_list", "billing_list"):
            assert (await world.call("new", tool, token=everything(world)))["isError"] is False
        manifest.write_text(text.replace("  pay: {operation: pay}\n", ""))
        await world.looks.look()
        assert "billing_pay" not in await listed(world, everything(world))
        assert "orbit_pay" in await listed(world, everything(world))


async def test_a_failure_to_reach_one_api_is_told_of_that_call_alone(world: World) -> None:
    async def send(request: HttpRequest, *, deadline: float) -> HttpResponse:
        if "/billing/" in request.url:
            raise RequestFailed("connection", "The API can't be reached.")
        return FINE

    world.api.send = send  # type: ignore[method-assign]
    token = everything(world)
    assert (await world.call("new", "billing_list", token=token))["isError"] is True
    assert (await world.call("new", "orbit_list", token=token))["isError"] is False


def test_a_single_manifest_is_served_as_before(tmp_path: Path) -> None:
    """Fingerprints in lock files stay, and so does the hash that consents were given for."""
    manifest = write_api(tmp_path, "orbit")
    settings = make_settings(tmp_path, manifest=manifest, upstream_url="https://api.example")
    alone, loaded = load_catalogue(manifest), load(settings)
    assert alone.hash == loaded.hash
    assert {name: fingerprint(tool) for name, tool in alone.tools.items()} == {
        name: fingerprint(tool) for name, tool in loaded.tools.items()
    }


def test_the_product_has_the_name_of_the_settings_or_of_the_first_manifest(tmp_path: Path) -> None:
    settings = two_apis(tmp_path)
    assert load(make_settings(tmp_path, **settings)).name == "Orbit"
    assert load(make_settings(tmp_path, **settings, name="Orbit Suite")).name == "Orbit Suite"


# --- settings


GOOD = {
    "resource": "https://mcp.example.com/mcp",
    "issuer": "https://auth.example.com",
    "signing_key": "gateway.pem",
}


def read(folder: Path, **changes: Any) -> McpGatewaySettings:
    """Read settings from a file."""
    return McpGatewaySettings.load(write_config(folder, mcp_gateway=GOOD | changes))


def test_each_api_has_its_own_settings_with_paths_and_secrets_by_reference(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BILLING_KEY", "s3cret-of-billing")
    settings = read(
        tmp_path,
        apis={
            "orbit": {"url": "https://orbit.example", "manifest": "orbit/tools.yaml", "prefix": ""},
            "billing": {
                "url": "https://billing.example/v1",
                "manifest": "billing/tools.yaml",
                "audience": "billing",
                "headers": {"X-Key": {"env": "BILLING_KEY"}},
                "credentials": {"key": {"mode": "static", "value": {"env": "BILLING_KEY"}}},
                "connections": "per_tenant",
                "concurrency": 8,
            },
        },
    )
    orbit, billing = settings.served_apis
    assert (orbit.name, orbit.prefix, orbit.audience) == ("orbit", "", "https://orbit.example")
    assert orbit.manifest == tmp_path / "orbit" / "tools.yaml"
    assert (billing.prefix, billing.audience, billing.concurrency) == ("billing_", "billing", 8)
    assert (billing.connections, billing.headers) == (
        "per_tenant",
        (("X-Key", "s3cret-of-billing"),),
    )
    assert "s3cret" not in repr(settings)
    assert "s3cret" not in repr(settings.served_apis)


def test_the_environment_describes_several_apis_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    apis = {
        "orbit": {"url": "https://orbit.example", "manifest": "/etc/orbit.yaml"},
        "billing": {
            "url": "https://billing.example",
            "manifest": "/etc/billing.yaml",
            "credentials": {"key": {"mode": "static", "value": "s3cret"}},
        },
    }
    monkeypatch.setenv("GATEPOST_MCP_APIS", json.dumps(apis))
    names = [api.name for api in read(tmp_path).served_apis]
    assert names == ["orbit", "billing"]


ONE = {"url": "https://orbit.example", "manifest": "tools.yaml"}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (
            {"apis": {"orbit": ONE}, "manifest": "x.yaml"},
            "manifest (line 9): describes a single API",
        ),
        (
            {"apis": {"orbit": ONE}, "upstream_url": "https://api.example"},
            "move it to apis.NAME.url, or remove apis",
        ),
        ({"apis": {"orbit": ONE}, "upstream_concurrency": 9}, "upstream_concurrency (line 9)"),
        ({"apis": {}}, "upstream_url (line 1): is required"),
        ({"apis": {"Orbit": ONE}}, "'Orbit' is not a name of an API"),
        ({"apis": {"read": ONE}}, "'read' is not a name of an API"),
        ({"apis": {"o" * 32: ONE}}, "is not a name of an API"),
        ({"apis": {"orbit": {"url": "https://orbit.example"}}}, "apis.orbit.manifest"),
        ({"apis": {"orbit": ONE | {"url": "ftp://orbit.example"}}}, "apis.orbit.url"),
        ({"apis": {"orbit": ONE | {"url": ""}}}, "apis.orbit.url"),
        ({"apis": {"orbit": ONE | {"prefix": "a b"}}}, "apis.orbit.prefix"),
        ({"apis": {"orbit": ONE | {"headers": {"Host": {"env": "HEADER"}}}}}, "apis.orbit.headers"),
        ({"apis": {"orbit": ONE | {"headers": {"X": "s3cret"}}}}, "apis.orbit.headers.X"),
        ({"apis": {"orbit": ONE | {"retries": 1}}}, "apis.orbit.retries"),
    ],
)
def test_a_wrong_setting_of_an_api_is_named_with_its_fix(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], told: str
) -> None:
    monkeypatch.setenv("HEADER", "s3cret")
    with pytest.raises(SettingsError) as refused:
        read(tmp_path, **changes)
    assert told in str(refused.value)
    assert "s3cret" not in str(refused.value)


def test_a_problem_with_a_credential_names_its_api(tmp_path: Path) -> None:
    from mcp_gateway.upstream.credentials.open import require_usable

    other = {"lock": {"mode": "static", "value": "s3cret"}}
    settings = make_settings(tmp_path, **two_apis(tmp_path, billing={"credentials": other}))
    with pytest.raises(SettingsError, match=r"apis\.billing\.credentials\.lock: .*security scheme"):
        require_usable(settings.served_apis, load(settings))


def test_no_tenants_id_completes_the_variable_of_another_apis_secret_a368(tmp_path: Path) -> None:
    """`KEY_` and the tenant `billing_acme` make the name of the secret of `acme` at `billing`."""
    from mcp_gateway.upstream.credentials.open import require_usable

    def check(orbit: str, billing: str) -> None:
        one, other = (
            {"credentials": {"key": {"mode": "per_tenant", "variable": variable}}}
            for variable in (orbit, billing)
        )
        settings = make_settings(tmp_path, **two_apis(tmp_path, orbit=one, billing=other))
        require_usable(settings.served_apis, load(settings))

    for variables in (
        ("KEY_{tenant_id}", "KEY_billing_{tenant_id}"),
        ("B_K{tenant_id}", "B_{tenant_id}"),
    ):
        with pytest.raises(SettingsError, match=r"apis\.\w+\.credentials\.key\.variable: .*rename"):
            check(*variables)
    check("ORBIT_KEY_{tenant_id}", "BILLING_KEY_{tenant_id}")
    check("KEY_{tenant_id}", "KEY_{tenant_id}")
