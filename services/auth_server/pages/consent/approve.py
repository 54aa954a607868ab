"""Store an approved consent as a grant, and issue the authorization code."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends

from auth_server.db.engine import DbSession
from auth_server.flow.next_step import AskConsent
from auth_server.flow.pending import PendingAuthorization
from auth_server.flow.respond import success_url
from auth_server.keys import Keys
from auth_server.pages.picker.offer import scopes_for
from auth_server.pages.picker.question import Choice, Question
from auth_server.records.audit.store import Audit, record
from auth_server.records.authorization_codes.store import add_code
from auth_server.records.authorization_codes.table import AuthorizationCode
from auth_server.records.clients import redirect_uris
from auth_server.records.grants.store import put_grant
from auth_server.records.grants.table import Grant
from auth_server.revocations.revoke import outdate_grant
from auth_server.secrets import NewSecret, hash_secret
from auth_server.settings import AuthServerSettings
from auth_server.tokens.refresh_token import name_new_family
from auth_server.web.dependencies import Clock, KeysInUse, SecretMaker, Settings
from gatepost.clock import Now
from gatepost.data_scope import DataScope
from gatepost.scopes import OFFLINE_ACCESS, expand_scopes, format_scope, parse_scope


@dataclass(frozen=True, slots=True)
class Approval:
    """Stores grants, and issues their authorization codes."""

    settings: AuthServerSettings
    keys: Keys
    now: Now
    new_secret: NewSecret

    async def approve(
        self,
        pending: PendingAuthorization,
        step: AskConsent,
        question: Question,
        choice: Choice,
        data_scope: DataScope,
        db: DbSession,
    ) -> str:
        """Store a grant and issue a code; return the client's URL with the code.

        Tools of an earlier grant that this request does not concern stay in the grant. The code, and
        the tokens refreshed from it, never exceed the scopes of this request.
        """
        before, catalogue, now = question.before, question.catalogue, self.now()
        held = what_it_holds(before) if before is not None else frozenset()
        asked, offline = _split(pending.authorization_request.scope)
        had, had_offline = (
            _split(before.scope) if before is not None else (frozenset(), frozenset())
        )
        asked_before = parse_scope(before.asked_scope) if before is not None else frozenset()
        tools = choice.tools | set(question.kept)
        scope = scopes_for(catalogue, tools, expand_scopes(asked) | expand_scopes(had))
        grant = await put_grant(
            db,
            Grant(
                grant_id=f"grant_{self.new_secret()}",
                person_id=step.person.person_id,
                client_id=pending.client.client_id,
                tenant_id=step.membership.tenant_id,
                resource=pending.authorization_request.resource,
                scope=format_scope(scope | offline | had_offline),
                asked_scope=format_scope(asked | offline | asked_before),
                tools=sorted(tools),
                data_scope=str(data_scope),
                redirect_host=redirect_uris.redirect_host(
                    pending.authorization_request.redirect_uri
                ),
                provider=step.own_provider,
                client_snapshot={"name": pending.client.name, "source": pending.client.source},
                catalogue_hash=catalogue.hash,
                created_at=now,
                updated_at=now,
                approved_at=now,
                expires_at=now + choice.lasts,
            ),
        )
        if not held <= what_it_holds(grant):
            lifetime = self.settings.longest_token_lifetime
            await outdate_grant(db, grant.grant_id, grant.version, lifetime=lifetime, now=now)
        await record(db, audit_of(grant), now=now)
        return await self.issue_code(pending, grant, db)

    async def issue_code(self, pending: PendingAuthorization, grant: Grant, db: DbSession) -> str:
        """Issue a code for a grant; return the client's URL with the code.

        The code has all requested scopes, which the grant narrows at each refresh. So the app also
        gets what the person allows later, on the page of connected apps.
        """
        asked, offline = _split(pending.authorization_request.scope)
        code, now = self.new_secret(), self.now()
        await add_code(
            db,
            AuthorizationCode(
                code_hash=hash_secret(code),
                family_id=name_new_family(self.keys.refresh, code),
                grant_id=grant.grant_id,
                client_id=pending.client.client_id,
                redirect_uri=pending.authorization_request.redirect_uri,
                resource=pending.authorization_request.resource,
                scope=format_scope(expand_scopes(asked) | offline),
                code_challenge=pending.authorization_request.code_challenge,
                expires_at=now + self.settings.code_lifetime,
            ),
        )
        return success_url(
            pending.authorization_request.redirect_uri,
            code=code,
            state=pending.authorization_request.state,
            issuer=self.settings.issuer,
        )


async def _approval(
    settings: Settings, keys: KeysInUse, now: Clock, new_secret: SecretMaker
) -> Approval:
    return Approval(settings, keys, now, new_secret)


Approvals = Annotated[Approval, Depends(_approval)]


def audit_of(grant: Grant, *, by: str = "consent") -> Audit:
    """Make the audit entry for a new or changed grant."""
    return Audit(
        "grant.created" if grant.version == 1 else "grant.changed",
        person_id=grant.person_id,
        client_id=grant.client_id,
        tenant_id=grant.tenant_id,
        grant_id=grant.grant_id,
        detail={
            "by": by,
            "client_name": str(grant.client_snapshot.get("name", "")),
            "resource": grant.resource,
            "version": grant.version,
            "scope": grant.scope,
            "tools": grant.tools,
            "data_scope": grant.data_scope,
            "redirect_host": grant.redirect_host,
            "catalogue_hash": grant.catalogue_hash,
            "expires_at": grant.expires_at.isoformat(timespec="seconds"),
        },
    )


def what_it_holds(grant: Grant) -> frozenset[tuple[str, str]]:
    """Return a grant's contents as a set, to detect changes that must end older access tokens.

    Data is compared as a whole: fewer entries of a kind restrict it further, but none lift it.
    """
    scopes = {("scope", scope) for scope in parse_scope(grant.scope)}
    tools = {("tool", tool) for tool in grant.tools}
    return frozenset(scopes | tools | {("data", grant.data_scope)})


def _split(scope: str) -> tuple[frozenset[str], frozenset[str]]:
    scopes, offline = parse_scope(scope), frozenset({OFFLINE_ACCESS})
    return scopes - offline, scopes & offline
