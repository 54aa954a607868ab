"""The JWT bearer grant (RFC 7523 §2.1), for identity assertions of a tenant's own provider."""

from datetime import datetime, timedelta

from auth_server.connectors.port import AssertedIdentity
from auth_server.db.conflict import repeat
from auth_server.db.engine import DbSession
from auth_server.entitlements.grant import resolve_entitlement
from auth_server.errors import InvalidGrant, InvalidScope, TemporarilyUnavailable
from auth_server.oauth.token_endpoint.identity_assertion import CHECKS
from auth_server.oauth.token_endpoint.identity_assertion.assertion import (
    CheckedAssertion,
    refused,
)
from auth_server.oauth.token_endpoint.request import Proven, Refused, TokenRequest
from auth_server.records.audit.store import Audit, record
from auth_server.records.catalogues.store import find_catalogue
from auth_server.records.client_assertions.store import use_assertion
from auth_server.records.clients.store import find_client
from auth_server.records.grants.table import Grant
from auth_server.records.people.store import add_identity, find_identity, find_person
from auth_server.records.people.table import Identity, Person
from auth_server.records.tenant_apps.store import find_tenant_app
from auth_server.records.tenant_providers.store import find_assignment
from auth_server.records.tenants.store import (
    TenantMembership,
    find_tenant_membership,
    lock_tenant,
)
from auth_server.redemptions.facts import GrantFacts, MembershipFacts
from auth_server.tenancy.connect_app import Assertion, NotConnected, keep_grant, propose_grant
from auth_server.tenancy.customers_providers import NotAdmitted, find_customers_person
from gatepost.catalogue import CatalogueDocument
from gatepost.scopes import OFFLINE_ACCESS

LONGEST_TOKEN = timedelta(hours=1)
"""How long the access token lives at most, because the provider tells who left only when it is asked."""


async def prove_identity_assertion(request: TokenRequest) -> Proven | Refused:
    """Connect the app for the person whom the provider names, and resolve what that allows now.

    There is no refresh token: the client asks the provider for a new assertion, which decides again.
    """
    checked = CheckedAssertion(request.form.require("assertion"))
    for check in CHECKS:
        checked = await check(checked, request)
    identity = checked.identity
    if identity is None:
        raise LookupError("read_identity must be in CHECKS")

    async def connect() -> Proven | Refused:
        async with request.transaction() as db:
            return await _connect(request, checked, identity, db)

    # The person, the tenant and the grant may change at the same moment.
    return await repeat(connect)


async def _connect(
    request: TokenRequest, checked: CheckedAssertion, identity: AssertedIdentity, db: DbSession
) -> Proven | Refused:
    provider, resource = checked.known_connector().settings.name, checked.known_resource()
    if checked.forgotten_at is None or checked.issued_at is None:
        raise LookupError("require_times must be in CHECKS")
    gateway = resource.entry.resource
    assignment = await find_assignment(db, provider)
    tenant_id = assignment.tenant_id if assignment is not None else ""
    # Locked, so that whatever ends connections of the tenant sees this one, or comes before it.
    await lock_tenant(db, tenant_id)
    if not await use_assertion(
        db, identity.issuer, jti=checked.jti, expires_at=checked.forgotten_at
    ):
        raise refused("jti was used before; ask the provider for a new assertion")
    app = await find_tenant_app(db, tenant_id, request.client.client_id, gateway)
    elsewhere = resource.tenant_id not in (None, tenant_id)
    if app is None or app.provider != provider or elsewhere:
        return Refused(refused("the organisation does not connect this app to this MCP server"))
    catalogue = await find_catalogue(db, gateway)
    client = await find_client(db, request.client.client_id)
    if catalogue is None or client is None:
        raise TemporarilyUnavailable("the tools of this MCP server are not known yet; try again")
    person_id = ""
    try:
        person = await _find_person(
            db, identity, provider, tenant_id, issued_at=checked.issued_at, now=request.now
        )
        person_id = person.person_id
        membership = await _require_member(db, person, identity, tenant_id)
        asserted = Assertion(person_id, client, checked.groups, provider)
        grant = await propose_grant(
            db,
            app,
            asserted,
            catalogue,
            resource.entry.scopes,
            resource=resource.resource,
            grant_id=f"grant_{request.new_secret()}",
            now=request.now,
        )
        entitlement = resolve_entitlement(
            _facts(grant, membership, provider, catalogue),
            client_id=client.client_id,
            resource=resource.resource,
            scopes=checked.scopes,
            now=request.now,
        )
    except (NotAdmitted, NotConnected, InvalidGrant) as error:
        entry = Audit(
            "tenant_app.refused",
            person_id=person_id,
            client_id=client.client_id,
            tenant_id=tenant_id,
            detail={"reason": getattr(error, "detail", "") or str(error)},
        )
        await record(db, entry, now=request.now)
        return Refused(_as_refusal(error))
    if not entitlement.scopes - {OFFLINE_ACCESS}:
        raise InvalidScope("the organisation does not allow this scope")
    kept = await keep_grant(
        db, grant, lifetime=request.settings.longest_token_lifetime, now=request.now
    )
    latest = request.now + LONGEST_TOKEN
    entitlement = entitlement._replace(
        grant_id=kept.grant_id,
        grant_version=kept.version,
        ends_at=min(entitlement.ends_at or latest, latest),
    )
    return Proven(entitlement, offline=False, refresh_token=None)


async def _find_person(
    db: DbSession,
    identity: AssertedIdentity,
    provider: str,
    tenant_id: str,
    *,
    issued_at: datetime,
    now: datetime,
) -> Person:
    """Find the person as a sign-in with this provider would, but never create one.

    A person without an account is not a member, so the assertion could not connect anything. If the
    assertion leaves the address out, that of an earlier sign-in with the provider counts.
    """
    issuer, subject, email = identity.issuer, identity.subject, identity.email
    if email is None and (known := await find_identity(db, issuer, subject)) is not None:
        person = await find_person(db, known.person_id)
        email = person.email if person is not None else None
    found, linked, owner = await find_customers_person(
        db, provider, issuer=issuer, subject=subject, email=email
    )
    if found is None or owner != tenant_id:
        raise NotAdmitted("the person has no account")
    if linked is not None and linked.ended_at is not None and issued_at <= linked.ended_at:
        raise NotConnected(
            "the person's sessions ended at the provider after it was issued; ask for a new one"
        )
    if linked is None:
        new = Identity(issuer=issuer, subject=subject, person_id=found.person_id, created_at=now)
        if not await add_identity(db, found, new):
            raise NotAdmitted("the person was linked twice at once")
    return found


async def _require_member(
    db: DbSession, person: Person, identity: AssertedIdentity, tenant_id: str
) -> TenantMembership:
    membership = await find_tenant_membership(db, person.person_id, tenant_id)
    if membership is None:
        raise NotAdmitted("the person is not a member of the tenant")
    if membership.policy.required_level > 1 and not identity.two_factors:
        raise NotConnected(
            "the organisation requires two factors, and amr does not contain them; "
            "sign in at the provider again"
        )
    return membership


def _as_refusal(error: NotAdmitted | NotConnected | InvalidGrant) -> InvalidGrant:
    if isinstance(error, InvalidGrant):
        return error
    if isinstance(error, NotConnected):
        return refused(str(error))
    # The same words whoever the person is: a provider must not learn who has an account here.
    return refused(
        "the person is not a member of the organisation whom its provider can name",
        detail=str(error),
    )


def _facts(
    grant: Grant, membership: TenantMembership, provider: str, catalogue: CatalogueDocument
) -> GrantFacts:
    return GrantFacts(
        grant_id=grant.grant_id,
        version=grant.version,
        person_id=grant.person_id,
        client_id=grant.client_id,
        tenant_id=grant.tenant_id,
        resource=grant.resource,
        scope=grant.scope,
        asked_scope=grant.asked_scope,
        tools=tuple(grant.tools),
        apis=grant.apis,
        taken=catalogue.taken,
        data_scope=grant.data_scope,
        redirect_host=grant.redirect_host,
        provider=grant.provider,
        approved_at=grant.approved_at,
        expires_at=grant.expires_at,
        client_enabled=True,
        person_enabled=True,
        membership=MembershipFacts(
            data_scope=str(membership.data_scope),
            rate_limit_tier=membership.rate_limit_tier,
            policy=membership.policy,
            own_provider=provider,
            provider_only=membership.provider_only_since is not None,
        ),
        catalogue=catalogue,
    )
