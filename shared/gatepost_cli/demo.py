"""`gatepost demo`: run both services, a demo SaaS and an imitation of Stripe on this machine."""

import contextlib
import fcntl
import json
import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

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
    def config(self) -> Path:
        """The configuration file of both services."""
        return self.directory / "gatepost.yaml"


@click.command()
@click.option("--auth-port", default=8400, show_default=True, type=click.IntRange(1, 65535))
@click.option("--gateway-port", default=8401, show_default=True, type=click.IntRange(1, 65535))
@click.option("--saas-port", default=8402, show_default=True, type=click.IntRange(1, 65535))
@click.option("--stripe-port", default=8403, show_default=True, type=click.IntRange(1, 65535))
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
def demo(
    auth_port: int,
    gateway_port: int,
    saas_port: int,
    stripe_port: int,
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
        layout = DemoLayout(
            place, auth_port, gateway_port, saas_port, stripe_port, *find_free_ports(2)
        )
        echo("Gatepost demo: starting …", err=True)
        _configure(layout)
        with running(_services(layout), place) as started:
            _offer_plans(layout, kept=directory is not None)
            if state_file is not None:
                _write_state(state_file, layout)
            echo(_welcome(layout))
            wait_for_end(started)


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


def _gatepost(layout: DemoLayout, *arguments: str) -> None:
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


def _offer_plans(layout: DemoLayout, *, kept: bool) -> None:
    """Put the plans' prices into the imitation of Stripe, which begins empty each time."""
    config = ("--config", str(layout.config))
    _gatepost(layout, "billing", "sync", "--yes", *config)
    if kept:
        # Tenants may have subscriptions of an earlier imitation.
        _gatepost(layout, "billing", "refresh", *config)


def _configure(layout: DemoLayout) -> None:
    keep_secret(layout.directory / "secret_key")
    keep_secret(layout.directory / "stripe_key", STRIPE_KEY)
    keep_secret(layout.directory / "stripe_webhook_secret", STRIPE_WEBHOOK_SECRET)
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
  metrics_port: {layout.auth_metrics_port}
  stripe:
    secret_key: {{file: stripe_key}}
    webhook_secrets: [{{file: stripe_webhook_secret}}]
    api_url: {layout.stripe}
mcp_gateway:
  issuer: {layout.issuer}
  resource: {layout.resource}
  upstream_url: {layout.saas}
  manifest: tools.yaml
  signing_key: gateway-key.pem
  metrics_port: {layout.gateway_metrics_port}
  allowed_origins: ["http://127.0.0.1:*", "http://localhost:*"]
"""
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
    people.write_text(json.dumps({"tenants": TENANTS, "people": accounts, "api_keys": [key]}))
    _gatepost(layout, "auth-server", "seed", "--config", str(layout.config), str(people))
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
    return [
        Service(
            "demo-saas",
            (
                *("-m", "demo_saas", "--port", str(layout.saas_port)),
                *("--database", str(layout.directory / "orbit.db")),
                *("--gatepost-issuer", layout.resource),
                "--gatepost-jwks-url",
                f"http://127.0.0.1:{layout.gateway_port}/.well-known/jwks.json",
            ),
            f"{layout.saas}/healthz",
            environment,
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


def _welcome(layout: DemoLayout) -> str:
    return f"""\

Everything is running:

  MCP gateway           {layout.resource}
  authorization server  {layout.issuer}
  demo SaaS "Orbit"     {layout.saas}  (its API: {layout.saas}/docs)
  imitation of Stripe   {layout.stripe}
  metrics               {layout.auth_metrics}
                        {layout.gateway_metrics}

Connect a client, in another terminal:

  gatepost connect {layout.resource}
  claude mcp add --transport http orbit {layout.resource}
  npx @modelcontextprotocol/inspector --cli {layout.resource} \\
    --transport http --method tools/list --header "X-API-Key: {layout.api_key.read_text()}"

(in this repository, write ./dev run before `gatepost`)

The last one uses an API key that can only read. The others open a browser: sign in, choose an
organisation, clear the tools that the app does not need, approve:

  ada@acme.example    in Acme and Globex
  bo@globex.example   in Globex
  op@orbit.example    in no organisation, but at the console: {layout.issuer}/console
  password of all     {PASSWORD}

Globex has the Free plan: 100 calls a day. When they are used up, the refusal names the page where
bo@globex.example buys Pro, at the imitation of Stripe, which takes no money.

Ctrl-C stops everything.
"""
