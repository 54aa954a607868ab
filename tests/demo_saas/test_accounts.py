"""People sign in to Orbit itself, with its own session token."""

from datetime import timedelta
from typing import Any

import pytest


def test_ada_reads_her_profile_and_organisations(ada: Any) -> None:
    assert ada.get("/v1/me").json() == {
        "id": "usr_ada",
        "name": "Ada Marsh",
        "email": "ada@acme.example",
        "organisations": [
            {
                "id": "org_acme",
                "name": "Acme",
                "role": "admin",
                "teams": ["design", "engineering"],
            },
            {"id": "org_globex", "name": "Globex", "role": "member", "teams": ["sales"]},
        ],
    }


def test_bo_works_only_in_globex(bo: Any) -> None:
    me = bo.get("/v1/me").json()
    assert (me["id"], me["name"], me["email"]) == ("usr_bo", "Bo Lind", "bo@globex.example")
    assert [org["id"] for org in me["organisations"]] == ["org_globex"]


@pytest.mark.parametrize(
    ("email", "password"),
    [
        ("ada@acme.example", "wrong"),
        ("ada@acme.example", ""),
        ("nobody@acme.example", "gatepost-demo"),
        ("priya@acme.example", "gatepost-demo"),
        ("priya@acme.example", ""),
    ],
)
def test_a_wrong_password_and_an_unknown_person_get_the_same_answer(
    orbit: Any, email: str, password: str
) -> None:
    answer = orbit.client.post("/v1/sessions", json={"email": email, "password": password})
    assert answer.status_code == 401
    assert answer.json()["detail"] == "The email address or the password is wrong."


def test_a_session_ends_after_twelve_hours(orbit: Any, ada: Any) -> None:
    orbit.clock.moment += timedelta(hours=12, seconds=-1)
    assert ada.get("/v1/me").status_code == 200
    orbit.clock.moment += timedelta(seconds=1)
    assert ada.get("/v1/me").status_code == 401


def test_a_made_up_session_token_is_refused(orbit: Any) -> None:
    answer = orbit.client.get("/v1/me", headers={"Authorization": "Bearer orbit_x"})
    assert answer.status_code == 401
