"""Check that the audit log is whole, and ends where its seal and the heads elsewhere say."""

from auth_server.backups.check import Found, Given
from auth_server.db.engine import DbSession
from auth_server.records.audit.seal import find_seal
from auth_server.records.audit.verify import find_break


async def check_audit_chain(db: DbSession, given: Given) -> Found:
    """Verify the whole log, as `audit-verify` does.

    Heads that are newer than the backup say how many entries it lacks; that is not a fault.
    """
    seal = await find_seal(db)
    last = 0 if seal is None else seal.number
    newer = [head.number for head in given.written if head.number > last]
    contained = [head for head in given.written if head.number <= last]
    broken = await find_break(db, [*contained, *given.heads])
    if broken is not None:
        return Found(False, f"The audit log is broken at entry {broken.number}: {broken.reason}.")
    if seal is None:
        text = "The audit log is empty."
    else:
        text = f"The audit log is intact: entries {seal.start_number} to {last}."
    if newer:
        text += f" The server wrote later ones, up to entry {max(newer)}, which are not in it."
    return Found(True, text)
