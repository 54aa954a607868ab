"""`gatepost auth-server clients` and `api-keys`: an operator's commands and their effects."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from auth_server.outbound.guarded_fetch import Fetched
from support.in_process.assertions import KeyPair, jwks, signed_by, statement
from support.in_process.auth_server import RESOURCE, AuthServer, running_auth_server
from support.in_process.clock import Clock
from support.in_process.grants import connect_without_pages

Operate = Callable[..., Result]
GATEWAY = KeyPair(kid="gateway")
ITSELF = ("--tenant", "org_acme", "--scope", "mcp:read", "--tool", "@read")


def shown(result: Result) -> str:
    """The secret on the last line."""
    assert result.exit_code == 0, result.output
    return result.output.strip().splitlines()[-1]


def asked(database_url: str, use: Callable[[AuthServer], Awaitable[Any]]) -> Any:
    """Start a server on the database and use it."""

    async def run() -> Any:
        async with running_auth_server(database_url, Clock()) as server:
            return await use(server)

    return asyncio.run(run())


def token_error(database_url: str, secret: str, client_id: str = "acme-reports") -> str | None:
    """Ask for a token of the client's own; return the error, None where there is none."""

    async def use(server: AuthServer) -> Any:
        form = {
            "grant_type": "client_credentials",
            "client_id": client_id,
            "client_secret": secret,
        }
        return (await server.http.post("/token", data=form)).json().get("error")

    error: str | None = asked(database_url, use)
    return error


def exchange_error(database_url: str, key: str) -> str | None:
    """Exchange a key as the gateway; return the error, None where there is none."""

    async def use(server: AuthServer) -> Any:
        keys = json.dumps(jwks(GATEWAY)).encode()
        server.web["http://127.0.0.1:8401/.well-known/jwks.json"] = Fetched(
            keys, "application/json", ""
        )
        assertion = GATEWAY.sign(statement(RESOURCE, server.issuer, server.clock()))
        form = {
            "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
            "subject_token": key,
            "subject_token_type": "urn:gatepost:params:oauth:token-type:api-key",
            **signed_by(assertion),
        }
        return (await server.http.post("/token", data=form)).json().get("error")

    error: str | None = asked(database_url, use)
    return error


def add_reports(operate: Operate) -> str:
    """Add a client with its own tokens; return its secret."""
    method = ("--auth-method", "client_secret_post")
    return shown(
        operate("clients", "add", "acme-reports", "--name", "Acme reports", *method, *ITSELF)
    )


@pytest.mark.both_databases
def test_an_operator_adds_a_client_and_rotates_its_secret(
    operate: Operate, database_url: str
) -> None:
    first = add_reports(operate)
    second = shown(operate("clients", "add-secret", "acme-reports"))
    full = operate("clients", "add-secret", "acme-reports")
    listed = operate("clients", "list").output

    assert first != second
    assert token_error(database_url, first) is None
    assert token_error(database_url, second) is None
    assert (full.exit_code, "two secrets" in full.output) == (1, True)
    assert "acme-reports  active  client_secret_post  Acme reports" in listed
    assert "itself in org_acme" in listed
    assert first not in listed
    assert second not in listed

    oldest = listed.partition("secret ")[2][:12]
    assert operate("clients", "drop-secret", "acme-reports", oldest).exit_code == 0
    assert token_error(database_url, first) == "invalid_client"
    assert token_error(database_url, second) is None


def test_a_disabled_client_is_over(operate: Operate, database_url: str) -> None:
    secret = add_reports(operate)

    disabled = operate("clients", "disable", "acme-reports")
    again = operate("clients", "disable", "acme-reports")

    assert (disabled.exit_code, again.exit_code) == (0, 1)
    assert token_error(database_url, secret) == "invalid_client"
    assert "acme-reports  disabled" in operate("clients", "list").output


def test_a_client_may_bring_its_keys_in_a_file(
    operate: Operate, database_url: str, tmp_path: Path
) -> None:
    key = KeyPair(kid="own")
    file = tmp_path / "keys.json"
    file.write_text(json.dumps(jwks(key)))
    method = ("--auth-method", "private_key_jwt", "--jwks", file)

    result = operate("clients", "add", "signer", "--name", "Signer", *method, *ITSELF)

    async def use(server: AuthServer) -> Any:
        assertion = key.sign(statement("signer", server.issuer, server.clock()))
        form = {"grant_type": "client_credentials", **signed_by(assertion)}
        return (await server.http.post("/token", data=form)).status_code

    assert (result.exit_code, "secret" in result.output) == (0, False)
    assert asked(database_url, use) == 200


def test_an_operator_lets_a_client_introspect(operate: Operate, database_url: str) -> None:
    """RFC 7662 §2.1: the flag allows introspection, and nothing else."""
    method = ("--auth-method", "client_secret_post")

    secret = shown(operate("clients", "add", "desk", "--name", "Desk", *method, "--introspects"))

    async def use(server: AuthServer) -> Any:
        token = (await connect_without_pages(server))["access_token"]
        form = {"client_id": "desk", "client_secret": secret, "token": token}
        return (await server.http.post("/introspect", data=form)).json()["active"]

    assert asked(database_url, use) is True
    assert token_error(database_url, secret, "desk") == "unauthorized_client"
    assert "Desk  (introspects)" in operate("clients", "list").output


@pytest.mark.both_databases
@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ((), "redirect_uris"),
        (("--introspects",), "authenticate"),
        (ITSELF, "authenticate"),
        (("--redirect-uri", "https://*.example/cb"), "wildcard"),
        (("--redirect-uri", "javascript://x/"), "redirect_uris"),
        (("--auth-method", "private_key_jwt", *ITSELF), "jwks"),
        (("--auth-method", "client_secret_post", "--scope", "mcp:read"), "--tenant"),
        (("--auth-method", "client_secret_post", *ITSELF, "--tool", "a b"), "allowed_tools"),
        (("--auth-method", "client_secret_post", "--tenant", "org_acme"), "scope"),
        (("--auth-method", "client_secret_post", *ITSELF, "--tenant", "org_none"), "org_none"),
        (("--auth-method", "client_secret_post", *ITSELF, "--data-scope", "x"), "kind:value"),
        (
            ("--auth-method", "client_secret_post", *ITSELF, "--resource", "x"),
            "x is not a configured resource",
        ),
    ],
    ids=str,
)
def test_an_impossible_client_is_refused_with_the_reason(
    operate: Operate, arguments: tuple[str, ...], named: str
) -> None:
    result = operate("clients", "add", "odd", "--name", "Odd", *arguments)

    assert result.exit_code == 1, result.output
    assert named in result.output
    assert "Traceback" not in result.output
    assert "odd" not in operate("clients", "list").output


def test_a_client_with_the_id_of_a_person_is_refused(operate: Operate) -> None:
    """RFC 9068 §5. A150."""
    method = ("--auth-method", "client_secret_post")

    result = operate("clients", "add", "usr_ada", "--name", "Ada?", *method, *ITSELF)

    assert (result.exit_code, "person" in result.output) == (1, True)


@pytest.mark.parametrize(
    "arguments",
    [
        ("add-secret", "nobody"),
        ("add-secret", "orbit-cli"),
        ("drop-secret", "orbit-cli", "0123456789ab"),
        ("drop-secret", "orbit-cli", ""),
        ("disable", "nobody"),
    ],
    ids=str,
)
def test_an_operator_reads_that_a_client_or_key_does_not_exist(
    operate: Operate, arguments: tuple[str, ...]
) -> None:
    result = operate("clients", *arguments)

    assert result.exit_code == 1
    assert arguments[1] in result.output


MINE = ("--label", "Report", "--person", "usr_ada", "--tenant", "org_acme")
MAY = ("--scope", "mcp:read", "--tool", "@read")


@pytest.mark.both_databases
def test_an_operator_makes_a_key_lists_it_and_ends_it(operate: Operate, database_url: str) -> None:
    """A128: shown once, then known by its fingerprint."""
    result = operate("api-keys", "create", *MINE, *MAY)
    key, key_id = shown(result), result.output.split()[0]

    assert key.startswith("mcp_live_")
    assert exchange_error(database_url, key) is None
    listed = operate("api-keys", "list").output
    assert listed.startswith(f"{key_id}  live  active")
    assert "Report" in listed
    assert key not in listed
    assert "There are no API keys" in operate("api-keys", "list", "--tenant", "org_globex").output

    assert operate("api-keys", "revoke", key_id).exit_code == 0
    assert operate("api-keys", "revoke", key_id).exit_code == 1
    assert exchange_error(database_url, key) == "invalid_grant"
    assert "revoked" in operate("api-keys", "list").output


def test_a_test_key_says_so(operate: Operate) -> None:
    assert shown(operate("api-keys", "create", *MINE, *MAY, "--test")).startswith("mcp_test_")


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ((*MINE, *MAY, "--person", "usr_none"), "usr_none"),
        ((*MINE, *MAY, "--person", "usr_bo"), "org_acme"),
        ((*MINE, *MAY, "--tenant", "org_none"), "org_none"),
        ((*MINE, *MAY, "--resource", "https://x.example"), "https://x.example"),
        ((*MINE, *MAY, "--scope", "mcp:none"), "scope"),
        ((*MINE, *MAY, "--scope", "offline_access"), "scope"),
        ((*MINE, *MAY, "--scope", ""), "scope"),
        ((*MINE, *MAY, "--tool", "*"), "allowed_tools"),
        ((*MINE, *MAY, "--data-scope", "team:sales"), "team:engineering"),
        ((*MINE, *MAY, "--data-scope", "sales"), "kind:value"),
        ((*MINE, *MAY, "--label", ""), "label"),
    ],
    ids=str,
)
def test_an_impossible_key_is_refused_with_the_reason(
    operate: Operate, arguments: tuple[str, ...], named: str
) -> None:
    result = operate("api-keys", "create", *arguments)

    assert result.exit_code == 1, result.output
    assert named in result.output
    assert "mcp_live" not in result.output
