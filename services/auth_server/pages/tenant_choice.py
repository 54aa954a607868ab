"""GET and POST /tenant."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from auth_server.errors import PageError
from auth_server.flow.next_step import AskConsent, ChooseTenant, StepUp
from auth_server.flow.pending import continue_with, resolve_turn
from auth_server.flow.proof import form_proof, require_proof
from auth_server.records.authorization_requests.store import choose_tenant
from auth_server.web.dependencies import Db, Opened, ReadingDb
from auth_server.web.forms import read_form, read_query, reject_repeats
from auth_server.web.same_origin import require_same_origin

router = APIRouter()


@router.get("/tenant")
async def show_tenants(request: Request, db: ReadingDb, opened: Opened) -> Response:
    """Show the organisations a person may connect."""
    turn = await resolve_turn(request, read_query(request).get("transaction"), db, opened)
    if not isinstance(turn.step, ChooseTenant | StepUp | AskConsent):
        return continue_with(turn)
    person_id = turn.step.person.person_id
    return opened.pages.answer(
        "tenant.html",
        client_name=turn.client.name,
        email=turn.step.person.known_as,
        seats=turn.step.seats,
        chosen=turn.transaction.tenant_id,
        transaction=turn.transaction.transaction_id,
        proof=form_proof(turn, opened, "tenant", person_id),
        sign_out_proof=form_proof(turn, opened, "sign-in"),
    )


@router.post("/tenant")
async def choose(request: Request, db: Db, opened: Opened) -> Response:
    """Note the chosen organisation, if the person is a member of it."""
    require_same_origin(request, opened.settings)
    form = await read_form(request)
    reject_repeats(form)
    turn = await resolve_turn(request, form.get("transaction"), db, opened)
    if not isinstance(turn.step, ChooseTenant | StepUp | AskConsent):
        return continue_with(turn)
    require_proof(form.get("proof"), turn, opened, "tenant", turn.step.person.person_id)
    tenant_id = form.get("tenant")
    if tenant_id not in {seat.tenant_id for seat in turn.step.seats}:
        raise PageError(
            "Choose one of your organisations",
            "You are not a member of that one. Go back and choose again.",
            status=403,
            detail="tenant is not one of the person's",
        )
    await choose_tenant(db, turn.transaction.transaction_id, tenant_id)
    return continue_with(turn)
