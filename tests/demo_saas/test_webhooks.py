"""The webhook that tells of changed tasks."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from standardwebhooks import Webhook

from demo_saas.settings import SettingsError, read_settings

TASK = "/v1/orgs/org_acme/tasks/tsk_1001"
SECRET = "whsec_c2VjcmV0LW9mLTI0LWJ5dGVzLWxvbmc="


def told(orbit: Any) -> list[str]:
    """Return the types of the events, which are all of this task and signed."""
    types, ids = [], set()
    for url, body, headers in orbit.posted:
        assert url == "https://mcp.example/mcp/events/orbit"
        at = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
        assert at == orbit.clock()
        signature = Webhook(SECRET).sign(headers["webhook-id"], at, body.decode())
        assert headers["webhook-signature"] == signature
        message = json.loads(body)
        assert message["data"] == {"id": "tsk_1001", "org_id": "org_acme", "team": "design"}
        types.append(message["type"])
        ids.add(headers["webhook-id"])
    assert len(ids) == len(types)
    return types


def test_orbit_tells_of_a_task_that_was_changed_moved_or_deleted(orbit: Any, ada: Any) -> None:
    status = ada.get(TASK).json()["status"]
    assert told(orbit) == []
    ada.patch(TASK, json={"priority": "urgent"})
    to = {"in_progress": "in_review", "in_review": "done"}.get(status, "in_progress")
    assert ada.post(f"{TASK}/transitions", json={"to": to}).status_code == 200
    ada.delete(TASK)
    assert told(orbit) == ["task.updated", "task.updated", "task.deleted"]


def test_a_change_that_was_refused_is_not_told(orbit: Any, ada: Any, bo: Any) -> None:
    assert bo.patch(TASK, json={"title": "Read me"}).status_code == 404
    assert ada.patch(TASK, json={"assignee": "nobody"}).status_code == 422
    assert ada.delete(f"{TASK}0").status_code == 404
    assert told(orbit) == []


@pytest.mark.parametrize(
    ("answers", "attempts", "waited"),
    [([0, 503], 3, [0, 1, 5]), ([0] * 9, 3, [0, 1, 5]), ([401], 1, [0])],
)
def test_an_event_is_sent_again_unless_its_receiver_refuses_it(
    orbit: Any, ada: Any, answers: list[int], attempts: int, waited: list[float]
) -> None:
    orbit.answers.extend(answers)
    assert ada.patch(TASK, json={"priority": "urgent"}).status_code == 200
    ids = {headers["webhook-id"] for _, _, headers in orbit.posted}
    assert (len(ids), len(orbit.posted), orbit.slept) == (1, attempts, waited)


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_not base64"])
def test_a_webhook_without_a_usable_secret_stops_the_start(secret: str) -> None:
    environ = {"ORBIT_WEBHOOK_URL": "https://mcp.example/x", "ORBIT_WEBHOOK_SECRET": secret}
    with pytest.raises(SettingsError, match="ORBIT_WEBHOOK_SECRET") as raised:
        read_settings(environ)
    assert "not base64" not in str(raised.value)
