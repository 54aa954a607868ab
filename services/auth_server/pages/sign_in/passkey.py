"""POST /sign-in/passkey: signing in with a passkey, which is two factors in one."""

from dataclasses import dataclass

import structlog
from fastapi import Request
from starlette.responses import Response

from auth_server.errors import PageError
from auth_server.flow.flow_state import FlowState, over, redeem_flow_state, seal_flow_state
from auth_server.flow.passkeys import are_possible, ask_for_passkey, match_passkey
from auth_server.flow.sign_in_purpose import SignInPurpose, resolve_purpose
from auth_server.flow.start_session import start_session
from auth_server.pages.sign_in.known_browser import remember
from auth_server.records.people.store import find_person
from auth_server.records.sessions.table import TWO_FACTORS
from auth_server.runtime import Runtime
from auth_server.web.dependencies import Opened, ReadingDb
from auth_server.web.posted_form import Form
from auth_server.web.routing import PageRouter

router = PageRouter()
log = structlog.get_logger()
WAY = "passkey"


@dataclass(frozen=True, slots=True)
class Offer:
    """What a page needs to offer passkeys: the browser's options, the ticket, the form's proof."""

    options: str
    flow_state: str
    proof: str


def offer(purpose: SignInPurpose, opened: Runtime) -> Offer | None:
    """Make the offer; None where this server can have no passkeys."""
    if not are_possible(opened.settings):
        return None
    flow_state = FlowState(
        way=WAY,
        field=purpose.field,
        value=purpose.value,
        nonce=opened.new_secret(),
        secret="",
        left_at=int(opened.now().timestamp()),
    )
    text = seal_flow_state(flow_state, purpose.browser, opened)
    return Offer(ask_for_passkey(flow_state, opened.settings), text, purpose.forms.make(WAY, text))


@router.post("/sign-in/passkey")
async def sign_in_with_passkey(
    request: Request, reading: ReadingDb, opened: Opened, form: Form
) -> Response:
    """Verify what the browser's passkey signed, and start a session."""
    purpose = await resolve_purpose(request, form, reading, opened)
    await reading.close()
    text = form.get("ticket") or ""
    purpose.forms.require(form.get("proof"), WAY, text)
    flow_state = await redeem_flow_state(text, purpose.browser, opened, way=WAY)
    if flow_state is None:
        raise over()
    async with opened.transaction() as db:
        passkey = await match_passkey(db, form.get("credential") or "", flow_state, opened)
        person = await find_person(db, passkey.person_id) if passkey else None
        if person is None:
            log.info("sign_in_refused", client_id=purpose.client_id, factor="passkey")
            raise PageError(
                "Passkey not recognised",
                "It may have been removed. Go back, reload the page and sign in another way.",
                status=403,
            )
        response = await start_session(
            request, purpose, person, db, opened, level=TWO_FACTORS, method="passkey"
        )
    remember(request, response, person.person_id, opened)
    return response
