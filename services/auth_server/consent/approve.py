"""An approved consent: the grant, and the code that the client redeems."""

from collections.abc import Collection
from datetime import UTC, datetime

from auth_server.audit.store import Audit, record
from auth_server.clients import redirect_uris
from auth_server.codes.store import add_code
from auth_server.codes.table import AuthorizationCode
from auth_server.consent.offer import scopes_for
from auth_server.db.engine import DbSession
from auth_server.flow.next_step import AskConsent
from auth_server.flow.respond import success_url
from auth_server.flow.turn import Turn
from auth_server.grants.store import find_live_grant, put_grant
from auth_server.grants.table import Grant
from auth_server.resources import Resources
from auth_server.secrets import hash_secret
from auth_server.tokens.ending import outdate_grant
from gatepost.catalogue import CatalogueDocument
from gatepost.scopes import OFFLINE_ACCESS, format_scope, parse_scope


async def approve(
    turn: Turn,
    step: AskConsent,
    catalogue: CatalogueDocument,
    tools: Collection[str],
    db: DbSession,
    opened: Resources,
) -> str:
    """Store what the person allowed and issue a code; answers the URL that carries it back."""
    asked = parse_scope(turn.transaction.scope)
    scope = format_scope(scopes_for(catalogue, tools, asked) | (asked & {OFFLINE_ACCESS}))
    now = opened.now()
    before = await find_live_grant(
        db,
        person_id=step.person.person_id,
        client_id=turn.client.client_id,
        tenant_id=step.seat.tenant_id,
        resource=turn.transaction.resource,
    )
    held = _held(before) if before is not None else frozenset()
    grant = await put_grant(
        db,
        Grant(
            grant_id=f"grant_{opened.new_secret()}",
            person_id=step.person.person_id,
            client_id=turn.client.client_id,
            tenant_id=step.seat.tenant_id,
            resource=turn.transaction.resource,
            scope=scope,
            asked_scope=format_scope(asked),
            tools=sorted(tools),
            data_scope=str(step.seat.data_scope),
            redirect_host=redirect_uris.redirect_host(turn.transaction.redirect_uri),
            client_snapshot={"name": turn.client.name, "source": turn.client.source},
            catalogue_hash=catalogue.hash,
            created_at=now,
            updated_at=now,
            approved_at=now,
            expires_at=min(
                now + opened.settings.refresh_absolute_lifetime,
                step.seat.policy.latest_end(now) or datetime.max.replace(tzinfo=UTC),
            ),
        ),
    )
    if not held <= _held(grant):
        lifetime = opened.settings.access_token_lifetime
        await outdate_grant(db, grant.grant_id, grant.version, lifetime=lifetime, now=now)
    given = Audit(
        "grant.created" if grant.version == 1 else "grant.changed",
        person_id=grant.person_id,
        client_id=grant.client_id,
        tenant_id=grant.tenant_id,
        grant_id=grant.grant_id,
        detail={
            "version": grant.version,
            "scope": grant.scope,
            "tools": grant.tools,
            "data_scope": grant.data_scope,
            "redirect_host": grant.redirect_host,
            "catalogue_hash": grant.catalogue_hash,
        },
    )
    await record(db, given, now=now)
    code = opened.new_secret()
    await add_code(
        db,
        AuthorizationCode(
            code_hash=hash_secret(code),
            family_id=opened.new_secret(),
            grant_id=grant.grant_id,
            client_id=turn.client.client_id,
            redirect_uri=turn.transaction.redirect_uri,
            resource=turn.transaction.resource,
            scope=scope,
            code_challenge=turn.transaction.code_challenge,
            expires_at=now + opened.settings.code_lifetime,
        ),
    )
    return success_url(
        turn.transaction.redirect_uri,
        code=code,
        state=turn.transaction.state,
        issuer=opened.settings.issuer,
    )


def _held(grant: Grant) -> frozenset[tuple[str, str]]:
    """Write down what a grant allows, to be compared: tokens that held more must not outlive it."""
    scopes = {("scope", scope) for scope in parse_scope(grant.scope)}
    tools = {("tool", tool) for tool in grant.tools}
    return frozenset(scopes | tools | {("data", grant.data_scope)})
