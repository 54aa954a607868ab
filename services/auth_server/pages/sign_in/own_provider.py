"""GET /sign-in/own-provider: the tenant requires a sign-in with its own identity provider."""

from urllib.parse import urlencode

from fastapi import Request
from starlette.responses import Response

from auth_server.db.engine import DbSession
from auth_server.errors import PageError, SignInRequired
from auth_server.flow.next_step import UseOwnProvider
from auth_server.flow.own_provider import may_act
from auth_server.flow.pending import continue_with
from auth_server.flow.sign_in_purpose import Purposes
from auth_server.flow.signed_in import resolve_signed_in
from auth_server.pages.sign_in.page import SignIn
from auth_server.records.tenant_providers.store import find_provider
from auth_server.records.tenants.store import find_tenant_membership
from auth_server.settings import AuthServerSettings
from auth_server.sign_in_settings import OidcSignIn
from auth_server.tenancy.customers_providers import find_provider_of_address
from auth_server.web.browser import set_browser
from auth_server.web.dependencies import ReadingDb
from auth_server.web.forms import read_query
from auth_server.web.routing import PageRouter

router = PageRouter()
PAGE = "/sign-in/own-provider"


def lead_to_own_provider(tenant_id: str, return_to: str) -> str:
    """Return the path of the page, which leads back to an account page of the tenant."""
    return f"{PAGE}?{urlencode({'tenant': tenant_id, 'return_to': return_to})}"


async def find_own_way(
    db: DbSession, tenant_id: str, settings: AuthServerSettings
) -> OidcSignIn | None:
    """Find the provider of a tenant's own in the settings, if both name one."""
    assignment = await find_provider(db, tenant_id)
    ways = [way for way in settings.sign_in if isinstance(way, OidcSignIn) and way.customer]
    return next((way for way in ways if assignment and way.name == assignment.provider), None)


@router.get(PAGE)
async def show_own_provider(
    request: Request, db: ReadingDb, purposes: Purposes, pages: SignIn
) -> Response:
    """Say which provider the tenant requires, and lead there; a break-glass admin can sign in here."""
    given = read_query(request)
    purpose = await purposes.resolve(given, db)
    if purpose.pending is not None:
        if not isinstance(purpose.pending.step, UseOwnProvider):
            return continue_with(purpose.pending)
        person, membership = purpose.pending.step.person, purpose.pending.step.membership
        several = len(purpose.pending.step.memberships) > 1
    else:
        signed_in = await resolve_signed_in(request, db, pages.settings, pages.sealer.now())
        if signed_in is None:
            raise SignInRequired(purpose.value)
        found = await find_tenant_membership(
            db, signed_in.person.person_id, given.get("tenant") or ""
        )
        if found is None:
            raise PageError(
                "You are not a member of this organisation",
                "Check which account you are signed in with.",
                status=403,
                detail="not a member of this tenant",
            )
        if may_act(signed_in, found):
            return purpose.answers()
        person, membership, several = signed_in.person, found, False
    way = await find_own_way(db, membership.tenant_id, pages.settings)
    name = await find_provider_of_address(db, person.email or "")
    known_there = way is not None and way.name == name
    hint = {"login_hint": person.email} if known_there else {}
    break_glass = (
        membership.break_glass_since is not None
        and membership.is_admin
        and purpose.pending is None
        and pages.settings.has_accounts
    )
    response = pages.pages.answer(
        "own_provider.html",
        status=403,
        client_name=purpose.pending.client.name if purpose.pending else None,
        email=person.known_as,
        membership=membership,
        way=way,
        several_tenants=several,
        break_glass=break_glass,
        query={purpose.field: purpose.value, **hint},
        purpose=purpose,
        sign_out_proof=purpose.forms.make("sign-in"),
    )
    set_browser(response, pages.settings, purpose.browser)
    return response
