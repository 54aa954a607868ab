"""`gatepost demo`: run both services, a demo SaaS and imitations of Stripe and a provider here."""

import contextlib
import fcntl
import json
import os
import secrets
import subprocess
import sys
import tempfile
import urllib.request
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import click

from gatepost.api_keys import make_api_key
from gatepost.scopes import READ
from gatepost_cli.init import keep_secret
from gatepost_cli.processes import (
    Service,
    find_free_ports,
    require_free_port,
    running,
    suppress_stop,
    wait_for_end,
)
from gatepost_cli.terminal import echo

PASSWORD = "gatepost-demo"  # noqa: S105 - the demo's, printed for everyone to read
PEOPLE = (
    {
        "id": "usr_ada",
        "email": "ada@acme.example",
        "name": "Ada Marsh",
        "memberships": (
            {
                "tenant": "org_acme",
                "role": "admin",
                "data_scope": "team:engineering team:design",
            },
            {"tenant": "org_globex", "role": "member", "data_scope": "team:sales"},
        ),
    },
    {
        "id": "usr_bo",
        "email": "bo@globex.example",
        "name": "Bo Lind",
        "memberships": ({"tenant": "org_globex", "role": "admin", "data_scope": ""},),
    },
    {
        "id": "usr_op",
        "email": "op@orbit.example",
        "name": "Olga Operator",
        "operator": "operator",
        "memberships": (),
    },
)
STRIPE_KEY = "sk_test_fake"
STRIPE_WEBHOOK_SECRET = "whsec_fake"  # noqa: S105 - of an imitation
TENANTS = (
    {"id": "org_acme", "name": "Acme", "rate_limit_tier": "pro"},
    {"id": "org_globex", "name": "Globex", "rate_limit_tier": "free"},
)
PROVIDER, APP = "acme-id", "claude-for-work"
DEVICE_CLIENT = "gatepost-cli"
APPS = {
    "list_tasks": "{view: table, title: Tasks, row: get_task, submit: create_task}",
    "get_task": "{view: card, title: Task, submit: update_task}",
    "create_task": "{view: form, title: New task}",
}
"""The tools whose answers hosts show, each with its `app` in the manifest."""
TOM = {
    "id": "usr_tom",
    "email": "tom@acme.example",
    "name": "Tom Okafor",
    "memberships": ({"tenant": "org_acme", "role": "member", "data_scope": "team:design"},),
}
"""Who is at Acme's provider, if it runs; whoever is in two organisations can't sign in there."""
KEPT = frozenset(
    {
        "GATEPOST_AUTH_ACCESS_TOKEN_LIFETIME",
        "GATEPOST_AUTH_AUTHORIZATIONS_PER_MINUTE",
        "GATEPOST_AUTH_REFRESH_ABSOLUTE_LIFETIME",
        "GATEPOST_AUTH_REFRESH_IDLE_LIFETIME",
        "GATEPOST_AUTH_REGISTRATION",
        "GATEPOST_AUTH_REGISTRATIONS_OVERALL_PER_MINUTE",
        "GATEPOST_AUTH_REGISTRATIONS_PER_DAY",
        "GATEPOST_AUTH_REGISTRATIONS_PER_MINUTE",
        "GATEPOST_AUTH_WRONG_GUESSES_PER_MINUTE",
        "GATEPOST_MCP_ALLOWED_HOSTS",
        "GATEPOST_MCP_ALLOWED_ORIGINS",
        "GATEPOST_MCP_CONFIRM_DESTRUCTIVE",
        "GATEPOST_MCP_KEEP_ALIVE",
        "GATEPOST_MCP_LOG_LEVEL",
    }
)
"""Settings that the environment may change in the demo; none of them is a URL, a secret or a file."""


@dataclass(frozen=True, slots=True)
class DemoLayout:
    """The demo's directory and ports."""

    directory: Path
    auth_port: int
    gateway_port: int
    saas_port: int
    stripe_port: int
    auth_metrics_port: int
    gateway_metrics_port: int
    provider_port: int | None
    invoicing_port: int | None
    traces: str | None
    """Where traces are sent."""

    @property
    def issuer(self) -> str:
        """The authorization server's issuer."""
        return f"http://127.0.0.1:{self.auth_port}"

    @property
    def resource(self) -> str:
        """The gateway's MCP endpoint."""
        return f"http://127.0.0.1:{self.gateway_port}/mcp"

    @property
    def saas(self) -> str:
        """The demo SaaS's URL."""
        return f"http://127.0.0.1:{self.saas_port}"

    @property
    def stripe(self) -> str:
        """The URL of the imitation of Stripe."""
        return f"http://127.0.0.1:{self.stripe_port}"

    @property
    def provider(self) -> str:
        """The issuer of the imitation of Acme's identity provider."""
        return f"http://127.0.0.1:{self.provider_port}"

    @property
    def invoicing(self) -> str:
        """The URL of the second API."""
        return f"http://127.0.0.1:{self.invoicing_port}"

    @property
    def invoicing_key(self) -> Path:
        """The key with which the gateway calls the second API."""
        return self.directory / "invoicing_key"

    @property
    def sso(self) -> Path:
        """The file with an app at that provider and the sign-in of one of its people."""
        return self.directory / "sso.json"

    @property
    def app_secret(self) -> Path:
        """The file with the secret of the app and of this server at the provider."""
        return self.directory / "app_secret"

    @property
    def saas_token(self) -> Path:
        """The admin token with which the demo SaaS gets tokens for its settings page."""
        return self.directory / "saas_token"

    @property
    def webhook_secret(self) -> Path:
        """The file with the secret that signs the events of the demo SaaS."""
        return self.directory / "webhook_secret"

    @property
    def auth_metrics(self) -> str:
        """The URL of the authorization server's metrics."""
        return f"http://127.0.0.1:{self.auth_metrics_port}/metrics"

    @property
    def gateway_metrics(self) -> str:
        """The URL of the gateway's metrics."""
        return f"http://127.0.0.1:{self.gateway_metrics_port}/metrics"

    @property
    def api_key(self) -> Path:
        """The file with Ada's API key, for programs without a browser."""
        return self.directory / "api_key"

    @property
    def with_config(self) -> tuple[str, str]:
        """The option of commands that names the configuration."""
        return "--config", str(self.config)

    @property
    def config(self) -> Path:
        """The configuration file of both services."""
        return self.directory / "gatepost.yaml"


@click.command()
@click.option("--auth-port", default=8400, show_default=True, type=click.IntRange(1, 65535))
@click.option("--gateway-port", default=8401, show_default=True, type=click.IntRange(1, 65535))
@click.option("--saas-port", default=8402, show_default=True, type=click.IntRange(1, 65535))
@click.option("--stripe-port", default=8403, show_default=True, type=click.IntRange(1, 65535))
@click.option(
    "--provider",
    is_flag=True,
    help="Also run an imitation of Acme's identity provider, which can connect apps for members.",
)
@click.option(
    "--invoicing",
    is_flag=True,
    help="Also run a second API, for invoices, behind the same gateway.",
)
@click.option(
    "--traces",
    metavar="URL",
    help="Send traces of every call to an OTLP collector, such as http://127.0.0.1:4318/v1/traces.",
)
@click.option(
    "--directory",
    type=click.Path(path_type=Path, file_okay=False),
    help="Keep databases, configuration and logs here; by default they are deleted at the end.",
)
@click.option(
    "--state-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write URLs and accounts to this JSON file once everything is running.",
)
def demo(  # noqa: PLR0913 - one for each option
    auth_port: int,
    gateway_port: int,
    saas_port: int,
    stripe_port: int,
    provider: bool,
    invoicing: bool,
    traces: str | None,
    directory: Path | None,
    state_file: Path | None,
) -> None:
    """Run both services, a demo SaaS and an imitation of Stripe, with accounts; Ctrl-C stops all."""
    for port, flag in (
        (auth_port, "--auth-port"),
        (gateway_port, "--gateway-port"),
        (saas_port, "--saas-port"),
        (stripe_port, "--stripe-port"),
    ):
        require_free_port(port, flag)
    if state_file is not None and not state_file.absolute().parent.is_dir():
        raise click.ClickException(
            f"--state-file: the folder {state_file.absolute().parent} does not exist; create it first"
        )
    with suppress_stop(), _directory(directory) as place:
        ports = find_free_ports(4)
        layout = DemoLayout(
            place,
            auth_port,
            gateway_port,
            saas_port,
            stripe_port,
            auth_metrics_port=ports[0],
            gateway_metrics_port=ports[1],
            provider_port=ports[2] if provider else None,
            invoicing_port=ports[3] if invoicing else None,
            traces=traces,
        )
        _report("preparing accounts and tools")
        _configure(layout)
        _report("starting the services")
        with running(_services(layout), place, lambda name: _report(f"{name} is ready")) as started:
            _offer_plans(layout, kept=directory is not None)
            if provider:
                _sign_in_at_provider(layout)
            if state_file is not None:
                _write_state(state_file, layout)
            echo(_welcome(layout))
            wait_for_end(started)


def _report(step: str) -> None:
    """Say how far the start is."""
    echo(f"gatepost demo: {step}", err=True)


@contextlib.contextmanager
def _directory(given: Path | None) -> Iterator[Path]:
    if given is not None:
        given.mkdir(parents=True, exist_ok=True)
        with (given / "demo.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise click.ClickException(
                    f"{given} is in use by a running demo; stop that, or choose another --directory"
                ) from None
            yield given.absolute()
        return
    with tempfile.TemporaryDirectory(prefix="gatepost-demo-") as made:
        yield Path(made)


def _gatepost(layout: DemoLayout, *arguments: str) -> str:
    done = subprocess.run(  # noqa: S603 - our own command, no shell
        [sys.executable, "-m", "gatepost_cli", *arguments],
        env=_environment(),
        cwd=layout.directory,
        capture_output=True,
        text=True,
        check=False,
        start_new_session=True,  # Ctrl-C must reach only this process, which ends that one
    )
    if done.returncode != 0:
        raise click.ClickException(f"gatepost {' '.join(arguments)}:\n{done.stderr.strip()}")
    return done.stdout


def _offer_plans(layout: DemoLayout, *, kept: bool) -> None:
    """Put the plans' prices into the imitation of Stripe, which begins empty each time."""
    config = ("--config", str(layout.config))
    _gatepost(layout, "billing", "sync", "--yes", *config)
    if kept:
        # Tenants may have subscriptions of an earlier imitation.
        _gatepost(layout, "billing", "refresh", *config)


def _sign_in_at_provider(layout: DemoLayout) -> None:
    """Sign Tom in to the app at Acme's provider, as `gatepost doctor --sso` needs it."""
    secret = layout.app_secret.read_text()
    body = urlencode({"client_id": "claude", "client_secret": secret, "email": "tom@acme.example"})
    url = f"{layout.provider}/_fake/sign-in"
    with urllib.request.urlopen(url, body.encode()) as answer:  # noqa: S310 - our own process
        id_token = json.load(answer)["id_token"]
    sso = {
        "provider": layout.provider,
        "provider_client_id": "claude",
        "provider_client_secret": secret,
        "id_token": id_token,
        "client_id": APP,
        "client_secret": secret,
    }
    layout.sso.unlink(missing_ok=True)
    keep_secret(layout.sso, json.dumps(sso, indent=2))
    _gatepost(
        layout, *("auth-server", "tenants", "provider", "org_acme", PROVIDER), *layout.with_config
    )


def _configure(layout: DemoLayout) -> None:
    keep_secret(layout.app_secret, secrets.token_urlsafe(32))
    keep_secret(layout.directory / "secret_key")
    keep_secret(layout.directory / "stripe_key", STRIPE_KEY)
    keep_secret(layout.directory / "stripe_webhook_secret", STRIPE_WEBHOOK_SECRET)
    keep_secret(layout.webhook_secret, f"whsec_{b64encode(secrets.token_bytes(24)).decode()}")
    keep_secret(layout.api_key, make_api_key("live", secrets.token_bytes(32)).text)
    layout.config.write_text(
        f"""\
auth_server:
  issuer: {layout.issuer}
  secret_key: {{file: secret_key}}
  database_url: sqlite+aiosqlite:///gatepost.db
  resources:
    - resource: {layout.resource}
  # On this machine, every client has the same address.
  registrations_per_minute: 600
  registrations_per_day: 10000
  registrations_overall_per_minute: 600
  operator_sign_in_level: 1
  component_origins: [{layout.saas}]
  metrics_port: {layout.auth_metrics_port}
{_write_tracing(layout)}  stripe:
    secret_key: {{file: stripe_key}}
    webhook_secrets: [{{file: stripe_webhook_secret}}]
    api_url: {layout.stripe}
{_write_sign_in(layout)}mcp_gateway:
  issuer: {layout.issuer}
  resource: {layout.resource}
{_write_apis(layout)}{_write_published(layout)}  signing_key: gateway-key.pem
  event_secrets:
    orbit: [{{file: webhook_secret}}]
  metrics_port: {layout.gateway_metrics_port}
{_write_tracing(layout)}  allowed_origins: ["http://127.0.0.1:*", "http://localhost:*"]
"""
    )
    if layout.invoicing_port is not None:
        keep_secret(layout.invoicing_key)
        subprocess.run(  # noqa: S603 - our own command, no shell
            [sys.executable, "-m", "demo_invoicing", "--write", layout.directory / "invoicing"],
            env=_environment(),
            check=True,
        )
    people = layout.directory / "people.json"
    accounts = [{**person, "password": PASSWORD} for person in PEOPLE]
    key = {
        "key": layout.api_key.read_text(),
        "label": "Demo",
        "person": "usr_ada",
        "tenant": "org_acme",
        "resource": layout.resource,
        "scope": READ,
        "tools": ["@read"],
        "data_scope": "team:engineering team:design",
    }
    device = {"client_id": DEVICE_CLIENT, "name": "Gatepost command line", "device": True}
    seed: dict[str, Any] = {
        "tenants": TENANTS,
        "people": accounts,
        "api_keys": [key],
        "clients": [device],
    }
    if layout.provider_port is not None:
        _add_provider(layout, seed)
    people.write_text(json.dumps(seed))
    _gatepost(layout, "auth-server", "seed", "--config", str(layout.config), str(people))
    if not layout.saas_token.exists():
        made = _gatepost(
            layout,
            *("auth-server", "admin-tokens", "create", "--label", "Settings page of Orbit"),
            *("--scope", "components:write", "--expires-in-days", "3650"),
            *layout.with_config,
        )
        keep_secret(layout.saas_token, made.split()[-1])
    if not (layout.directory / "tools.yaml").exists():
        document = subprocess.run(
            [sys.executable, "-m", "demo_saas", "openapi"],
            env=_environment(),
            capture_output=True,
            check=True,
        )
        fetched = layout.directory / "fetched.json"
        fetched.write_bytes(document.stdout)
        _gatepost(
            layout,
            *("import", "openapi", str(fetched)),
            *("--out", str(layout.directory), "--name", "Orbit", "--all"),
            *("--bind", "org_id=tenant_id"),
        )
        fetched.unlink()  # the import keeps a copy beside the manifest
        show_apps(layout.directory / "tools.yaml")
        with (layout.directory / "tools.yaml").open("a", encoding="utf-8") as manifest:
            manifest.write(_COMPOSITE)
            manifest.write(_EVENTS)


def show_apps(manifest: Path) -> None:
    """Let hosts show the demo's tasks: a table, a card and a form, as a person would edit the manifest."""
    text = manifest.read_text()
    for tool, app in APPS.items():
        text = text.replace(f"\n  {tool}:\n", f"\n  {tool}:\n    app: {app}\n")
    manifest.write_text(text)


_COMPOSITE = """\
  summarise_project:
    title: Summarise a project
    description: Read a project with its tasks that are to be done and the members of its team.
    toolsets: [projects]
    calls:
      - {as: project, tool: get_project, arguments: {project_id: {from: input.project_id}}}
      - as: tasks
        tool: list_tasks
        arguments: {project_id: {from: project.id}, status: todo, limit: 20}
      - {as: members, tool: list_members, arguments: {team: {from: project.team}}}
    result: {project: project, tasks: tasks.items, members: members.items}
"""
"""A composite tool, which no import proposes."""
_EVENTS = """\
resources:
  task:
    title: A task
    description: One task as it is now.
    tool: get_task
    uri: orbit://tasks/{task_id}
    complete: {task_id: {tool: list_tasks, values: "items[].id"}}
events:
  orbit:
    tenant: data.org_id
    on:
      task.updated: {updates: {task: {task_id: data.id}}, data_scope: {team: data.team}}
      task.deleted: {updates: {task: {task_id: data.id}}, data_scope: {team: data.team}}
"""
"""What the demo SaaS tells by its webhook."""


def _write_apis(layout: DemoLayout) -> str:
    if layout.invoicing_port is None:
        return f"""\
  upstream_url: {layout.saas}
  manifest: tools.yaml
"""
    return f"""\
  apis:
    orbit:
      url: {layout.saas}
      manifest: tools.yaml
      prefix: ""
    invoicing:
      url: {layout.invoicing}
      manifest: invoicing/tools.yaml
      credentials:
        apiKey: {{mode: static, value: {{file: invoicing_key}}}}
"""


def _write_published(layout: DemoLayout) -> str:
    """Serve what `gatepost publish --write` wrote before this start, since this file is written anew."""
    return "  published: public\n" if (layout.directory / "public").is_dir() else ""


def _write_sign_in(layout: DemoLayout) -> str:
    if layout.provider_port is None:
        return ""
    return f"""\
  sign_in:
    - kind: local
    - kind: oidc
      name: {PROVIDER}
      title: Acme ID
      issuer: {layout.provider}
      client_id: gatepost
      client_secret: {{file: app_secret}}
      customer: true
"""


def _write_tracing(layout: DemoLayout) -> str:
    if layout.traces is None:
        return ""
    return f"  tracing: {json.dumps({'endpoint': layout.traces, 'sample': 1})}\n"


def _environment_of_api(layout: DemoLayout) -> dict[str, str]:
    """Let the API show connected apps, and record what the gateway records, as any FastAPI app does."""
    environment = {
        **_environment(),
        "ORBIT_GATEPOST_URL": layout.issuer,
        "ORBIT_GATEPOST_ADMIN_TOKEN": layout.saas_token.read_text(),
        "ORBIT_WEBHOOK_URL": f"{layout.resource}/events/orbit",
        "ORBIT_WEBHOOK_SECRET": layout.webhook_secret.read_text(),
    }
    if layout.traces is None:
        return environment
    return {
        **environment,
        "FASTAPI_OTEL_AUTO_CONFIGURE": "true",
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": layout.traces,
        "OTEL_SERVICE_NAME": "orbit",
        "OTEL_TRACES_SAMPLER": "parentbased_always_off",
    }


def _add_provider(layout: DemoLayout, seed: dict[str, Any]) -> None:
    """Add Tom and his app to the seed, and write the setup of the provider."""
    secret = layout.app_secret.read_text()
    acme, *others = TENANTS
    seed["tenants"] = [{**acme, "verified_domains": ["acme.example"]}, *others]
    seed["people"] = [*seed["people"], {**TOM, "password": PASSWORD}]
    app = {
        "client_id": APP,
        "name": "Claude for Work",
        "redirect_uris": ["https://claude.ai/api/mcp/auth_callback"],
        "token_endpoint_auth_method": "client_secret_basic",
        "secret": secret,
    }
    seed["clients"] = [*seed["clients"], app]
    here = {
        "client_id": "gatepost",
        "secret": secret,
        "redirect_uris": [f"{layout.issuer}/sign-in/return/{PROVIDER}"],
        "logout_uri": f"{layout.issuer}/provider-logout/{PROVIDER}",
    }
    claude = {"client_id": "claude", "secret": secret, "ids_elsewhere": {layout.issuer: APP}}
    tom = {"subject": "tom", "email": TOM["email"], "name": TOM["name"], "groups": ["design"]}
    setup = {"people": [tom], "apps": [here, claude]}
    (layout.directory / "provider.json").write_text(json.dumps(setup))


def _environment() -> dict[str, str]:
    # The URLs, secrets and files of another deployment in this shell must not reach the demo's
    # processes.
    return {
        name: value
        for name, value in os.environ.items()
        if name in KEPT or not name.startswith(("GATEPOST_", "ORBIT_"))
    }


def _services(layout: DemoLayout) -> list[Service]:
    environment = _environment()
    config = ("--config", str(layout.config))
    provider = Service(
        "fake-provider",
        (
            *("-m", "fake_provider", "--port", str(layout.provider_port)),
            *("--setup", str(layout.directory / "provider.json")),
        ),
        f"{layout.provider}/jwks",
        environment,
    )
    trust = (
        *("--gatepost-issuer", layout.resource),
        "--gatepost-jwks-url",
        f"http://127.0.0.1:{layout.gateway_port}/.well-known/jwks.json",
    )
    invoicing = Service(
        "demo-invoicing",
        (
            *("-m", "demo_invoicing", "--port", str(layout.invoicing_port)),
            *("--database", str(layout.directory / "invoicing.db"), *trust),
        ),
        f"{layout.invoicing}/healthz",
        {
            **environment,
            "INVOICING_API_KEY": layout.invoicing_key.read_text() if layout.invoicing_port else "",
        },
    )
    return [
        *([provider] if layout.provider_port is not None else []),
        *([invoicing] if layout.invoicing_port is not None else []),
        Service(
            "demo-saas",
            (
                *("-m", "demo_saas", "--port", str(layout.saas_port)),
                *("--database", str(layout.directory / "orbit.db"), *trust),
            ),
            f"{layout.saas}/healthz",
            _environment_of_api(layout),
        ),
        Service(
            "fake-stripe",
            (
                *("-m", "fake_stripe", "--port", str(layout.stripe_port)),
                *("--webhook", f"{layout.issuer}/billing/stripe"),
            ),
            layout.stripe,
            environment,
        ),
        Service(
            "auth-server",
            (
                *("-m", "gatepost_cli", "auth-server", "serve"),
                *("--port", str(layout.auth_port), *config),
            ),
            f"{layout.issuer}/readyz",
            environment,
        ),
        Service(
            "mcp-gateway",
            (
                *("-m", "gatepost_cli", "mcp-gateway", "serve"),
                *("--port", str(layout.gateway_port), *config),
            ),
            f"http://127.0.0.1:{layout.gateway_port}/readyz",
            environment,
        ),
    ]


def _write_state(path: Path, layout: DemoLayout) -> None:
    names = {tenant["id"]: tenant["name"] for tenant in TENANTS}
    state = {
        "issuer": layout.issuer,
        "resource": layout.resource,
        "mcp_url": layout.resource,
        "saas_url": layout.saas,
        "stripe_url": layout.stripe,
        **({"provider_url": layout.provider} if layout.provider_port is not None else {}),
        **({"invoicing_url": layout.invoicing} if layout.invoicing_port is not None else {}),
        "auth_metrics": layout.auth_metrics,
        "gateway_metrics": layout.gateway_metrics,
        "directory": str(layout.directory),
        "api_key": layout.api_key.read_text(),
        "accounts": [
            {
                "email": person["email"],
                "password": PASSWORD,
                "name": person["name"],
                "tenants": [
                    {"tenant_id": seat["tenant"], "name": names[seat["tenant"]]}
                    for seat in person["memberships"]
                    if isinstance(seat, dict)
                ],
            }
            for person in PEOPLE
        ],
    }
    # A program that waits for the file must never read half of it.
    draft = path.with_name(f"{path.name}.part")
    draft.write_text(json.dumps(state, indent=2) + "\n")
    draft.replace(path)


_IN_CLONE = """
(in this repository, write ./dev run before `gatepost`)
"""


def _is_clone() -> bool:
    """Return whether the command runs in the environment that `./dev` made in a clone."""
    return (Path(sys.prefix).parent / "dev").is_file()


def _welcome(layout: DemoLayout) -> str:
    return f"""\

Everything is running:

  MCP gateway           {layout.resource}
  authorization server  {layout.issuer}
  demo SaaS "Orbit"     {layout.saas}  (its API: {layout.saas}/docs)
  settings in Orbit     {layout.saas}/settings
{_write_invoicing(layout)}  imitation of Stripe   {layout.stripe}
  metrics               {layout.auth_metrics}
                        {layout.gateway_metrics}

Connect a client, in another terminal:

  gatepost connect {layout.resource}
  gatepost connect {layout.resource} --device {DEVICE_CLIENT}
  claude mcp add --transport http orbit {layout.resource}
  claude mcp add --transport http orbit-globex {layout.resource}/o/org_globex
  npx @modelcontextprotocol/inspector --cli {layout.resource} \\
    --transport http --method tools/list --header "X-API-Key: {layout.api_key.read_text()}"
{_IN_CLONE if _is_clone() else ""}
The second address is that of one organisation, so that an app can have several side by side. The last
command uses an API key that can only read, and --device shows a code to enter in any browser. The
others open a browser: sign in, choose an organisation, clear the tools that the app does not need, approve:

  ada@acme.example    in Acme and Globex
  bo@globex.example   in Globex
  op@orbit.example    in no organisation, but at the console: {layout.issuer}/console
  password of all     {PASSWORD}

Globex has the Free plan: 100 calls a day. When they are used up, the refusal names the page where
bo@globex.example buys Pro, at the imitation of Stripe, which takes no money.

Mails, such as invitations and codes, are not sent: read them in
{layout.directory / "auth-server.log"}

{_write_provider(layout)}Ctrl-C stops everything.
"""


def _write_invoicing(layout: DemoLayout) -> str:
    if layout.invoicing_port is None:
        return ""
    return f"  second API, invoices  {layout.invoicing}  (its tools: invoicing_…)\n"


def _write_provider(layout: DemoLayout) -> str:
    if layout.provider_port is None:
        return ""
    return f"""\
Acme's identity provider is at {layout.provider}, an imitation that asks for no password. {TOM["email"]} is
there; others at acme.example sign in here by the link under the address. Let it connect an app without a
page (after a minute, when the tools are known), play that app, and see it under "Connected apps":

  gatepost auth-server tenants apps org_acme {APP} \\
    --ceiling design "@read @write" "" --ceiling "" @read "" --config {layout.config}
  gatepost doctor {layout.issuer} --resource {layout.resource} --sso {layout.sso}

"""
