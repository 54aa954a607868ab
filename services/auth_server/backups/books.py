"""Check that the ledger and what is added up from it agree."""

from datetime import UTC, datetime

from auth_server.backups.check import Found, Given
from auth_server.db.engine import DbSession
from auth_server.metering.reconcile import reconcile_usage

_FIRST, _LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)


async def check_books(db: DbSession, _: Given) -> Found:
    """Compare the ledger with the usage and with the units to export, of all time."""
    compared = await reconcile_usage(db, since=_FIRST, until=_LAST)
    if compared.differences:
        tenants = sorted({one.tenant_id for one in compared.differences})
        named = ", ".join(tenants[:5]) + (", …" if len(tenants) > 5 else "")
        return Found(False, f"The ledger and the usage of {len(tenants)} tenants differ: {named}.")
    return Found(True, f"The ledger and the usage agree: {compared.ledger} units.")
