"""The SQLite file: its schema, and connections to it that enforce foreign keys."""

import re
import sqlite3
from pathlib import Path
from typing import Any

from opentelemetry.trace import SpanKind, get_tracer

# `org_id` is part of every tenant-owned key, so that a row can't refer to another tenant's row.
SCHEMA = """
CREATE TABLE users (
    id TEXT PRIMARY KEY, email TEXT NOT NULL UNIQUE, name TEXT NOT NULL, password_hash TEXT
) STRICT;
CREATE TABLE sessions (
    token_hash TEXT PRIMARY KEY, user_id TEXT NOT NULL REFERENCES users, expires_at TEXT NOT NULL
) STRICT;
CREATE TABLE orgs (id TEXT PRIMARY KEY, name TEXT NOT NULL) STRICT;
CREATE TABLE teams (
    org_id TEXT NOT NULL REFERENCES orgs, id TEXT NOT NULL, name TEXT NOT NULL,
    PRIMARY KEY (org_id, id)
) STRICT;
CREATE TABLE memberships (
    org_id TEXT NOT NULL REFERENCES orgs, user_id TEXT NOT NULL REFERENCES users,
    role TEXT NOT NULL, joined_at TEXT NOT NULL, PRIMARY KEY (org_id, user_id)
) STRICT;
CREATE TABLE team_members (
    org_id TEXT NOT NULL, user_id TEXT NOT NULL, team TEXT NOT NULL,
    PRIMARY KEY (org_id, user_id, team),
    FOREIGN KEY (org_id, user_id) REFERENCES memberships,
    FOREIGN KEY (org_id, team) REFERENCES teams
) STRICT;
CREATE TABLE projects (
    org_id TEXT NOT NULL, id TEXT NOT NULL, team TEXT NOT NULL, name TEXT NOT NULL,
    description TEXT, target_date TEXT, created_at TEXT NOT NULL, archived_at TEXT,
    PRIMARY KEY (org_id, id), FOREIGN KEY (org_id, team) REFERENCES teams
) STRICT;
CREATE TABLE tasks (
    org_id TEXT NOT NULL, id TEXT NOT NULL, project_id TEXT NOT NULL, title TEXT NOT NULL,
    description TEXT, status TEXT NOT NULL, priority TEXT NOT NULL, assignee TEXT,
    labels TEXT NOT NULL, due_on TEXT, estimate INTEGER, created_by TEXT NOT NULL,
    created_at TEXT NOT NULL, updated_at TEXT NOT NULL, completed_at TEXT,
    PRIMARY KEY (org_id, id), FOREIGN KEY (org_id, project_id) REFERENCES projects,
    FOREIGN KEY (org_id, assignee) REFERENCES memberships
) STRICT;
CREATE INDEX tasks_by_age ON tasks (org_id, created_at, id);
CREATE TABLE comments (
    org_id TEXT NOT NULL, id TEXT NOT NULL, task_id TEXT NOT NULL, author TEXT NOT NULL,
    body TEXT NOT NULL, created_at TEXT NOT NULL, PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, task_id) REFERENCES tasks ON DELETE CASCADE
) STRICT;
CREATE INDEX comments_by_task ON comments (org_id, task_id, created_at);
CREATE TABLE attachments (
    org_id TEXT NOT NULL, id TEXT NOT NULL, task_id TEXT NOT NULL, filename TEXT NOT NULL,
    media_type TEXT NOT NULL, size INTEGER NOT NULL, note TEXT, uploaded_by TEXT NOT NULL,
    created_at TEXT NOT NULL, content BLOB NOT NULL, PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, task_id) REFERENCES tasks ON DELETE CASCADE
) STRICT;
CREATE INDEX attachments_by_task ON attachments (org_id, task_id, created_at);
"""
LATER = """
CREATE TABLE IF NOT EXISTS reports (
    org_id TEXT NOT NULL, id TEXT NOT NULL, created_by TEXT NOT NULL, teams TEXT,
    created_at TEXT NOT NULL, seconds REAL NOT NULL, cancelled_at TEXT,
    PRIMARY KEY (org_id, id), FOREIGN KEY (org_id, created_by) REFERENCES memberships
) STRICT;
"""
"""Tables that files of earlier versions lack."""


_OPERATION = re.compile(r"\s*(?:WITH\b.*\n\)\s*)?([A-Z]+)", re.DOTALL)
_tracer = get_tracer("demo_saas")


class Connection(sqlite3.Connection):
    """A connection whose statements are spans, if the process makes any."""

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        """Run a statement; its parameters stay out of the span."""
        # The common table expressions of `tenancy.py` come before the operation.
        operation = found[1] if (found := _OPERATION.match(sql)) else "SQL"
        described = {"db.system.name": "sqlite", "db.query.text": sql.strip()}
        with _tracer.start_as_current_span(operation, kind=SpanKind.CLIENT, attributes=described):
            return super().execute(sql, parameters)


def connect(path: Path) -> sqlite3.Connection:
    """Open the database in autocommit mode; callers begin transactions explicitly."""
    # Several threads of the pool may use one request's connection, one at a time.
    connection = sqlite3.connect(
        path, isolation_level=None, check_same_thread=False, timeout=5, factory=Connection
    )
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA synchronous = NORMAL")
    return connection
