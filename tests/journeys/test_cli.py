"""The `gatepost` command on a command line."""

import asyncio
import fcntl
import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from auth_server.metrics.names import METRICS as metrics_of_auth_server
from gatepost_cli.client.connect import _callback
from mcp_gateway.metrics.names import METRICS as metrics_of_gateway
from support.in_process.auth_server import SEED
from support.in_process.person import ADA
from support.processes.collector import collecting
from support.processes.deployment import (
    GATEPOST,
    GATEPOST_SCRIPT,
    Deployment,
    a_person,
    import_api,
    origin,
    run,
    run_to_end,
    serve,
)
from support.processes.services import free_port, running_service
from support.processes.wheel import install_wheel

pytestmark = [pytest.mark.whole_machine, pytest.mark.usefixtures("own_state")]

LIST = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
TESTS = Path(__file__).parents[1]


@pytest.fixture
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Store tokens of `gatepost connect` for one test only."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def gatepost(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    return run_to_end(*GATEPOST, *arguments, env={**os.environ, **environment})


@contextmanager
def typed(
    *arguments: str, program: Sequence[str | Path] = GATEPOST_SCRIPT, **environment: str
) -> Iterator[subprocess.Popen[str]]:
    """Run the command while the block lasts."""
    with subprocess.Popen(
        [*program, *arguments],
        env={**os.environ, **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.terminate()


def read_until(process: subprocess.Popen[str], words: str) -> str:
    """Read what the command says until it says these words."""
    assert process.stdout is not None and process.stderr is not None
    said = ""
    for line in process.stdout:
        said += line
        if words in line:
            return said
    pytest.fail(f"it ended without {words!r}:\n{said}{process.stderr.read()}")


def children_of(pid: int) -> list[int]:
    """List the processes that a process started."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def listens(port: int) -> bool:
    """Tell whether anything accepts connections there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_the_demo_of_the_wheel_says_where_everything_is_and_ctrl_c_leaves_nothing_behind(
    tmp_path: Path,
) -> None:
    python = install_wheel(tmp_path, "demo")
    ports = [free_port() for _ in range(4)]
    state_file = tmp_path / "state.json"
    flags = ("--auth-port", "--gateway-port", "--saas-port", "--stripe-port")
    chosen = [part for flag, port in zip(flags, ports, strict=True) for part in (flag, str(port))]

    environment = {
        "GATEPOST_AUTH_REGISTRATIONS_PER_DAY": "31",
        "GATEPOST_AUTH_ISSUER": "https://another.example.com",
    }
    with (
        collecting() as (traces, spans),
        typed(
            *("demo", *chosen, "--traces", traces, "--state-file", str(state_file)),
            program=(python, "-I", "-m", "gatepost_cli"),
            **environment,
        ) as demo,
    ):
        said = read_until(demo, "Ctrl-C")
        state = json.loads(state_file.read_text())
        issuer, resource, saas = state["issuer"], state["resource"], state["saas_url"]
        stripe = state["stripe_url"]
        assert (issuer, resource, saas, stripe) == (
            f"http://127.0.0.1:{ports[0]}",
            f"http://127.0.0.1:{ports[1]}/mcp",
            f"http://127.0.0.1:{ports[2]}",
            f"http://127.0.0.1:{ports[3]}",
        )
        assert {account["email"] for account in state["accounts"]} == {
            "ada@acme.example",
            "bo@globex.example",
            "op@orbit.example",
        }
        assert "./dev run" not in said, "there is no clone"
        for url in (issuer, resource, f"{saas}/docs", stripe):
            assert url in said
        key = {"X-API-Key": state["api_key"]}
        assert f'--header "X-API-Key: {state["api_key"]}"' in said
        listed = httpx2.post(resource, json=LIST, headers=key, trust_env=False).json()
        assert "list_tasks" in {tool["name"] for tool in listed["result"]["tools"]}
        call = {
            **LIST,
            "method": "tools/call",
            "params": {"name": "list_projects", "arguments": {}},
        }
        called = httpx2.post(resource, json=call, headers=key, trust_env=False).json()
        assert not called["result"].get("isError")
        metadata = httpx2.get(
            f"{issuer}/.well-known/oauth-authorization-server", trust_env=False
        ).json()
        assert metadata["issuer"] == issuer
        assert httpx2.post(resource, json={}, trust_env=False).status_code == 401
        inspector = {"origin": "http://localhost:6274"}
        for place in (resource, resource.replace("127.0.0.1", "localhost")):
            answer = httpx2.post(place, json={}, headers=inspector, trust_env=False)
            assert answer.status_code == 401
        client = {"redirect_uris": ["http://127.0.0.1/callback"]}
        registered = [
            httpx2.post(f"{issuer}/register", json=client, trust_env=False).status_code
            for _ in range(32)
        ]
        assert registered == [201] * 31 + [429], "dozens, and as many as the environment says"
        assert httpx2.get(f"{saas}/docs", trust_env=False).status_code == 200
        prices = httpx2.get(f"{stripe}/v1/prices", auth=("sk_test_fake", ""), trust_env=False)
        assert [price["lookup_key"] for price in prices.json()["data"]] == ["gatepost_pro_flat"]
        for page, names in (
            ("auth_metrics", metrics_of_auth_server),
            ("gateway_metrics", metrics_of_gateway),
        ):
            assert state[page] in said
            metrics = httpx2.get(state[page], trust_env=False).text
            shown = set(re.findall(r"^# TYPE (\w+)", metrics, re.MULTILINE))
            assert shown == {one.name for one in names if "_redis_" not in one.name}
        children = children_of(demo.pid)
        assert len(children) == 4
        assert Path(state["directory"]).is_dir()

        demo.send_signal(signal.SIGINT)
        assert demo.wait() == 0

        [traced] = [span.trace_id for span in spans if span.name == "tools/call list_projects"]
        followed = {span.service for span in spans if span.trace_id == traced}

    assert followed == {"gatepost-mcp-gateway", "orbit"}
    assert "gatepost-auth-server" in {span.service for span in spans}
    assert [pid for pid in children if Path(f"/proc/{pid}").exists()] == []
    assert [port for port in ports if listens(port)] == []
    assert not Path(state["directory"]).exists()


@pytest.mark.parametrize("flag", ["--auth-port", "--gateway-port", "--saas-port", "--stripe-port"])
def test_a_port_in_use_is_named_with_the_flag_that_chooses_another(flag: str) -> None:
    others = {"--auth-port", "--gateway-port", "--saas-port", "--stripe-port"} - {flag}
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        free = [part for other in sorted(others) for part in (other, str(free_port()))]
        ended = gatepost("demo", flag, str(port), *free)

    assert ended.returncode == 1
    assert ended.stdout == ""
    assert f"port {port} is in use" in ended.stderr
    assert flag in ended.stderr


@pytest.mark.parametrize(
    ("address", "tenant_id", "project_id"),
    [("", "org_acme", "prj_website"), ("/o/org_globex", "org_globex", "prj_pipeline")],
)
def test_connect_opens_the_browser_lists_the_tools_and_calls_the_one_asked_for(
    on_sqlite: Deployment, address: str, tenant_id: str, project_id: str
) -> None:
    title = f"From the terminal to {tenant_id}"
    task = json.dumps({"project_id": project_id, "title": title})
    ended = gatepost(
        *("connect", on_sqlite.resource + address, "--tool", "create_task", "--arguments", task),
        BROWSER=f"{sys.executable} -m support.browsers.browser %s",
        PYTHONPATH=str(TESTS),
    )

    assert ended.returncode == 0, ended.stderr
    assert "list_projects" in ended.stdout
    assert "delete_task" not in ended.stdout
    assert title in ended.stdout.partition("Calling create_task")[2]
    assert on_sqlite.rows("SELECT org_id, created_by FROM tasks WHERE title = ?", title) == [
        {"org_id": tenant_id, "created_by": "usr_ada"}
    ]


def test_a_second_command_uses_the_stored_tokens_and_refreshes_them_without_asking(
    on_sqlite: Deployment, tmp_path: Path
) -> None:
    browser = {"BROWSER": f"{sys.executable} -m support.browsers.browser %s"}
    first = gatepost(*("connect", on_sqlite.resource, "--json"), PYTHONPATH=str(TESTS), **browser)
    assert first.returncode == 0, first.stderr
    tools = json.loads(first.stdout)["tools"]
    assert "create_task" in {tool["name"] for tool in tools}

    (file,) = (tmp_path / "state/gatepost/connections").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    kept = json.loads(file.read_text())
    kept["expires_at"] = 1
    file.write_text(json.dumps(kept))

    task = ("project_id=prj_website", "title=12", 'labels=["a b"]')
    ended = gatepost("call", "create_task", *task, "--json")
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr == ""
    [content] = json.loads(ended.stdout)["content"]
    assert json.loads(content["text"])["title"] == "12"
    again = json.loads(file.read_text())
    assert again["tokens"]["refresh_token"] != kept["tokens"]["refresh_token"]

    missing = gatepost("call", "get_task", "task_id=tsk_none")
    assert (missing.returncode, "answered with an error" in missing.stderr) == (3, True)
    unknown = gatepost("call", "no_tool", "--at", on_sqlite.resource)
    assert (unknown.returncode, "has no tool no_tool for this connection" in unknown.stderr) == (
        1,
        True,
    )
    file.chmod(0o644)
    assert "is not private" in gatepost("call", "get_task").stderr


def test_over_ssh_the_address_that_the_browser_shows_is_pasted(on_sqlite: Deployment) -> None:
    async def approve(url: str) -> str:
        async with a_person(ADA[0]) as ada:
            return await ada.approve(url)

    with typed("connect", on_sqlite.resource, "--no-browser", "--tool", "list_projects") as process:
        assert process.stderr is not None and process.stdin is not None
        shown = next(line for line in process.stderr if "/authorize?" in line)
        address = asyncio.run(approve(shown.strip()))
        assert "code=" in address
        earlier = "http://127.0.0.1:1/callback?code=x&state=y"
        process.stdin.write(f"yes\n{earlier}\n{address}\n")
        process.stdin.flush()
        said, errors = process.communicate(timeout=50)

    assert process.returncode == 0, errors
    assert "Calling list_projects" in said
    assert "That is not the address at the end" in errors
    assert "That address belongs to another sign-in" in errors


@pytest.mark.parametrize(
    ("query", "says"),
    [("code=x&state=y", "You're connected."), ("error=access_denied", "You're not connected.")],
)
def test_the_browser_shows_whether_connect_was_approved(query: str, says: str) -> None:
    given: list[str] = []
    with _callback(given.append) as url:
        page = httpx2.get(f"{url}?{query}", trust_env=False)

    assert (page.status_code, says in page.text) == (200, True)
    assert given == [query]


def redirect_uri_of(process: subprocess.Popen[str]) -> str:
    """Wait until connect shows its link, and return where the browser will be sent back to."""
    assert process.stderr is not None
    shown = next(line for line in process.stderr if "/authorize?" in line)
    return parse_qs(urlsplit(shown.strip()).query)["redirect_uri"][0]


@pytest.fixture
def _listens_to_ctrl_c() -> Iterator[None]:
    """Undo what a shell does to a program in the background, which passes it on to its children."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_listens_to_ctrl_c")
def test_ctrl_c_ends_connect_at_once_while_it_waits_for_the_browser(
    on_sqlite: Deployment,
) -> None:
    with typed("connect", on_sqlite.resource, "--no-browser") as process:
        redirect_uri_of(process)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=50)

    assert process.returncode == 1
    assert said.strip() == "Aborted!"


def test_a_person_who_denies_access_reads_one_sentence(on_sqlite: Deployment) -> None:
    with typed("connect", on_sqlite.resource, "--no-browser") as process:
        httpx2.get(f"{redirect_uri_of(process)}?error=access_denied", trust_env=False)
        _, said = process.communicate(timeout=50)

    assert process.returncode == 1
    assert said == "Error: access was denied in the browser; nothing was connected\n"


def test_connect_to_another_address_of_the_gateway_says_what_to_type(
    on_sqlite: Deployment,
) -> None:
    ended = gatepost("connect", origin(on_sqlite.resource), "--no-browser")
    assert ended.returncode == 1
    assert ended.stderr == (
        f"Error: {origin(on_sqlite.resource)} answered 404, so it is not an MCP endpoint; "
        f"type {on_sqlite.resource}\n"
    )
    ended = gatepost("connect", f"{on_sqlite.issuer}/other", "--no-browser")
    assert "/other answered 404, so it is not an MCP endpoint. The address of" in ended.stderr


def test_a_demo_refuses_a_directory_in_use_and_a_state_file_without_a_folder(
    tmp_path: Path,
) -> None:
    with (tmp_path / "demo.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        free = [
            p
            for f in ("auth", "gateway", "saas", "stripe")
            for p in (f"--{f}-port", str(free_port()))
        ]
        ended = gatepost("demo", *free, "--directory", tmp_path)
        assert ended.returncode == 1
        assert "is in use by a running demo" in ended.stderr
        assert [path.name for path in tmp_path.iterdir()] == ["demo.lock"]
    ended = gatepost("demo", *free, "--state-file", tmp_path / "gone" / "state.json")
    assert ended.returncode == 1
    assert ended.stderr.startswith("Error: --state-file: the folder ")


def test_a_demo_serves_what_was_written_for_directories_before_its_start(tmp_path: Path) -> None:
    (tmp_path / "public").mkdir()
    (tmp_path / "public" / "openai-apps-challenge").write_text("token-of-the-form\n")
    ports = [str(free_port()) for _ in range(4)]
    flags = ("--auth-port", "--gateway-port", "--saas-port", "--stripe-port")
    chosen = [part for pair in zip(flags, ports, strict=True) for part in pair]
    with typed("demo", *chosen, "--directory", str(tmp_path)) as demo:
        read_until(demo, "Ctrl-C")
        url = f"http://127.0.0.1:{ports[1]}/.well-known/openai-apps-challenge"
        assert httpx2.get(url, trust_env=False).text == "token-of-the-form"


def test_connect_to_where_nothing_answers_says_so_in_one_line() -> None:
    ended = gatepost("connect", f"http://127.0.0.1:{free_port()}/mcp", "--no-browser")

    assert ended.returncode == 1
    assert ended.stderr.startswith("Error: nothing answers at http://127.0.0.1:")
    assert len(ended.stderr.splitlines()) == 1


def test_init_writes_a_file_for_its_owners_eyes_and_never_over_another(tmp_path: Path) -> None:
    first = gatepost("init", tmp_path)
    files = [tmp_path / name for name in ("gatepost.yaml", "secret_key", "gatepost.schema.json")]
    written = [file.read_text() for file in files]
    second = gatepost("init", tmp_path)

    assert first.returncode == 0, first.stderr
    assert stat.S_IMODE(files[1].stat().st_mode) == 0o600
    assert written[1] not in written[0]
    assert (second.returncode, [file.read_text() for file in files]) == (1, written)
    assert "already exists" in second.stderr


def test_after_init_import_and_seed_both_services_start_from_the_one_file(
    tmp_path: Path, on_sqlite: Deployment
) -> None:
    issuer = f"http://127.0.0.1:{free_port()}"
    resource = f"http://127.0.0.1:{free_port()}/mcp"
    urls = ("--issuer", issuer, "--resource", resource, "--upstream-url", on_sqlite.saas)
    run(*GATEPOST_SCRIPT, "init", tmp_path, *urls)
    import_api(f"{on_sqlite.saas}/openapi.json", tmp_path)
    config, people = tmp_path / "gatepost.yaml", tmp_path / "people.json"
    people.write_text(json.dumps(SEED))
    run(*GATEPOST, "auth-server", "seed", "--config", config, people)

    with ExitStack() as stack:
        for service, url in (("auth-server", issuer), ("mcp-gateway", origin(resource))):
            stack.enter_context(
                running_service(
                    (*serve(service, config), "--port", str(urlsplit(url).port)),
                    url=url,
                    log=tmp_path / f"{service}.log",
                    ready_path="/readyz",
                )
            )
        ended = gatepost(
            *("connect", resource, "--tool", "list_projects"),
            BROWSER=f"{sys.executable} -m support.browsers.browser %s",
            PYTHONPATH=str(TESTS),
        )

    # The API trusts another gateway's signature, so the call itself must fail there.
    assert "list_projects" in ended.stdout
    assert (ended.returncode, "401" in ended.stdout) == (3, True), ended.stdout + ended.stderr
