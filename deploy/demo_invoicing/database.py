"""The SQLite file: its schema, its connections and its first rows."""

import sqlite3
from datetime import date, timedelta
from pathlib import Path

# `org_id` is part of every key, so that a row can't refer to another organisation's row.
_SCHEMA = """
CREATE TABLE customers (
    org_id TEXT NOT NULL, id TEXT NOT NULL, team TEXT NOT NULL, name TEXT NOT NULL,
    email TEXT NOT NULL, PRIMARY KEY (org_id, id)
) STRICT;
CREATE TABLE invoices (
    org_id TEXT NOT NULL, id TEXT NOT NULL, customer TEXT NOT NULL, status TEXT NOT NULL,
    currency TEXT NOT NULL, lines TEXT NOT NULL, total INTEGER NOT NULL, paid INTEGER NOT NULL,
    due_on TEXT NOT NULL, memo TEXT, PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, customer) REFERENCES customers
) STRICT;
CREATE TABLE payments (
    org_id TEXT NOT NULL, id TEXT NOT NULL, invoice TEXT NOT NULL, amount INTEGER NOT NULL,
    PRIMARY KEY (org_id, id), FOREIGN KEY (org_id, invoice) REFERENCES invoices
) STRICT;
CREATE TABLE idempotency_keys (
    org_id TEXT NOT NULL, key TEXT NOT NULL, request TEXT NOT NULL, status INTEGER NOT NULL,
    answer TEXT NOT NULL, PRIMARY KEY (org_id, key)
) STRICT;
"""
_CUSTOMERS = (
    ("org_acme", "cus_northwind", "design", "Northwind", "billing@northwind.example"),
    ("org_acme", "cus_initech", "engineering", "Initech", "accounts@initech.example"),
    ("org_globex", "cus_hooli", "sales", "Hooli", "finance@hooli.example"),
    ("org_globex", "cus_umbrella", "sales", "Umbrella", "ap@umbrella.example"),
)
_INVOICES = (
    ("org_acme", "inv_1001", "cus_northwind", "open", "Design of the shop", 480_000, 14),
    ("org_acme", "inv_1002", "cus_northwind", "draft", "Photographs", 65_000, 30),
    ("org_acme", "inv_1003", "cus_initech", "open", "Support in autumn", 120_000, -5),
    ("org_acme", "inv_1004", "cus_initech", "paid", "Support in summer", 120_000, -95),
    ("org_globex", "inv_2001", "cus_hooli", "open", "400 seats", 2_400_000, 21),
    ("org_globex", "inv_2002", "cus_umbrella", "open", "Onboarding", 350_000, 7),
)


def connect(path: Path) -> sqlite3.Connection:
    """Open the database in autocommit mode; callers begin transactions."""
    connection = sqlite3.connect(path, isolation_level=None, timeout=5)
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA foreign_keys = ON")
    return connection


def prepare_database(path: Path, *, today: date) -> None:
    """Create and fill the database if the file does not exist; invoices are due around today."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = connect(path)
    try:
        connection.executescript(f"BEGIN; {_SCHEMA}")
        connection.executemany("INSERT INTO customers VALUES (?, ?, ?, ?, ?)", _CUSTOMERS)
        for org_id, number, customer, status, description, amount, days in _INVOICES:
            line = f'[{{"description": "{description}", "amount": {amount}, "quantity": 1}}]'
            paid = amount if status == "paid" else 0
            due_on = (today + timedelta(days=days)).isoformat()
            connection.execute(
                "INSERT INTO invoices VALUES (?, ?, ?, ?, 'eur', ?, ?, ?, ?, NULL)",
                (org_id, number, customer, status, line, amount, paid, due_on),
            )
        connection.execute("COMMIT")
    finally:
        connection.close()
