"""Every table, imported so that `metadata` contains them all."""

# ruff: noqa: F401 - each import registers its tables

from typing import Any

from sqlmodel import SQLModel

import auth_server.records.admin_tokens.table
import auth_server.records.api_keys.table
import auth_server.records.app_requests.table
import auth_server.records.attempts.table
import auth_server.records.audit.table
import auth_server.records.authentications.table
import auth_server.records.authorization_codes.table
import auth_server.records.authorization_requests.table
import auth_server.records.billing_accounts.table
import auth_server.records.book_comparisons.table
import auth_server.records.call_approvals.table
import auth_server.records.call_log.table
import auth_server.records.catalogues.table
import auth_server.records.ceilings.table
import auth_server.records.client_assertions.table
import auth_server.records.clients.table
import auth_server.records.component_tokens.table
import auth_server.records.connect_steps.table
import auth_server.records.credits.table
import auth_server.records.delegations.table
import auth_server.records.device_authorizations.table
import auth_server.records.directory.table
import auth_server.records.email_changes.table
import auth_server.records.export_customers.table
import auth_server.records.external_events.table
import auth_server.records.factor_recoveries.table
import auth_server.records.flow_states.table
import auth_server.records.gateways.table
import auth_server.records.grants.table
import auth_server.records.invitations.table
import auth_server.records.ledger.table
import auth_server.records.linked_accounts.table
import auth_server.records.mails.table
import auth_server.records.metered_hours.table
import auth_server.records.operators.table
import auth_server.records.password_links.table
import auth_server.records.people.table
import auth_server.records.plan_requests.table
import auth_server.records.plans.table
import auth_server.records.progress.table
import auth_server.records.pushed_requests.table
import auth_server.records.quota_notices.table
import auth_server.records.refresh_tokens.table
import auth_server.records.refused_events.table
import auth_server.records.revocations.table
import auth_server.records.second_factors.table
import auth_server.records.sessions.table
import auth_server.records.signing_keys.table
import auth_server.records.tenant_apps.table
import auth_server.records.tenant_domains.table
import auth_server.records.tenant_providers.table
import auth_server.records.tenants.table
import auth_server.records.unmet_calls.table
import auth_server.records.usage.table
import auth_server.records.usage_exports.table
import auth_server.records.webhooks.table
import auth_server.records.workloads.table
from auth_server.db.months import PARTITION

metadata = SQLModel.metadata


def is_compared(name: str | None, kind: str, _: Any) -> bool:
    """Return whether something in a database must be in `metadata`; jobs create the partitions."""
    return kind != "table" or name is None or PARTITION.fullmatch(name) is None
