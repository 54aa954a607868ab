"""People and sessions: the rows without a tenant."""

import hashlib
import secrets
import sqlite3
from datetime import datetime, timedelta

from demo_saas.access.passwords import matches
from demo_saas.accounts.models import Credentials, Me, Organisation, Session
from demo_saas.clock import as_text

SESSION_LIFETIME = timedelta(hours=12)


def _hash_token(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def issue_session(
    db: sqlite3.Connection, credentials: Credentials, *, now: datetime
) -> Session | None:
    """Sign a person in; return None if the email address or the password is wrong."""
    user = db.execute(
        "SELECT id, password_hash FROM users WHERE email = ?", (credentials.email.lower(),)
    ).fetchone()
    if not matches(credentials.password, user["password_hash"] if user else None):
        return None
    token = f"orbit_{secrets.token_urlsafe(32)}"
    session = Session(token=token, expires_at=now + SESSION_LIFETIME)
    db.execute(
        "INSERT INTO sessions VALUES (?, ?, ?)",
        (_hash_token(token), user["id"], as_text(session.expires_at)),
    )
    return session


def find_session_user(db: sqlite3.Connection, token: str, *, now: datetime) -> str | None:
    """Return the id of a session token's person, or None if it is unknown or expired."""
    row = db.execute(
        "SELECT user_id FROM sessions WHERE token_hash = ? AND expires_at > ?",
        (_hash_token(token), as_text(now)),
    ).fetchone()
    return row["user_id"] if row else None


def user_exists(db: sqlite3.Connection, user_id: str) -> bool:
    """Tell whether a person with this id exists."""
    return db.execute("SELECT 1 FROM users WHERE id = ?", (user_id,)).fetchone() is not None


def describe_user(
    db: sqlite3.Connection, user_id: str, *, tenant_id: str | None, teams: frozenset[str] | None
) -> Me:
    """Describe a person, with the organisations and teams that this request may use."""
    user = db.execute("SELECT id, name, email FROM users WHERE id = ?", (user_id,)).fetchone()
    memberships = db.execute(
        """
        SELECT orgs.id, orgs.name, memberships.role FROM memberships
        JOIN orgs ON orgs.id = memberships.org_id
        WHERE memberships.user_id = :user_id AND (:tenant_id IS NULL OR orgs.id = :tenant_id)
        ORDER BY orgs.name
        """,
        {"user_id": user_id, "tenant_id": tenant_id},
    ).fetchall()
    joined = db.execute(
        "SELECT org_id, team FROM team_members WHERE user_id = ? ORDER BY team", (user_id,)
    ).fetchall()
    organisations = [
        Organisation(
            **org,
            teams=[
                row["team"]
                for row in joined
                if row["org_id"] == org["id"] and (teams is None or row["team"] in teams)
            ],
        )
        for org in map(dict, memberships)
    ]
    return Me(**dict(user), organisations=organisations)
