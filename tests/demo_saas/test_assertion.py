"""A gateway's assertion is valid once, for one request to one API."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import httpx2
import pytest
from joserfc.jwk import ECKey, OctKey

from demo_saas.access.gateway_keys import fetch_jwks

TASKS = "/v1/orgs/org_acme/tasks"
ME = "/v1/me"


def _reason(answer: Any) -> str:
    assert answer.status_code == 401, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["www-authenticate"].startswith("Bearer")
    return str(answer.json()["detail"])


def test_a_person_is_known_by_the_gateways_word(orbit: Any) -> None:
    me = orbit.through_gateway("usr_ada", "org_globex").get(ME).json()
    assert me["id"] == "usr_ada"
    assert [org["id"] for org in me["organisations"]] == ["org_globex"]


def test_the_assertion_covers_an_encoded_query(orbit: Any) -> None:
    answer = orbit.through_gateway().get(TASKS, params={"q": "team page & more/ü", "labels": "a b"})
    assert answer.status_code == 200


def test_the_assertion_covers_a_path_with_escapes(orbit: Any) -> None:
    assert orbit.through_gateway().get(f"{TASKS}/tsk%2F1").status_code == 404
    assert orbit.through_gateway().get(f"{TASKS}/tsk%201").json()["detail"].endswith("tsk 1.")


def test_writes_through_the_gateway_have_the_person_as_author(orbit: Any) -> None:
    caller = orbit.through_gateway("usr_bo", "org_globex")
    new = {"project_id": "prj_pipeline", "title": "Call Northwind"}
    task = caller.post("/v1/orgs/org_globex/tasks", json=new)
    assert task.status_code == 201
    assert task.json()["created_by"] == "usr_bo"


@pytest.mark.parametrize(
    ("altered", "reason"),
    [
        ({"iss": "https://gateway.example/mcp"}, "iss"),
        ({"iss": None}, "iss"),
        ({"aud": "https://other.example"}, "aud"),
        ({"aud": ["https://orbit.example"]}, "aud"),
        ({"aud": "https://orbit.example/"}, "aud"),
        ({"htm": "POST"}, "htm"),
        ({"htm": "get"}, "htm"),
        ({"htu": "https://orbit.example/v1/orgs/org_acme/tasks"}, "htu"),
        ({"htu": "https://orbit.example/v1/me?team=design"}, "htu"),
        ({"htu": "http://orbit.example/v1/me"}, "htu"),
        ({"body_sha256": "A" * 43}, "body_sha256"),
        ({"body_sha256": None}, "body_sha256"),
        ({"body_sha256": "ü"}, "body_sha256"),
        ({"exp": None}, "exp"),
        ({"iat": None}, "iat"),
        ({"iat": True}, "iat"),
        ({"exp": "soon"}, "exp"),
        ({"jti": None}, "jti"),
        ({"jti": ""}, "jti"),
        ({"data_scope": None}, "data_scope"),
        ({"data_scope": ["team:design"]}, "data_scope"),
        ({"tool": None}, "tool"),
        ({"client_id": 7}, "client_id"),
    ],
)
def test_an_assertion_with_a_wrong_claim_is_refused(
    orbit: Any, altered: dict[str, Any], reason: str
) -> None:
    assert reason in _reason(orbit.through_gateway(**altered).get(ME))


@pytest.mark.parametrize("named", ["sub", "tenant_id"])
def test_an_assertion_about_nobody_or_nowhere_is_refused(orbit: Any, named: str) -> None:
    empty, absent = {named: ""}, {named: None}
    for altered in (empty, absent):
        assert named in _reason(orbit.through_gateway(**altered).get(ME))


def test_an_assertion_is_refused_once_it_has_expired(orbit: Any) -> None:
    issued = int(orbit.clock().timestamp())
    late = orbit.through_gateway(iat=issued, exp=issued + 60)
    orbit.clock.moment += timedelta(seconds=89)
    assert late.get(ME).status_code == 200
    orbit.clock.moment += timedelta(seconds=1)
    assert "expired" in _reason(late.get(ME))


def test_an_assertion_from_the_future_is_refused(orbit: Any) -> None:
    now = int(orbit.clock().timestamp())
    assert orbit.through_gateway(iat=now + 30, exp=now + 90).get(ME).status_code == 200
    assert "future" in _reason(orbit.through_gateway(iat=now + 31, exp=now + 91).get(ME))


@pytest.mark.parametrize("lifetime", [0, -10, 121])
def test_an_assertion_that_lives_too_long_or_not_at_all_is_refused(
    orbit: Any, lifetime: int
) -> None:
    now = int(orbit.clock().timestamp())
    assert "120 seconds" in _reason(orbit.through_gateway(iat=now, exp=now + lifetime).get(ME))


@pytest.mark.parametrize("typ", ["JWT", "at+jwt", "Gatepost-Assertion+JWT", None])
def test_another_kind_of_token_from_the_same_key_is_refused(orbit: Any, typ: str | None) -> None:
    assert "typ" in _reason(orbit.through_gateway(header={"typ": typ}).get(ME))


def test_an_assertion_works_once(orbit: Any) -> None:
    request = orbit.client.build_request("GET", ME)
    orbit.through_gateway().authorize(request)
    assert orbit.client.send(request).status_code == 200
    assert "used before" in _reason(orbit.client.send(request))


def test_an_assertion_is_remembered_for_as_long_as_it_could_be_used(orbit: Any) -> None:
    now = int(orbit.clock().timestamp())
    caller = orbit.through_gateway(jti="call-x", iat=now + 30, exp=now + 150)
    assert caller.get(ME).status_code == 200
    orbit.clock.moment += timedelta(seconds=179)
    assert "used before" in _reason(caller.get(ME))
    orbit.clock.moment += timedelta(seconds=1)
    assert "expired" in _reason(caller.get(ME))


def test_a_refused_assertion_does_not_use_up_its_id(orbit: Any) -> None:
    assert "htm" in _reason(orbit.through_gateway(jti="call-x", htm="PUT").get(ME))
    assert orbit.through_gateway(jti="call-x").get(ME).status_code == 200


def test_an_assertion_for_one_body_carries_no_other(orbit: Any) -> None:
    caller = orbit.through_gateway()
    new = {"project_id": "prj_website", "title": "Harmless"}
    signed = orbit.client.build_request("POST", TASKS, json=new)
    caller.authorize(signed)
    swapped = orbit.client.build_request(
        "POST", TASKS, json=new | {"title": "Harmful"}, headers=dict(signed.headers)
    )
    assert "body_sha256" in _reason(orbit.client.send(swapped))


def test_a_key_that_is_not_the_gateways_is_refused(orbit: Any) -> None:
    stranger = ECKey.generate_key("P-256", {"kid": "gw-1"})
    assert "signed" in _reason(orbit.through_gateway(key=stranger).get(ME))
    for kid in ("x", None):
        forged = orbit.through_gateway(key=stranger, header={"kid": kid})
        assert "kid" in _reason(forged.get(ME))


def test_an_assertion_that_names_no_key_is_refused(orbit: Any) -> None:
    assert "kid" in _reason(orbit.through_gateway(header={"kid": None}).get(ME))


def test_a_signature_with_the_public_key_as_a_shared_secret_is_refused(orbit: Any) -> None:
    """RFC 8725 §2.1: the algorithm is Orbit's choice, not the token's."""
    secret = OctKey.import_key(orbit.gateway.key.as_pem(private=False).hex())
    forged = orbit.through_gateway(header={"alg": "HS256"}, key=secret)
    assert "signed" in _reason(forged.get(ME))


@pytest.mark.parametrize(
    "garbage",
    ["", "x", "a.b.c", "....", "eyJhbGciOiJub25lIn0.e30.", "é.è.ü", "a." * 2000, "e30.e30.e30"],
)
def test_garbage_in_the_header_is_refused(orbit: Any, garbage: str) -> None:
    headers = {"Gatepost-Assertion": garbage.encode("latin-1")}
    assert _reason(orbit.client.get(ME, headers=headers))


def test_two_credentials_at_once_are_refused(orbit: Any, ada: Any) -> None:
    request = orbit.client.build_request("GET", ME)
    orbit.through_gateway().authorize(request)
    ada.authorize(request)
    answer = orbit.client.send(request)
    assert answer.status_code == 400
    assert answer.json()["type"].endswith("/bad-request")


def test_two_assertions_at_once_are_refused(orbit: Any) -> None:
    request = orbit.client.build_request("GET", ME)
    first, second = (orbit.gateway.sign(orbit.gateway.claims(request)) for _ in range(2))
    headers = [("Gatepost-Assertion", first), ("Gatepost-Assertion", second)]
    assert orbit.client.get(ME, headers=headers).status_code == 400


def test_no_credential_is_answered_with_a_challenge(orbit: Any) -> None:
    assert "createSession" in _reason(orbit.client.get(ME))
    assert _reason(orbit.client.get(TASKS))
    assert _reason(orbit.client.get(ME, headers={"Authorization": "Basic YTpi"}))


def test_the_gateways_keys_are_fetched_once_and_kept(orbit: Any) -> None:
    assert orbit.gateway.fetches == 0
    for _ in range(3):
        assert orbit.through_gateway().get(ME).status_code == 200
    assert orbit.gateway.fetches == 1


def test_a_rotated_key_is_picked_up_but_unknown_keys_ask_the_gateway_rarely(orbit: Any) -> None:
    assert orbit.through_gateway().get(ME).status_code == 200
    old, orbit.gateway.key = orbit.gateway.key, ECKey.generate_key("P-256", {"kid": "gw-2"})
    rotated = orbit.through_gateway(header={"kid": "gw-2"})

    for _ in range(5):
        assert "kid" in _reason(rotated.get(ME))
    assert orbit.gateway.fetches == 1

    orbit.clock.moment += timedelta(seconds=30)
    assert rotated.get(ME).status_code == 200
    assert orbit.gateway.fetches == 2
    assert "kid" in _reason(orbit.through_gateway(key=old).get(ME))


def test_a_withdrawn_key_stops_working_after_ten_minutes(orbit: Any) -> None:
    assert orbit.through_gateway().get(ME).status_code == 200
    old, orbit.gateway.key = orbit.gateway.key, ECKey.generate_key("P-256", {"kid": "gw-2"})
    orbit.clock.moment += timedelta(minutes=10)
    assert "kid" in _reason(orbit.through_gateway(key=old).get(ME))


@pytest.mark.parametrize("document", [None, {}, {"keys": 3}, [], "x", OSError, ValueError])
def test_known_keys_stay_valid_while_the_gateways_jwks_is_down(orbit: Any, document: Any) -> None:
    assert orbit.through_gateway().get(ME).status_code == 200
    orbit.gateway.publishes = document
    orbit.clock.moment += timedelta(minutes=10)
    assert orbit.through_gateway().get(ME).status_code == 200
    assert orbit.gateway.fetches == 2


def test_keys_of_other_kinds_in_the_gateways_jwks_do_no_harm(orbit: Any) -> None:
    usable = orbit.gateway.key.as_dict(private=False)
    other = ECKey.generate_key("P-384", {"kid": "p384"}).as_dict(private=False)
    broken = {"kty": "EC", "crv": "P-256", "kid": "broken", "x": "AA", "y": "AA"}
    orbit.gateway.publishes = {"keys": ["x", {"kty": "RSA", "kid": "r"}, other, broken, usable]}
    assert orbit.through_gateway().get(ME).status_code == 200
    for kid in ("r", "p384", "broken"):
        assert "kid" in _reason(orbit.through_gateway(header={"kid": kid}).get(ME))


@contextmanager
def _served(status: int, body: bytes) -> Iterator[str]:
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Location", "/elsewhere")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        Thread(target=server.serve_forever, args=(0.01,)).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/jwks.json"
        finally:
            server.shutdown()


def test_keys_are_fetched_over_http() -> None:
    with _served(200, b'{"keys": []}') as url:
        assert fetch_jwks(url) == {"keys": []}


@pytest.mark.parametrize(("status", "body"), [(302, b"{}"), (404, b"{}"), (200, b"<html>")])
def test_anything_but_a_json_document_is_not_taken_for_keys(status: int, body: bytes) -> None:
    with _served(status, body) as url, pytest.raises((httpx2.HTTPError, ValueError)):
        fetch_jwks(url)
