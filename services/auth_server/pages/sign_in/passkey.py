"""POST /sign-in/passkey: sign in with a passkey, which counts as two factors."""

import structlog
from starlette.responses import Response

from auth_server.errors import PageError
from auth_server.flow.flow_state import Sealer, over
from auth_server.flow.known_browser import Known
from auth_server.flow.passkeys import match_passkey
from auth_server.flow.sign_in_purpose import PostedPurpose
from auth_server.flow.start_session import NewSession
from auth_server.pages.sign_in.page import PASSKEY
from auth_server.records.people.store import find_person
from auth_server.records.sessions.table import TWO_FACTORS
from auth_server.web.dependencies import ReadingDb, Settings, Transaction
from auth_server.web.posted_form import Form
from auth_server.web.routing import PageRouter

router = PageRouter()
log = structlog.get_logger()


@router.post("/sign-in/passkey")
async def sign_in_with_passkey(
    form: Form,
    purpose: PostedPurpose,
    reading: ReadingDb,
    settings: Settings,
    sealer: Sealer,
    transaction: Transaction,
    new_session: NewSession,
    known: Known,
) -> Response:
    """Verify the signature of the browser's passkey, and start a session."""
    await reading.close()
    text = form.get("ticket") or ""
    purpose.forms.require(form.get("proof"), PASSKEY, text)
    flow_state = await sealer.redeem(text, purpose.browser, transaction, way=PASSKEY)
    if flow_state is None:
        raise over()
    async with transaction() as db:
        passkey = await match_passkey(
            db, form.get("credential") or "", flow_state, settings, sealer.now()
        )
        person = await find_person(db, passkey.person_id) if passkey else None
        if passkey is None or person is None:
            log.info("sign_in_refused", client_id=purpose.client_id, factor="passkey")
            raise PageError(
                "Passkey not recognised",
                "It may have been removed. Go back, reload the page and sign in another way.",
                status=403,
            )
        response = await new_session.start(
            db,
            person,
            purpose,
            level=TWO_FACTORS,
            method="passkey",
            factor_added_at=passkey.created_at,
        )
    known.remember(response, person.person_id)
    return response
