"""A report is a job that is prepared while nobody waits."""

from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from demo_saas.database import connect
from demo_saas.seed import prepare_database

ACME = "/v1/orgs/org_acme"
NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)


def test_a_report_is_prepared_while_nobody_waits(orbit: Any, ada: Any) -> None:
    begun = ada.post(f"{ACME}/reports", json={"delay": 20})
    assert (begun.status_code, begun.json()["state"]) == (202, "queued")
    path = f"{ACME}/reports/{begun.json()['id']}"
    assert ada.get(f"{path}/result").status_code == 409
    orbit.clock.moment += timedelta(seconds=5)
    assert ada.get(path).json()["state"] == "running"
    assert ada.get(path).json()["progress"] == "15 seconds are left"
    orbit.clock.moment += timedelta(seconds=15)
    assert ada.get(path).json()["state"] == "done"
    content = ada.get(f"{path}/result").json()
    assert content["generated_at"] == "2026-11-02T09:00:20Z"
    assert ada.delete(path).json()["state"] == "done"


def test_a_cancelled_report_stays_cancelled(orbit: Any, ada: Any) -> None:
    path = f"{ACME}/reports/{ada.post(f'{ACME}/reports', json={}).json()['id']}"
    assert ada.delete(path).json()["state"] == "cancelled"
    orbit.clock.moment += timedelta(seconds=60)
    assert ada.get(path).json()["state"] == "cancelled"
    assert ada.get(f"{path}/result").status_code == 409


def test_a_file_of_an_earlier_version_gets_the_table_of_reports(tmp_path: Path) -> None:
    path = tmp_path / "orbit.sqlite"
    prepare_database(path, now=NOON)
    with closing(connect(path)) as db:
        db.execute("DROP TABLE reports")
    prepare_database(path, now=NOON)
    with closing(connect(path)) as db:
        assert db.execute("SELECT count(*) FROM reports").fetchone()[0] == 0
