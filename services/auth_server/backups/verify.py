"""Verify a restored database: `CHECKS` lists what must hold."""

from collections.abc import Callable, Mapping

from auth_server.backups.audit_chain import check_audit_chain
from auth_server.backups.books import check_books
from auth_server.backups.check import Check, Found, Given
from auth_server.backups.newest_record import check_newest_record
from auth_server.backups.sealed_secrets import check_sealed_secrets
from auth_server.db.engine import keep_snapshot, open_database
from auth_server.records.audit.seal import sealing_with

CHECKS: Mapping[str, Check] = {
    "audit log": check_audit_chain,
    "books": check_books,
    "secrets": check_sealed_secrets,
    "newest record": check_newest_record,
}


async def verify_database(
    url: str, given: Given, tell: Callable[[str], None]
) -> Mapping[str, Found]:
    """Run every check on one state of a database that has this release's schema.

    Args:
        url: of the database.
        given: what the checks compare it with.
        tell: hears the name of each check before it runs.
    """
    database = open_database(url, info=sealing_with(given.keys))
    try:
        async with database.reading() as db:
            await keep_snapshot(db)
            found = {}
            for name, check in CHECKS.items():
                tell(f"Checking: {name}")
                found[name] = await check(db, given)
            return found
    finally:
        await database.close()
