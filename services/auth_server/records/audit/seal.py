"""The seal of the audit log: a MAC over its beginning and its newest entry."""

from collections.abc import Mapping

from auth_server.db.engine import DbSession
from auth_server.keys import Keys
from auth_server.records.audit.table import AuditEntry, AuditSeal

BEFORE_THE_FIRST = "0" * 64
_KEYS = "keys of the audit log"


def sealing_with(keys: Keys) -> Mapping[str, object]:
    """Return the `info` of database sessions that append to the log under a seal."""
    return {_KEYS: keys}


def keys_of_session(db: DbSession) -> Keys | None:
    """Return the keys of `sealing_with`; None in a session that can't seal."""
    keys = db.info.get(_KEYS)
    return keys if isinstance(keys, Keys) else None


async def find_seal(db: DbSession) -> AuditSeal | None:
    """Look up the seal."""
    return await db.get(AuditSeal, 1, populate_existing=True)


def is_genuine(seal: AuditSeal, keys: Keys) -> bool:
    """Return whether this server made the seal."""
    return keys.is_log_mac(seal.mac, *_sealed(seal))


def renew_seal(seal: AuditSeal, keys: Keys) -> None:
    """Compute the MAC with the newest key, after a change of the seal or of the keys."""
    seal.mac = keys.mac_log(*_sealed(seal))


def first_seal(first: AuditEntry) -> AuditSeal:
    """Make the seal, without its MAC, of a log whose entry `first` is the first to be sealed."""
    return AuditSeal(
        start_number=1,
        start_hash=BEFORE_THE_FIRST,
        sealed_from=first.number,
        number=first.number,
        hash=first.hash,
    )


def _sealed(seal: AuditSeal) -> tuple[str, ...]:
    numbers = (seal.start_number, seal.sealed_from, seal.number)
    return (*map(str, numbers), seal.start_hash, seal.hash)
