"""Every table, imported so that Alembic and `metadata` know them all."""

from sqlmodel import SQLModel

import auth_server.api_keys.table
import auth_server.attempts.table
import auth_server.audit.table
import auth_server.call_log.table
import auth_server.catalogues.table
import auth_server.ceilings.table
import auth_server.client_assertions.table
import auth_server.clients.table
import auth_server.codes.table
import auth_server.grants.table
import auth_server.people.table
import auth_server.refresh_tokens.table
import auth_server.revocations.table
import auth_server.second_factors.table
import auth_server.sessions.table
import auth_server.signing_keys.table
import auth_server.tenants.table
import auth_server.tickets.table
import auth_server.transactions.table  # noqa: F401 - each import registers its tables

metadata = SQLModel.metadata
