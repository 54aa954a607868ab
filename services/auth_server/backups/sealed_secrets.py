"""Check that the configured `secret_key` opens what the database keeps sealed."""

from auth_server.backups.check import Found, Given
from auth_server.db.engine import DbSession
from auth_server.flow.one_time_codes import list_unreadable_apps
from auth_server.linking.sealed import list_unreadable_accounts
from auth_server.tokens.keyring import list_unreadable_keys
from auth_server.webhooks.secrets import list_unreadable_endpoints


async def check_sealed_secrets(db: DbSession, given: Given) -> Found:
    """Open signing keys, the secrets of authenticator apps and webhooks, and tokens of linked accounts."""
    unreadable = {
        "signing keys": await list_unreadable_keys(db, given.keys),
        "authenticator apps": await list_unreadable_apps(db, given.keys),
        "linked accounts": await list_unreadable_accounts(db, given.keys),
        "webhook endpoints": await list_unreadable_endpoints(db, given.keys),
    }
    found = ", ".join(f"{len(ids)} {kind}" for kind, ids in unreadable.items() if ids)
    if found:
        fix = "set secret_key, or previous_secret_keys, to the value that the server used then"
        return Found(False, f"secret_key does not open {found}: {fix}.")
    return Found(True, "secret_key opens all stored secrets.")
