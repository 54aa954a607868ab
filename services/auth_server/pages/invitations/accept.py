"""GET /account/invitation, POST /account/invitation/accept, and GET /account/welcome."""

from fastapi import Request
from starlette.responses import Response

from auth_server.db.engine import DbSession
from auth_server.errors import PageError
from auth_server.pages.account.frame import Accounts, lead_back
from auth_server.pages.invitations.frame import WELCOME, Invitations, Invited
from auth_server.records.people.table import Person
from auth_server.records.sessions.table import TWO_FACTORS
from auth_server.records.tenants.store import find_tenant_membership
from auth_server.tenancy.change_policy import ChangeRefused
from auth_server.tenancy.invitations import PAGE, accept
from auth_server.web.dependencies import Clock, Db, ReadingDb
from auth_server.web.forms import read_query
from auth_server.web.posted_form import Form
from auth_server.web.routing import PageRouter
from gatepost.clock import Now

router = PageRouter()


@router.get(PAGE)
async def show_invitation(request: Request, db: ReadingDb, invitations: Invitations) -> Response:
    """Show an invitation, with what the person must still prove; opening it uses nothing up."""
    invited = await invitations.require(read_query(request).get("id"), db)
    return invited.answer(
        "invitation.html",
        theirs=invited.is_theirs,
        local=invited.settings.has_accounts,
        mails=invited.settings.can_send_mail,
        code_proof=invited.proof("invitation-code"),
        accept_proof=invited.proof("invitation-accept", *_account_of(invited)),
        sign_out_proof=invited.proof("sign-in"),
    )


@router.post(f"{PAGE}/accept")
async def accept_invitation(form: Form, db: Db, invitations: Invitations, now: Clock) -> Response:
    """Make the signed-in person a member, if their verified address is the invited one."""
    invited = await invitations.require(form.get("id"), db)
    invited.require_proof(form, "invitation-accept", *_account_of(invited))
    if invited.account is None:
        raise PageError("Sign in first", "Open the link in the mail again.", status=403)
    only = invited.account.signed_in.only_tenant
    if only is not None and only != invited.invitation.tenant_id:
        raise PageError(
            "You can't accept this invitation",
            "You signed in with the identity provider of another organisation. Sign in another way.",
            status=403,
        )
    await join(db, invited, invited.account.signed_in.person, now)
    return lead_back(invited.settings.path, invited.welcome)


@router.get(WELCOME)
async def show_welcome(request: Request, db: ReadingDb, accounts: Accounts) -> Response:
    """Tell a new member what comes next."""
    account = await accounts.require(db, "/account/organisations")
    tenant_id = read_query(request).get("tenant") or ""
    membership = await find_tenant_membership(db, account.person_id, tenant_id)
    if membership is None:
        return account.lead_back("/account/organisations")
    needs = membership.policy.required_level == TWO_FACTORS
    return account.answer(
        "account/welcome.html",
        section="organisations",
        membership=membership,
        needs_factor=needs and account.signed_in.session.level < TWO_FACTORS,
    )


async def join(db: DbSession, invited: Invited, person: Person, now: Now) -> None:
    """Accept the invitation for a person.

    Raises:
        PageError: it was accepted meanwhile, or the person may not accept it; nothing is stored.
    """
    lifetime = invited.settings.longest_token_lifetime
    try:
        await accept(db, invited.invitation.invitation_id, person, lifetime=lifetime, now=now())
    except ChangeRefused as error:
        raise PageError("You can't accept this invitation", str(error), status=403) from None


def _account_of(invited: Invited) -> tuple[str, ...]:
    # Nobody joins with another account than the one that the page named.
    return (invited.account.signed_in.session.session_hash,) if invited.account else ()
