"""A gateway's assertion is valid once, for one request to one API."""

from datetime import timedelta
from typing import Any

from joserfc.jwk import ECKey

REFUSED = "The Gatepost-Assertion of this request is not accepted."
TASKS = "/v1/orgs/org_acme/tasks"
ME = "/v1/me"


def _reason(answer: Any) -> str:
    assert answer.status_code == 401, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["www-authenticate"]
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


def test_an_assertion_with_a_wrong_claim_is_refused(orbit: Any) -> None:
    """The vectors try each claim; this one shows that Orbit asks."""
    for altered in ({"aud": "https://other.example"}, {"htm": "POST"}, {"tenant_id": None}):
        assert _reason(orbit.through_gateway(**altered).get(ME)) == REFUSED


def test_an_assertion_works_once(orbit: Any) -> None:
    request = orbit.client.build_request("GET", ME)
    orbit.through_gateway().authorize(request)
    assert orbit.client.send(request).status_code == 200
    assert _reason(orbit.client.send(request)) == REFUSED


def test_a_service_client_is_not_a_person_of_orbit(orbit: Any) -> None:
    assert "sub" in _reason(orbit.through_gateway(sub="client_1").get(ME))


def test_an_assertion_for_one_body_carries_no_other(orbit: Any) -> None:
    caller = orbit.through_gateway()
    new = {"project_id": "prj_website", "title": "Harmless"}
    signed = orbit.client.build_request("POST", TASKS, json=new)
    caller.authorize(signed)
    swapped = orbit.client.build_request(
        "POST", TASKS, json=new | {"title": "Harmful"}, headers=dict(signed.headers)
    )
    assert _reason(orbit.client.send(swapped)) == REFUSED


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
    assert _reason(orbit.client.get(ME, headers=headers)) == REFUSED


def test_no_credential_is_answered_with_a_challenge(orbit: Any) -> None:
    assert "createSession" in _reason(orbit.client.get(ME))
    assert _reason(orbit.client.get(TASKS))
    assert _reason(orbit.client.get(ME, headers={"Authorization": "Basic YTpi"}))


def test_the_gateways_keys_are_fetched_once_and_a_rotated_one_is_picked_up(orbit: Any) -> None:
    assert orbit.gateway.fetches == 0
    for _ in range(3):
        assert orbit.through_gateway().get(ME).status_code == 200
    assert orbit.gateway.fetches == 1

    orbit.gateway.key = ECKey.generate_key("P-256", {"kid": "gw-2"})
    orbit.clock.moment += timedelta(seconds=30)
    assert orbit.through_gateway(header={"kid": "gw-2"}).get(ME).status_code == 200
    assert orbit.gateway.fetches == 2


def test_while_the_gateways_keys_can_not_be_fetched_requests_are_told_to_wait(orbit: Any) -> None:
    orbit.gateway.publishes = OSError
    answer = orbit.through_gateway().get(ME)
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "5"
