"""The commands `gatepost auth-server …` and `gatepost keys …`, each imported when it is used."""

import sys
from typing import Any

import click

from gatepost_cli.lazy_group import LazyGroup

_COMMANDS = "auth_server.commands"


class DatabaseCommands(LazyGroup):
    """Commands that end with a sentence, and not with a traceback, if the database can't be used."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command."""
        try:
            return super().invoke(ctx)
        except Exception as error:
            if "sqlalchemy" not in sys.modules:
                raise
            from auth_server.db.outage import describe_outage  # slow to import

            reason = describe_outage(error)
            if reason is None:
                raise
            raise click.ClickException(reason) from None


auth_server = DatabaseCommands(
    "auth-server",
    help="Run and operate the authorization server.",
    places={
        "admin-tokens": (
            f"{_COMMANDS}.admin_tokens:admin_tokens",
            "Manage the tokens of the admin API.",
        ),
        "api-keys": (f"{_COMMANDS}.api_keys:api_keys", "Manage API keys."),
        "app-requests": (
            f"{_COMMANDS}.tenancy.app_requests:app_requests",
            "List, approve and decline the apps that members of a tenant ask for.",
        ),
        "audit": (f"{_COMMANDS}.audit.export:audit", "List and export the audit log."),
        "audit-verify": (
            f"{_COMMANDS}.audit.verify:audit_verify",
            "Verify the audit log; fail if an entry was changed, added or removed.",
        ),
        "backup-verify": (
            f"{_COMMANDS}.backup:backup_verify",
            "Check that a backup can be restored and is whole, or check the database in use.",
        ),
        "clients": (
            f"{_COMMANDS}.clients.managed:clients",
            "Manage the clients that operators register.",
        ),
        "events-worker": (
            f"{_COMMANDS}.events_worker:events_worker",
            "Copy the call events that gateways write to Redis into the call log, until stopped.",
        ),
        "gateways": (
            f"{_COMMANDS}.gateways:gateways",
            "See the processes of gateways, and what is wrong with them.",
        ),
        "grants": (
            f"{_COMMANDS}.grants:grants",
            "List and end the access that people granted to apps.",
        ),
        "mail": (
            f"{_COMMANDS}.outgoing.mail:mail",
            "Test the SMTP server, mail what a script has to say, and list the mails of the last days.",
        ),
        "memberships": (
            f"{_COMMANDS}.tenancy.memberships:memberships",
            "Manage the members of tenants.",
        ),
        "migrate": (
            f"{_COMMANDS}.server:migrate_command",
            "Migrate the database to the newest schema.",
        ),
        "operators": (f"{_COMMANDS}.operators:operators", "Manage who may open the console."),
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
        "webhooks": (
            f"{_COMMANDS}.outgoing.webhooks:webhooks",
            "Manage the endpoints that receive events, and look at deliveries.",
        ),
    },
)
billing = DatabaseCommands(
    "billing",
    help="Manage the plans, their prices at Stripe, and the events that it sends.",
    places={
        "cap": (f"{_COMMANDS}.credits:cap", "Cap what the usage of a tenant may cost in a month."),
        "credits": (
            f"{_COMMANDS}.credits:credits",
            "Give, list and take back prepaid credit.",
        ),
        "events": (f"{_COMMANDS}.billing:events", "List the newest events in the inbox."),
        "move": (f"{_COMMANDS}.plans:move", "Give a tenant another plan."),
        "plans": (
            f"{_COMMANDS}.plans:plans",
            "Print the plans, or replace them by those of a file.",
        ),
        "refresh": (
            f"{_COMMANDS}.billing:refresh",
            "Read the subscriptions of tenants at Stripe again.",
        ),
        "requests": (
            f"{_COMMANDS}.plans:requests",
            "List the members who asked for a larger plan.",
        ),
        "resend": (f"{_COMMANDS}.billing:resend", "Process events of the inbox again."),
        "simulate": (
            f"{_COMMANDS}.plans:simulate",
            "Show what a month would have cost each tenant on a plan.",
        ),
        "sync": (
            f"{_COMMANDS}.billing:sync",
            "Create what the plans need at Stripe: products, prices and the meter.",
        ),
    },
)
usage = DatabaseCommands(
    "usage",
    help="Show and check what tenants use, and look after the export of usage.",
    places={
        "books": (
            f"{_COMMANDS}.usage.books:books",
            "Say whether every billable unit of a month is exported.",
        ),
        "call": (
            f"{_COMMANDS}.usage.calls:call",
            "Tell what allowed one call, what happened, and what it cost.",
        ),
        "calls": (f"{_COMMANDS}.usage.calls:calls", "Search the call log, the newest calls first."),
        "compare": (
            f"{_COMMANDS}.usage.books:compare",
            "Ask the system that writes invoices what it counted for a tenant in a month.",
        ),
        "exports": (
            f"{_COMMANDS}.usage.exports:exports",
            "List exports of usage, their totals by state, and units that no export holds.",
        ),
        "funnel": (
            f"{_COMMANDS}.usage.funnel:funnel",
            "Count apps and people on their way to a first call, and where they stopped.",
        ),
        "intent": (
            f"{_COMMANDS}.usage.intent:intent",
            "List what agents tried and could not do, the most frequent first.",
        ),
        "limits": (
            f"{_COMMANDS}.usage.reports:limits",
            "List the quotas and budgets of which 80 percent or more is used.",
        ),
        "link": (
            f"{_COMMANDS}.usage.exports:link",
            "Name the customer that a tenant is at the system to which usage is exported.",
        ),
        "outdated": (
            f"{_COMMANDS}.usage.outdated:outdated",
            "List the clients that use former names of tools and deprecated tools.",
        ),
        "reconcile": (
            f"{_COMMANDS}.usage.reports:reconcile",
            "Compare the ledger with the usage by the hour; fail if they differ.",
        ),
        "refused": (
            f"{_COMMANDS}.usage.exports:refused",
            "List call events that could not be read or stored, or write them again.",
        ),
        "replay": (
            f"{_COMMANDS}.usage.replay:replay",
            "Compare archives of calls with the ledger, or add to it what it lacks.",
        ),
        "resend": (
            f"{_COMMANDS}.usage.exports:resend",
            "Send parked or ambiguous exports again, under new identifiers.",
        ),
        "show": (f"{_COMMANDS}.usage.reports:show", "Show the usage of this month."),
    },
)
clients = LazyGroup(
    "clients",
    help="Make or check what describes an MCP client.",
    places={
        "document": (
            f"{_COMMANDS}.clients.documents:document",
            "Make or check the metadata document of an MCP client.",
        )
    },
)
keys = DatabaseCommands(
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
