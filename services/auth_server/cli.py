"""The commands `gatepost auth-server …` and `gatepost keys …`, each imported when it is used."""

from gatepost_cli.lazy_group import LazyGroup

_COMMANDS = "auth_server.commands"

auth_server = LazyGroup(
    "auth-server",
    help="Run and operate the authorization server.",
    places={
        "api-keys": (f"{_COMMANDS}.api_keys:api_keys", "Manage API keys."),
        "audit-verify": (
            f"{_COMMANDS}.audit_verify:audit_verify",
            "Verify the audit log; fail if an entry was changed, added or removed.",
        ),
        "clients": (f"{_COMMANDS}.clients:clients", "Manage the clients that operators register."),
        "events-worker": (
            f"{_COMMANDS}.events_worker:events_worker",
            "Copy the call events that gateways write to Redis into the call log, until stopped.",
        ),
        "grants": (
            f"{_COMMANDS}.grants:grants",
            "List and end the access that people granted to apps.",
        ),
        "memberships": (f"{_COMMANDS}.memberships:memberships", "Manage the members of tenants."),
        "migrate": (
            f"{_COMMANDS}.server:migrate_command",
            "Migrate the database to the newest schema.",
        ),
        "people": (f"{_COMMANDS}.people:people", "Manage people's accounts."),
        "revision": (
            f"{_COMMANDS}.server:revision",
            "Generate a migration for changed tables (for developers).",
        ),
        "seed": (
            f"{_COMMANDS}.server:seed",
            "Add or replace the tenants, people, managed clients and API keys in FILE (YAML or JSON).",
        ),
        "serve": (
            f"{_COMMANDS}.server:serve",
            "Migrate the database to the newest schema, and serve.",
        ),
        "tenants": (
            f"{_COMMANDS}.tenants:tenants",
            "Manage tenants and their rules for agents.",
        ),
    },
)
billing = LazyGroup(
    "billing",
    help="Manage prices at Stripe, and the events that it sends.",
    places={
        "events": (f"{_COMMANDS}.billing:events", "List the newest events in the inbox."),
        "resend": (f"{_COMMANDS}.billing:resend", "Process events of the inbox again."),
        "sync": (
            f"{_COMMANDS}.billing:sync",
            "Create what the plans need at Stripe: products, prices and the meter.",
        ),
    },
)
usage = LazyGroup(
    "usage",
    help="Look after the export of usage to the system that writes invoices.",
    places={
        "exports": (
            f"{_COMMANDS}.usage:exports",
            "List exports of usage, their totals by state, and units that no export holds.",
        ),
        "link": (
            f"{_COMMANDS}.usage:link",
            "Name the customer that a tenant is at the system to which usage is exported.",
        ),
        "refused": (
            f"{_COMMANDS}.usage:refused",
            "List call events that could not be read or stored, or write them again.",
        ),
        "replay": (
            f"{_COMMANDS}.replay:replay",
            "Compare archives of calls with the ledger, or add to it what it lacks.",
        ),
        "resend": (
            f"{_COMMANDS}.usage:resend",
            "Send parked or ambiguous exports again, under new identifiers.",
        ),
    },
)
keys = LazyGroup(
    "keys",
    help="List and rotate the keys that sign access tokens.",
    places={
        "list": (f"{_COMMANDS}.keys:list_keys", "List the published keys."),
        "rotate": (
            f"{_COMMANDS}.keys:rotate_keys",
            "Rotate the signing key without failing a call at the gateways.",
        ),
    },
)
