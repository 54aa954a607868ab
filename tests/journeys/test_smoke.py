"""`gatepost smoke` passes on the real services, and names what is wrong and how to mend it."""

import re
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import httpx2
import pytest
from click.testing import CliRunner, Result

from gatepost.api_keys import make_api_key, parse_api_key
from gatepost_cli.smoke.command import (
    CALL,
    CHALLENGE,
    KEYS,
    MADE_UP_KEY,
    RESOURCE_METADATA,
    REVOCATION,
    SERVER_METADATA,
    TOOLS,
    Given,
    Transport,
    run_smoke,
    smoke,
)
from gatepost_cli.smoke.junit import write_junit
from gatepost_cli.smoke.steps import Step
from support.in_process.between import Between, Change, answering, without
from support.processes.deployment import GATEPOST, Deployment, origin, run
from support.processes.services import free_port

STEPS = [
    *(CHALLENGE, RESOURCE_METADATA, SERVER_METADATA, KEYS, MADE_UP_KEY),
    *(TOOLS, CALL, REVOCATION),
]
SOME_KEY = make_api_key("test", bytes(range(32)))


def create_key(deployment: Deployment, *more: str) -> str:
    """Create a key that may list tasks, as an operator does."""
    options = (
        "--label",
        "Smoke",
        "--person",
        "usr_ada",
        "--tenant",
        "org_acme",
        "--scope",
        "mcp:read",
    )
    config = ("--config", deployment.folder / "gatepost.yaml")
    said = run(
        *(*GATEPOST, "auth-server", "api-keys", "create", *config, *options),
        *("--tool", "list_tasks", *more),
    )
    return said.splitlines()[-1]


def smoke_test(*arguments: str, **environment: str) -> Result:
    """Run the command in this process."""
    return CliRunner().invoke(smoke, arguments, env=environment)


def states(said: str) -> dict[str, str]:
    """Read the printed lines: the name of each step and its state."""
    return {line[7:39].strip(): line[:6].strip() for line in said.splitlines()}


def changing(breakages: dict[str, Change]) -> Transport:
    """The network, with changed answers."""
    return lambda: Between(httpx2.AsyncHTTPTransport(), breakages)


@pytest.fixture(scope="module")
def key(on_sqlite: Deployment) -> str:
    """A live key, which no test ends."""
    return create_key(on_sqlite)


@pytest.mark.whole_machine
def test_every_step_passes_on_the_real_services_and_ends_a_test_key(
    on_sqlite: Deployment, tmp_path: Path
) -> None:
    text = create_key(on_sqlite, "--test")
    revoke = (*GATEPOST, "auth-server", "api-keys", "revoke", "--config")
    command = " ".join(map(str, (*revoke, on_sqlite.folder / "gatepost.yaml")))
    junit = tmp_path / "smoke.xml"

    ended = smoke_test(
        *(on_sqlite.resource, "--revoke-with", command, "--junit", str(junit)),
        GATEPOST_SMOKE_API_KEY=text,
    )

    assert ended.exit_code == 0, ended.output
    assert states(ended.stdout) == dict.fromkeys(STEPS, "ok")
    assert "1 tools, protocol 2026-07-28" in ended.stdout
    [suite] = ET.parse(junit).getroot()  # noqa: S314 - written by the command
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("8", "0", "0")
    assert [case.get("name") for case in suite] == STEPS
    assert text not in ended.output + junit.read_text()

    again = smoke_test(on_sqlite.resource, "--api-key", text)

    assert again.exit_code == 1
    assert states(again.stdout)[TOOLS] == "fails"
    assert "Fix: create another key" in again.stdout


def test_an_organisations_address_passes_with_a_key_of_that_organisation_and_no_other(
    on_sqlite: Deployment, key: str
) -> None:
    own, other = (f"{on_sqlite.resource}/o/{tenant}" for tenant in ("org_acme", "org_globex"))

    assert smoke_test(own, "--api-key", key).exit_code == 0
    refused = smoke_test(other, "--api-key", key)

    assert states(refused.stdout)[TOOLS] == "fails"


def test_without_a_key_only_discovery_is_tested(on_sqlite: Deployment) -> None:
    ended = smoke_test(on_sqlite.resource)

    assert ended.exit_code == 0, ended.output
    assert list(states(ended.stdout).values()) == ["ok"] * 5 + ["skip"] * 3


def test_a_tool_that_may_change_rows_is_not_called(on_sqlite: Deployment, key: str) -> None:
    ended = smoke_test(on_sqlite.resource, "--api-key", key, "--tool", "create_task")

    assert (ended.exit_code, states(ended.stdout)[CALL]) == (1, "fails")
    assert "the key does not see create_task" in ended.stdout


def test_where_nothing_answers_every_later_step_is_skipped() -> None:
    ended = smoke_test(f"http://127.0.0.1:{free_port()}/mcp", "--api-key", SOME_KEY.text)

    assert ended.exit_code == 1
    assert list(states(ended.stdout).values()) == ["fails"] + ["skip"] * 7
    assert "Fix: check that the service runs" in ended.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["mcp.example.com"], "'URL': 'mcp.example.com' is not an http or https URL"),
        (["https://mcp.example.com/mcp", "--api-key", "mcp_live_x"], "--api-key: "),
        (
            ["https://mcp.example.com/mcp", "--revoke-with", "true"],
            "--revoke-with needs a test key",
        ),
        (
            [
                *("https://mcp.example.com/mcp", "--revoke-with", "true"),
                *("--api-key", make_api_key("live", bytes(32)).text),
            ],
            "--revoke-with needs a test key",
        ),
    ],
    ids=["no URL", "a cut key", "no key", "a live key"],
)
def test_an_option_that_can_t_work_is_named(arguments: list[str], words: str) -> None:
    ended = smoke_test(*arguments)

    assert ended.exit_code == 2
    assert words in ended.stderr
    assert ended.stdout == ""


@pytest.mark.parametrize(
    ("place", "change", "step", "words"),
    [
        ("/mcp", lambda _: httpx2.Response(502), CHALLENGE, "answers 502. Fix: read the service's"),
        ("/mcp", lambda _: httpx2.Response(404), CHALLENGE, "which usually ends in /mcp"),
        ("/mcp", lambda _: httpx2.Response(200), CHALLENGE, "answers 200 without a token"),
        ("/mcp", without("www-authenticate"), CHALLENGE, "let the proxy pass on"),
        (
            "/.well-known/oauth-protected-resource/mcp",
            answering(resource="http://gateway.internal/mcp"),
            RESOURCE_METADATA,
            "Fix: set mcp_gateway.resource",
        ),
        (
            "/.well-known/oauth-protected-resource/mcp",
            lambda _: httpx2.Response(200, html="<html>"),
            RESOURCE_METADATA,
            "answers 200 with text/html",
        ),
        (
            "/.well-known/oauth-authorization-server",
            answering(issuer="http://auth.internal"),
            SERVER_METADATA,
            "Fix: set auth_server.issuer and mcp_gateway.issuer",
        ),
        (
            "/.well-known/oauth-authorization-server",
            lambda _: httpx2.Response(404),
            SERVER_METADATA,
            "compare the host and path rules",
        ),
        ("/jwks.json", answering(keys=[]), KEYS, "lists no key"),
        (
            "/jwks.json",
            answering(keys=[{"kty": "EC", "kid": "1", "d": "secret"}]),
            KEYS,
            "shows a private key",
        ),
    ],
    ids=[
        *("a 502", "another address", "open to all", "no challenge", "another name", "a web page"),
        *("another issuer", "not routed", "no keys", "a private key"),
    ],
)
async def test_a_fault_is_named_with_its_mend(
    on_sqlite: Deployment, place: str, change: Change, step: str, words: str
) -> None:
    home = origin(on_sqlite.resource)
    if place == "/jwks.json" or "authorization-server" in place:
        home = on_sqlite.issuer
    network = changing({f"{home}{place}": change})

    steps = await run_smoke(Given(on_sqlite.resource), network)

    assert steps.failed
    [failed] = [done for done in steps.done if done.state == "fails" and done.name == step]
    assert words in failed.line()
    assert "\n" not in failed.line()


async def test_a_gateway_that_takes_any_key_fails(on_sqlite: Deployment) -> None:
    def open_up(answer: httpx2.Response) -> httpx2.Response:
        if "x-api-key" in answer.request.headers:
            return httpx2.Response(200, json={})
        return answer

    network = changing({on_sqlite.resource: open_up})

    steps = await run_smoke(Given(on_sqlite.resource), network)

    assert {done.name: done.state for done in steps.done}[MADE_UP_KEY] == "fails"


async def test_an_upstream_that_is_down_fails_the_call_and_the_key_stays_secret(
    on_sqlite: Deployment, key: str
) -> None:
    def tell(answer: httpx2.Response) -> httpx2.Response:
        sent = answer.request
        if b'"tools/call"' not in sent.read():
            return answer
        said = {"type": "text", "text": f"upstream is down for {sent.headers['x-api-key']}"}
        body = answer.json()
        body["result"] |= {"content": [said], "isError": True}
        return httpx2.Response(200, json=body)

    network = changing({on_sqlite.resource: tell})

    steps = await run_smoke(Given(on_sqlite.resource, key=parse_api_key(key)), network)

    lines = {done.name: done.line() for done in steps.done}
    assert "list_tasks answers with an error: upstream is down for ***" in lines[CALL]
    assert "check upstream_url" in lines[CALL]
    assert key not in "".join(lines.values()) + write_junit(steps.done, on_sqlite.resource)


async def test_a_key_that_outlives_its_revocation_fails(on_sqlite: Deployment) -> None:
    text = create_key(on_sqlite, "--test")
    given = Given(
        on_sqlite.resource, key=parse_api_key(text), revoke_with=(sys.executable, "-c", "exit(3)")
    )

    steps = await run_smoke(given)

    assert re.search(r"exit\(3\).* failed", steps.done[-1].line())
    assert steps.done[-1].state == "fails"


def test_the_junit_file_holds_only_characters_that_xml_has() -> None:
    odd = Step("call", "fails", wrong="<\x00&\x1b]]> \ud800 é", fix='say "no"')

    read = ET.fromstring(write_junit([odd], 'https://a.example/?x="&'))  # noqa: S314

    [[case]] = read
    failure = case.find("failure")
    assert failure is not None and failure.get("message") == "<?&?]]> ? é"
