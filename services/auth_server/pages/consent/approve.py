"""Store an approved consent as a grant, and issue the authorization code or answer the device."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends

from auth_server.db.engine import DbSession
from auth_server.errors import PageError
from auth_server.flow.next_step import AskConsent
from auth_server.flow.pending import AskingDevice, PendingAuthorization
from auth_server.flow.respond import success_url
from auth_server.keys import Keys
from auth_server.pages.picker.offer import scopes_for
from auth_server.pages.picker.question import Choice, Question
from auth_server.records.audit.store import record
from auth_server.records.authentications.store import add_authentication
from auth_server.records.authentications.table import Authentication
from auth_server.records.authorization_codes.store import add_code
from auth_server.records.authorization_codes.table import AuthorizationCode
from auth_server.records.catalogues.store import find_apis
from auth_server.records.clients import redirect_uris
from auth_server.records.device_authorizations.store import answer_device_authorization
from auth_server.records.grants.store import put_grant
from auth_server.records.grants.table import Grant
from auth_server.revocations.revoke import outdate_grant, revoke_grant
from auth_server.secrets import NewSecret, hash_secret
from auth_server.settings import AuthServerSettings
from auth_server.tenancy.grant_contents import audit_of, what_it_holds
from auth_server.tokens.refresh_token import name_new_family
from auth_server.web.dependencies import Clock, KeysInUse, SecretMaker, Settings
from gatepost.clock import Now
from gatepost.data_scope import DataScope
from gatepost.scopes import BESIDE_RESOURCES, OPENID, expand_scopes, format_scope, parse_scope


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
    ) -> str | None:
        """Store a grant and issue a code; return the client's URL with it, or None for a device.

        Tools of an earlier grant that this request does not concern stay in the grant. The code, and
        the tokens refreshed from it, never exceed the scopes of this request.

        A grant from another kind of sign-in ends instead, with its tokens: they would count as allowed
        in a session of the customer's provider, or outlive that provider.
        """
        before, catalogue, now = question.before, question.catalogue, self.now()
        held = what_it_holds(before) if before is not None else frozenset()
        asked, beside = _split(pending.authorization_request.scope)
        had, had_beside = _split(before.scope) if before is not None else (frozenset(), frozenset())
        asked_before = parse_scope(before.asked_scope) if before is not None else frozenset()
        tools = choice.tools | set(question.kept)
        scope = scopes_for(catalogue, tools, expand_scopes(asked) | expand_scopes(had))
        lifetime = self.settings.longest_token_lifetime
        if before is not None and before.provider != step.own_provider:
            reason = "allowed again after another sign-in"
            await revoke_grant(db, before.grant_id, reason, lifetime=lifetime, now=now)
        grant = await put_grant(
            db,
            Grant(
                grant_id=f"grant_{self.new_secret()}",
                person_id=step.person.person_id,
                client_id=pending.client.client_id,
                tenant_id=step.membership.tenant_id,
                resource=pending.authorization_request.resource,
                scope=format_scope(scope | beside | had_beside),
                asked_scope=format_scope(asked | beside | asked_before),
                tools=sorted(tools),
                apis=await find_apis(db, catalogue, tools),
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
            await outdate_grant(db, grant.grant_id, grant.version, lifetime=lifetime, now=now)
        await record(db, audit_of(grant), now=now)
        if pending.device is not None:
            await self.answer_device(pending, pending.device, step, grant.grant_id, db)
            return None
        return await self.issue_code(pending, step, grant, db)

    async def answer_device(
        self,
        pending: PendingAuthorization,
        device: AskingDevice,
        step: AskConsent,
        grant_id: str | None,
        db: DbSession,
    ) -> None:
        """Let the device's next poll have the tokens of a grant, or learn of the denial without one.

        Raises:
            PageError: the request was answered in another window, or has expired.
        """
        asked, beside = _split(pending.authorization_request.scope)
        if not await answer_device_authorization(
            db,
            device.device_code_hash,
            step.person.person_id,
            grant_id=grant_id,
            scope=format_scope(expand_scopes(asked) | beside),
            now=self.now(),
        ):
            raise PageError("You already answered this request", "You can return to your device.")

    async def issue_code(
        self, pending: PendingAuthorization, step: AskConsent, grant: Grant, db: DbSession
    ) -> str:
        """Issue a code for a grant; return the client's URL with the code.

        The code has all requested scopes, which the grant narrows at each refresh. So the app also
        gets what the person allows later, on the page of connected apps.
        """
        asked, beside = _split(pending.authorization_request.scope)
        code, now = self.new_secret(), self.now()
        family_id = name_new_family(self.keys.refresh, code)
        await add_code(
            db,
            AuthorizationCode(
                code_hash=hash_secret(code),
                family_id=family_id,
                grant_id=grant.grant_id,
                client_id=pending.client.client_id,
                redirect_uri=pending.authorization_request.redirect_uri,
                resource=pending.authorization_request.resource,
                scope=format_scope(expand_scopes(asked) | beside),
                code_challenge=pending.authorization_request.code_challenge,
                dpop_jkt=pending.authorization_request.dpop_jkt,
                expires_at=now + self.settings.code_lifetime,
            ),
        )
        if OPENID in beside:
            kept = self.settings.code_lifetime + self.settings.refresh_absolute_lifetime
            await add_authentication(
                db,
                Authentication(
                    family_id=family_id,
                    grant_id=grant.grant_id,
                    nonce=pending.authorization_request.nonce,
                    signed_in_at=step.session.signed_in_at,
                    level=step.session.level,
                    method=step.session.method,
                    session_id=step.session.public_id,
                    expires_at=now + kept,
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


def _split(scope: str) -> tuple[frozenset[str], frozenset[str]]:
    """Split a scope into what the resource has, and what is beside it."""
    scopes = parse_scope(scope)
    return scopes - BESIDE_RESOURCES, scopes & BESIDE_RESOURCES
