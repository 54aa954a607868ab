"""Tokens that are bound to the certificate of a client, which a trusted proxy passes on (RFC 8705)."""

from collections.abc import AsyncIterator
from typing import Any

import jwt
import pytest
from pydantic import ValidationError

from support.in_process.auth_server import AuthServer, running_auth_server
from support.in_process.client_certificate import ClientCertificate
from support.in_process.clock import Clock
from support.in_process.dpop import DpopKey
from support.in_process.grants import connect_without_pages
from support.in_process.oauth_client import OAuthClient, answer_of

CERTIFICATE, OTHER = ClientCertificate(), ClientCertificate()
BOUND = {"tls_client_certificate_bound_access_tokens": True}


@pytest.fixture
async def server(sqlite_url: str, clock: Clock) -> AsyncIterator[AuthServer]:
    """A server behind a proxy that verifies certificates."""
    async with running_auth_server(
        sqlite_url, clock, client_certificate_header="Client-Cert", trusted_proxies=1
    ) as made:
        yield made


def shows(client: OAuthClient, certificate: ClientCertificate | None) -> OAuthClient:
    """Connect with a certificate from now on."""
    headers = {} if certificate is None else {"client-cert": f":{certificate.header}:"}
    client.prove = lambda: headers
    return client


def error_of(answer: Any) -> tuple[int, str]:
    """Read a refusal."""
    return answer.status_code, answer.json().get("error", "none")


async def test_a_client_that_registered_for_it_gets_tokens_bound_to_its_certificate(
    server: AuthServer,
) -> None:
    """RFC 8705 §3.1, §3.3, §3.4."""
    client = shows(await server.client(**BOUND), CERTIFICATE)
    body = await connect_without_pages(server, client)
    claims = jwt.decode(body["access_token"], options={"verify_signature": False})
    metadata = (await server.http.get("/.well-known/oauth-authorization-server")).json()
    assert body["token_type"] == "Bearer"
    assert claims["cnf"] == {"x5t#S256": CERTIFICATE.thumbprint}
    assert metadata["tls_client_certificate_bound_access_tokens"] is True


async def test_a_certificate_binds_nothing_for_a_client_that_did_not_register_for_it(
    server: AuthServer,
) -> None:
    """RFC 8705 §3.4: many connections have a certificate for other reasons."""
    client = shows(await server.client(), CERTIFICATE)
    body = await connect_without_pages(server, client)
    claims = jwt.decode(body["access_token"], options={"verify_signature": False})
    assert "cnf" not in claims


async def test_such_a_client_gets_no_token_without_its_certificate_a198(server: AuthServer) -> None:
    """RFC 8705 §3, §7.1. A198: and a stolen refresh token is bound to the certificate."""
    client = shows(await server.client(**BOUND), CERTIFICATE)
    body = await connect_without_pages(server, client)

    without = await shows(client, None).refresh(body["refresh_token"])
    with_another = await shows(client, OTHER).refresh(body["refresh_token"])
    client.prove = lambda: {"client-cert": "x"}
    unreadable = await client.refresh(body["refresh_token"])
    answer = await shows(client, CERTIFICATE).refresh(body["refresh_token"])

    assert error_of(without) == error_of(unreadable) == (400, "invalid_request")
    assert error_of(with_another) == (400, "invalid_grant")
    assert answer.status_code == 200


async def test_a_proof_of_any_key_does_not_replace_the_certificate_a198(server: AuthServer) -> None:
    """RFC 8705 §3.4. A198: a thief of a code has a key, too; the client itself may use both."""
    client = await server.client(**BOUND)
    key = DpopKey()
    code = answer_of(await server.person().approve(client.authorize_url()))["code"]

    client.prove = lambda: {"dpop": key.prove(server.clock())}
    without = await client.redeem(code)
    shown = {"client-cert": f":{CERTIFICATE.header}:"}
    client.prove = lambda: {"dpop": key.prove(server.clock()), **shown}
    answer = await client.redeem(code)

    assert error_of(without) == (400, "invalid_request")
    assert "certificate" in without.json()["error_description"]
    assert answer.json()["token_type"] == "DPoP"


async def test_a_server_without_such_a_proxy_says_that_it_binds_to_no_certificates_a198(
    sqlite_server: AuthServer,
) -> None:
    """RFC 7591 §3.2.1. A198: and takes nobody's word for a certificate."""
    registered = await sqlite_server.http.post(
        "/register", json={"redirect_uris": ["http://127.0.0.1/cb"], **BOUND}
    )
    client = shows(await sqlite_server.client(**BOUND), CERTIFICATE)
    body = await connect_without_pages(sqlite_server, client)
    claims = jwt.decode(body["access_token"], options={"verify_signature": False})
    assert "tls_client_certificate_bound_access_tokens" not in registered.json()
    assert "cnf" not in claims


async def test_a_certificate_in_a_header_needs_a_proxy_that_is_trusted_a198(
    sqlite_url: str, clock: Clock
) -> None:
    with pytest.raises(ValidationError, match="client_certificate_header requires trusted_proxies"):
        async with running_auth_server(sqlite_url, clock, client_certificate_header="Client-Cert"):
            pass
