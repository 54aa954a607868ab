"""GET and POST /consent."""

import structlog
from fastapi import APIRouter, Request
from starlette.responses import Response

from auth_server.audit.store import Audit, record
from auth_server.catalogues.store import find_catalogue
from auth_server.clients import redirect_uris
from auth_server.clients.table import Client
from auth_server.consent.approve import approve
from auth_server.consent.offer import Offer, make_offer
from auth_server.db.engine import DbSession
from auth_server.deps import Db, Opened, ReadingDb
from auth_server.errors import AccessDenied, PageError
from auth_server.flow.next_step import AskConsent
from auth_server.flow.proof import form_proof, require_proof
from auth_server.flow.respond import error_url
from auth_server.flow.turn import Turn, continue_with, resolve_turn
from auth_server.forms import read_form, read_query, reject_repeats
from auth_server.grants.store import find_live_grant
from auth_server.pages.same_origin import require_same_origin
from auth_server.resources import Resources
from auth_server.tokens.catalogue_reader import CatalogueUnavailable
from auth_server.transactions.store import finish_transaction
from gatepost.catalogue import CatalogueDocument
from gatepost.scopes import parse_scope

router = APIRouter()
log = structlog.get_logger()
# One field for each ticked tool: some thousands of them.
_FORM_LIMIT, _MOST_FIELDS = 512 * 1024, 5000


@router.get("/consent")
async def show_consent(request: Request, db: ReadingDb, opened: Opened) -> Response:
    """Show who asks, where the answer goes, and which tools and data are on offer."""
    turn = await resolve_turn(request, read_query(request).get("transaction"), db, opened)
    if not isinstance(turn.step, AskConsent):
        return continue_with(turn)
    catalogue = await _read_catalogue(turn.transaction.resource, db, opened)
    live = await find_live_grant(
        db,
        person_id=turn.step.person.person_id,
        client_id=turn.client.client_id,
        tenant_id=turn.step.seat.tenant_id,
        resource=turn.transaction.resource,
    )
    scopes = parse_scope(turn.transaction.scope)
    offer = make_offer(catalogue, scopes, chosen_before=live.tools if live else None)
    return _page(turn, turn.step, catalogue, offer, opened)


@router.post("/consent")
async def answer_consent(request: Request, db: Db, opened: Opened) -> Response:
    """Take the person's answer: a grant of what they chose, or a refusal."""
    require_same_origin(request, opened.settings)
    form = await read_form(request, limit=_FORM_LIMIT, fields=_MOST_FIELDS)
    reject_repeats(form, except_for=frozenset({"tool"}))
    turn = await resolve_turn(request, form.get("transaction"), db, opened)
    if not isinstance(turn.step, AskConsent):
        return continue_with(turn)
    step, shown_hash = turn.step, form.get("catalogue") or ""
    require_proof(form.get("proof"), turn, opened, "consent", *_shown(step, shown_hash))
    decision = form.get("decision")
    if decision == "deny":
        await _finish(turn, db, opened)
        denied = Audit(
            "consent.denied",
            person_id=step.person.person_id,
            client_id=turn.client.client_id,
            tenant_id=step.seat.tenant_id,
        )
        await record(db, denied, now=opened.now())
        refusal = AccessDenied("the person did not allow it")
        url = error_url(
            turn.transaction.redirect_uri,
            refusal,
            state=turn.transaction.state,
            issuer=opened.settings.issuer,
        )
        return _leave(turn, url, opened, approved=False)
    if decision != "approve":
        raise PageError("Approve or deny", "The form was sent without an answer. Go back and try.")
    catalogue = await find_catalogue(db, turn.transaction.resource, version=shown_hash)
    if catalogue is None:
        raise LookupError("a proven consent form names a kept catalogue")
    scopes = parse_scope(turn.transaction.scope)
    tools = frozenset(form.all("tool")) & make_offer(catalogue, scopes).names
    if not tools:
        offer = make_offer(catalogue, scopes, chosen_before=())
        return _page(turn, step, catalogue, offer, opened, nothing_chosen=True, status=400)
    await _finish(turn, db, opened)
    url = await approve(turn, step, catalogue, tools, db, opened)
    return _leave(turn, url, opened, approved=True)


def _shown(step: AskConsent, catalogue_hash: str) -> tuple[str, ...]:
    # A proof over these means: the answer is about this person, this tenant, this data and this
    # tool list.
    seat = step.seat
    return (step.person.person_id, seat.tenant_id, str(seat.data_scope), catalogue_hash)


async def _read_catalogue(resource: str, db: DbSession, opened: Resources) -> CatalogueDocument:
    entry = opened.settings.find_resource(resource)
    if entry is None:
        raise PageError("This service is no longer connected here", "Connect again from your app.")
    try:
        return await opened.catalogues.read(entry)
    except CatalogueUnavailable as error:
        log.warning("catalogue_unavailable", resource=resource, reason=str(error))
        kept = await find_catalogue(db, resource)
        if kept is None:
            raise PageError(
                "The tools can't be listed right now",
                "The service did not answer. Reload this page in a moment.",
                status=503,
            ) from None
        return kept


def _vouched_for(client: Client) -> str:
    """Say who stands behind a client's name: an operator, the owner of a host, or nobody."""
    match client.source:
        case "managed":
            return "known here"
        case "document":
            return f"from {redirect_uris.redirect_host(client.client_id)}"
        case _:
            return ""


async def _finish(turn: Turn, db: DbSession, opened: Resources) -> None:
    if not await finish_transaction(db, turn.transaction.transaction_id, now=opened.now()):
        raise PageError("You answered already", "Go back to your app; nothing more is needed here.")


def _page(
    turn: Turn,
    step: AskConsent,
    catalogue: CatalogueDocument,
    offer: Offer,
    opened: Resources,
    *,
    nothing_chosen: bool = False,
    status: int = 200,
) -> Response:
    redirect_uri = turn.transaction.redirect_uri
    return opened.pages.answer(
        "consent.html",
        status=status,
        client=turn.client,
        vouched_for=_vouched_for(turn.client),
        redirect_host=redirect_uris.redirect_host(redirect_uri),
        loopback=redirect_uris.is_loopback(redirect_uri),
        person=step.person,
        seat=step.seat,
        several_tenants=len(step.seats) > 1,
        catalogue=catalogue,
        offer=offer,
        stays_connected="refresh_token" in turn.client.grant_types,
        stay_days=opened.settings.refresh_idle_lifetime.days,
        nothing_chosen=nothing_chosen,
        transaction=turn.transaction.transaction_id,
        proof=form_proof(turn, opened, "consent", *_shown(step, catalogue.hash)),
        sign_out_proof=form_proof(turn, opened, "sign-in"),
    )


def _leave(turn: Turn, url: str, opened: Resources, *, approved: bool) -> Response:
    # A page that moves on by itself, not a redirect: browsers apply `form-action` to each hop that
    # follows a form, and an app's custom scheme would not pass it.
    return opened.pages.answer(
        "leave.html",
        client_name=turn.client.name,
        redirect_host=redirect_uris.redirect_host(turn.transaction.redirect_uri),
        url=url,
        approved=approved,
    )
