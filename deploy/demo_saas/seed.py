"""Creates and fills a new database: two companies with clearly different rows.

Dates are relative to `now`, so that some tasks are always overdue and some recently done.
"""

import json
import sqlite3
from datetime import datetime, timedelta
from pathlib import Path

from demo_saas.access.passwords import hash_password
from demo_saas.clock import as_text
from demo_saas.database import LATER, SCHEMA, connect

DEMO_PASSWORD = "gatepost-demo"  # noqa: S105 - published in the documentation, guards demo data

ORGS = [("org_acme", "Acme"), ("org_globex", "Globex")]

TEAMS = [
    ("org_acme", "engineering", "Engineering"),
    ("org_acme", "design", "Design"),
    ("org_globex", "sales", "Sales"),
]

# Only Ada and Bo have a password; the others are assignees.
USERS = [
    ("usr_ada", "ada@acme.example", "Ada Marsh", True),
    ("usr_priya", "priya@acme.example", "Priya Nair", False),
    ("usr_tom", "tom@acme.example", "Tom Okafor", False),
    ("usr_bo", "bo@globex.example", "Bo Lind", True),
    ("usr_lena", "lena@globex.example", "Lena Fischer", False),
]

MEMBERSHIPS = [
    ("org_acme", "usr_ada", "admin", ["engineering", "design"]),
    ("org_acme", "usr_priya", "member", ["engineering"]),
    ("org_acme", "usr_tom", "member", ["design"]),
    ("org_globex", "usr_ada", "member", ["sales"]),
    ("org_globex", "usr_bo", "admin", ["sales"]),
    ("org_globex", "usr_lena", "member", ["sales"]),
]

# org, id, team, name, description, days until its target date, archived
PROJECTS = [
    ("org_acme", "prj_website", "design", "Website relaunch", "A new site before winter.", 45, False),
    ("org_acme", "prj_brand", "design", "Brand refresh", "Logo, colours, voice.", -60, True),
    ("org_acme", "prj_mobile", "engineering", "Mobile app 3.0", "Offline mode and widgets.", 90, False),
    ("org_acme", "prj_platform", "engineering", "Platform reliability", "Fewer nights on call.", None, False),
    ("org_globex", "prj_pipeline", "sales", "Q4 pipeline", "Deals to close this quarter.", 40, False),
    ("org_globex", "prj_partners", "sales", "Partner programme", "Sell through resellers.", 120, False),
    ("org_globex", "prj_onboarding", "sales", "Customer onboarding", "From signature to first value.", None, False),
]  # fmt: skip

# project, title, status, priority, assignee, labels, days until due, estimate
TASKS = [
    ("prj_website", "Rewrite the pricing page", "in_progress", "high", "usr_ada", "copy launch", 6, 5),
    ("prj_website", "Choose photographs for the team page", "todo", "low", "usr_tom", "content", 12, 2),
    ("prj_website", "Footer links lead to the old blog", "todo", "medium", None, "bug", -3, 1),
    ("prj_website", "Draw the empty states", "in_review", "medium", "usr_tom", "illustration", 2, 3),
    ("prj_website", "Contrast of buttons fails the accessibility audit", "todo", "urgent", "usr_tom", "accessibility bug", -1, 2),
    ("prj_website", "Collect customer quotes", "done", "medium", "usr_ada", "content launch", -4, 3),
    ("prj_website", "Redirect map for the old addresses", "backlog", "high", None, "seo launch", 30, 8),
    ("prj_website", "Cookie banner without dark patterns", "done", "high", "usr_tom", "legal", -10, 3),
    ("prj_website", "Plan the launch day", "backlog", "medium", "usr_ada", "launch", 40, 2),
    ("prj_brand", "Retire the old logo", "done", "medium", "usr_tom", "logo", -70, 2),
    ("prj_brand", "Write the voice guide", "done", "low", "usr_ada", "copy", -65, 5),
    ("prj_mobile", "Offline mode loses edits after a crash", "in_progress", "urgent", "usr_priya", "bug sync", 1, 8),
    ("prj_mobile", "Home screen widget for today's tasks", "todo", "medium", "usr_priya", "feature", 25, 5),
    ("prj_mobile", "Drop support for Android 9", "backlog", "low", None, "chore", None, 2),
    ("prj_mobile", "Push notifications arrive twice", "todo", "high", "usr_ada", "bug", -2, 3),
    ("prj_mobile", "Haptic feedback on drag and drop", "backlog", "low", None, "feature", None, 1),
    ("prj_mobile", "Measure cold start time", "done", "medium", "usr_priya", "performance", -6, 3),
    ("prj_platform", "Move nightly backups to the second region", "in_review", "high", "usr_priya", "backup", 4, 5),
    ("prj_platform", "Alert when the job queue grows", "todo", "high", "usr_ada", "monitoring", 8, 3),
    ("prj_platform", "Upgrade the database to the next major version", "backlog", "medium", "usr_priya", "database", 60, 13),
    ("prj_platform", "Rehearse restoring from a backup", "todo", "urgent", None, "backup", -5, 5),
    ("prj_platform", "Rate limit for the export endpoint", "done", "medium", "usr_ada", "api", -2, 3),
    ("prj_platform", "Write the on-call handbook", "in_progress", "medium", "usr_ada", "docs", 15, 5),
    ("prj_pipeline", "Follow up with Northwind after the demo", "in_progress", "urgent", "usr_bo", "northwind", 1, 1),
    ("prj_pipeline", "Proposal for Initech: 400 seats", "in_review", "high", "usr_bo", "initech proposal", 3, 3),
    ("prj_pipeline", "Renewal talk with Umbrella", "todo", "high", "usr_lena", "umbrella renewal", -2, 2),
    ("prj_pipeline", "Answer the security questionnaire of Hooli", "todo", "urgent", "usr_ada", "hooli security", -1, 5),
    ("prj_pipeline", "Update the forecast for the board", "backlog", "medium", "usr_bo", "forecast", 14, 2),
    ("prj_pipeline", "Closed won: Stark Industries", "done", "high", "usr_lena", "stark", -5, 1),
    ("prj_pipeline", "Discount approval for Wayne Enterprises", "todo", "medium", "usr_bo", "wayne discount", 5, 1),
    ("prj_partners", "Draft the reseller agreement", "in_progress", "high", "usr_lena", "legal", 20, 8),
    ("prj_partners", "Choose three pilot partners", "todo", "medium", "usr_bo", "pilot", 18, 3),
    ("prj_partners", "Margin model for resellers", "in_review", "high", "usr_ada", "finance", 7, 5),
    ("prj_partners", "Partner portal wish list", "backlog", "low", None, "portal", None, 2),
    ("prj_partners", "Talk to legal about exclusivity", "done", "medium", "usr_lena", "legal", -8, 1),
    ("prj_onboarding", "Welcome mail sequence", "done", "medium", "usr_lena", "mail", -12, 3),
    ("prj_onboarding", "Checklist for the first week", "in_progress", "medium", "usr_lena", "checklist", 9, 3),
    ("prj_onboarding", "Record the kick-off webinar", "todo", "low", None, "webinar", 30, 5),
    ("prj_onboarding", "Ask new customers after 30 days", "backlog", "medium", "usr_bo", "survey", None, 2),
    ("prj_onboarding", "Handover from sales to support is unclear", "todo", "high", "usr_bo", "process", -4, 3),
]  # fmt: skip

# task title, author, text
COMMENTS = [
    ("Rewrite the pricing page", "usr_tom", "The comparison table is too wide for phones."),
    ("Rewrite the pricing page", "usr_ada", "Agreed, I will turn it into cards."),
    ("Rewrite the pricing page", "usr_tom", "Cards look good. Copy is ready for review."),
    ("Draw the empty states", "usr_ada", "Could the telescope look less sad?"),
    ("Offline mode loses edits after a crash", "usr_priya", "Reproduced: the journal is not synced."),
    ("Offline mode loses edits after a crash", "usr_ada", "Is the fix safe for 3.0 or do we wait?"),
    ("Rehearse restoring from a backup", "usr_priya", "Last rehearsal took four hours."),
    ("Alert when the job queue grows", "usr_priya", "Start with a threshold of 500 jobs."),
    ("Follow up with Northwind after the demo", "usr_lena", "They asked for single sign-on."),
    ("Follow up with Northwind after the demo", "usr_bo", "Sent the price list, call on Thursday."),
    ("Proposal for Initech: 400 seats", "usr_ada", "Legal wants the liability cap changed."),
    ("Answer the security questionnaire of Hooli", "usr_bo", "240 questions, most are duplicates."),
    ("Margin model for resellers", "usr_lena", "At 25 percent the small deals lose money."),
    ("Checklist for the first week", "usr_bo", "Add: import their existing projects."),
]  # fmt: skip

DESCRIPTIONS = {
    "Rewrite the pricing page": "Three plans, yearly prices first, no asterisks.",
    "Redirect map for the old addresses": "Every page with more than ten visits a month.",
    "Offline mode loses edits after a crash": "Edit on a train, kill the app, open it: edits gone.",
    "Rehearse restoring from a backup": "On the staging cluster, with a stopwatch.",
    "Proposal for Initech: 400 seats": "Yearly, with the onboarding package.",
    "Answer the security questionnaire of Hooli": "Their deadline does not move.",
    "Margin model for resellers": "Compare 15, 20 and 25 percent.",
}  # fmt: skip

# task title, filename, media type, who uploaded it, content
ATTACHMENTS = [
    ("Rewrite the pricing page", "pricing-draft.md", "text/markdown", "usr_ada", b"# Pricing\n\nOne price per seat. No asterisks.\n"),
    ("Margin model for resellers", "margins.csv", "text/csv", "usr_lena", b"margin,deals,profit\n15,40,120000\n20,55,131000\n25,60,98000\n"),
]  # fmt: skip


def prepare_database(path: Path, *, now: datetime) -> None:
    """Create and seed the database if it has no tables yet; add only missing tables to any other."""
    connection = connect(path)
    try:
        # Allow concurrent readers and a writer; the file stores this mode.
        connection.execute("PRAGMA journal_mode = WAL")
        if connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
            connection.executescript(LATER)
            return
        connection.executescript(f"BEGIN; {SCHEMA}{LATER}")
        _seed(connection, now)
        connection.execute("COMMIT")
    finally:
        connection.close()


def _seed(db: sqlite3.Connection, now: datetime) -> None:
    def day(offset: int | None) -> str | None:
        return None if offset is None else (now + timedelta(days=offset)).date().isoformat()

    db.executemany("INSERT INTO orgs VALUES (?, ?)", ORGS)
    db.executemany("INSERT INTO teams VALUES (?, ?, ?)", TEAMS)
    db.executemany(
        "INSERT INTO users VALUES (?, ?, ?, ?)",
        [(*user, hash_password(DEMO_PASSWORD) if signs_in else None) for *user, signs_in in USERS],
    )
    joined = as_text(now - timedelta(days=400))
    for org_id, user_id, role, teams in MEMBERSHIPS:
        db.execute("INSERT INTO memberships VALUES (?, ?, ?, ?)", (org_id, user_id, role, joined))
        db.executemany(
            "INSERT INTO team_members VALUES (?, ?, ?)", [(org_id, user_id, t) for t in teams]
        )

    org_of = {}
    created = as_text(now - timedelta(days=120))
    archived = as_text(now - timedelta(days=50))
    for org_id, project_id, team, name, description, target, is_archived in PROJECTS:
        org_of[project_id] = org_id
        db.execute(
            "INSERT INTO projects VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(org_id, project_id, team, name, description, day(target), created),
                archived if is_archived else None,
            ),
        )

    task_of = {}
    for number, task in enumerate(TASKS):
        project_id, title, status, priority, assignee, labels, due, estimate = task
        org_id, task_id = org_of[project_id], f"tsk_{1001 + number}"
        task_of[title] = (org_id, task_id)
        began = now - timedelta(days=100 - 2 * number)
        changed = now - timedelta(days=number % 9, hours=number % 7)
        completed = as_text(changed) if status == "done" else None
        author = "usr_ada" if org_id == "org_acme" else "usr_bo"
        db.execute(
            "INSERT INTO tasks VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(
                    org_id,
                    task_id,
                    project_id,
                    title,
                    DESCRIPTIONS.get(title),
                    status,
                    priority,
                    assignee,
                ),
                *(json.dumps(labels.split()), day(due), estimate, author),
                *(as_text(began), as_text(changed), completed),
            ),
        )
    for number, (title, author, body) in enumerate(COMMENTS):
        org_id, task_id = task_of[title]
        said = as_text(now - timedelta(days=5, minutes=-90 * number))
        db.execute(
            "INSERT INTO comments VALUES (?, ?, ?, ?, ?, ?)",
            (org_id, f"cmt_{1001 + number}", task_id, author, body, said),
        )
    for number, (title, filename, media_type, author, content) in enumerate(ATTACHMENTS):
        org_id, task_id = task_of[title]
        db.execute(
            "INSERT INTO attachments VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(org_id, f"att_{1001 + number}", task_id, filename, media_type, len(content)),
                *(None, author, as_text(now - timedelta(days=6)), content),
            ),
        )
