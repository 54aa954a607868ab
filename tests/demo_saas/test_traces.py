"""Orbit's part of a trace: its SQL statements."""

from pathlib import Path

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from demo_saas import database
from demo_saas.tenancy import Tenant


def test_a_statement_is_a_span_named_by_its_operation_without_its_parameters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(kept))
    connection = database.connect(tmp_path / "orbit.db")
    connection.executescript(database.SCHEMA)
    monkeypatch.setattr(database, "_tracer", provider.get_tracer("test"))
    tenant = Tenant(connection, "org_secret", "usr_secret", None)
    tenant.rows("SELECT * FROM tasks WHERE title = :title", title="title-secret")
    connection.execute("INSERT INTO orgs (id, name) VALUES (?, ?)", ("org_secret", "name-secret"))
    connection.close()

    spans = kept.get_finished_spans()
    assert [span.name for span in spans] == ["SELECT", "INSERT"]
    assert "secret" not in "".join(span.to_json() for span in spans)
