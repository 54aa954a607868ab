"""POST /sign-in/code: the second factor of somebody who has an authenticator app."""

import structlog
from fastapi import Request
from starlette.responses import Response

from auth_server.flow.flow_state import FlowState, over, seal_flow_state, unseal_flow_state
from auth_server.flow.one_time_codes import match_code
from auth_server.flow.sign_in_purpose import SignInPurpose, resolve_purpose
from auth_server.flow.start_session import start_session
from auth_server.pages.sign_in.known_browser import remember
from auth_server.pages.sign_in.passkey import offer
from auth_server.pages.sign_in.throttle import throttle_of, wait
from auth_server.records.audit.store import Audit, record
from auth_server.records.flow_states.store import use_flow_state
from auth_server.records.people.store import find_person
from auth_server.records.people.table import Person
from auth_server.records.sessions.table import TWO_FACTORS
from auth_server.runtime import Runtime
from auth_server.secrets import hash_secret
from auth_server.web.dependencies import Opened, ReadingDb
from auth_server.web.posted_form import Form
from auth_server.web.routing import PageRouter

router = PageRouter()
log = structlog.get_logger()
WAY = "code"


def ask_for_code(purpose: SignInPurpose, person: Person, opened: Runtime) -> Response:
    """Ask for the code, with a ticket that says whose password was right in this browser."""
    flow_state = FlowState(
        way=WAY,
        field=purpose.field,
        value=purpose.value,
        nonce=opened.new_secret(),
        secret=person.person_id,
        left_at=int(opened.now().timestamp()),
    )
    return _page(purpose, seal_flow_state(flow_state, purpose.browser, opened), opened)


@router.post("/sign-in/code")
async def take_code(request: Request, reading: ReadingDb, opened: Opened, form: Form) -> Response:
    """Check a code of the app or a recovery code, and start a session."""
    purpose = await resolve_purpose(request, form, reading, opened)
    text = form.get("ticket") or ""
    purpose.forms.require(form.get("proof"), WAY, text)
    flow_state = unseal_flow_state(text, purpose.browser, opened)
    person = (
        await find_person(reading, flow_state.secret)
        if flow_state and flow_state.way == WAY
        else None
    )
    await reading.close()
    if flow_state is None or person is None:
        raise over()
    throttle = throttle_of(request, f"code of {person.person_id}", person.person_id, opened)
    async with opened.transaction() as db:
        until = await throttle.admit(db, now=opened.now())
    if until is not None:
        log.info("sign_in_throttled", client_id=purpose.client_id)
        return wait(
            until, opened, lambda minutes: _page(purpose, text, opened, minutes=minutes, status=429)
        )
    async with opened.transaction() as db:
        # Only a right code uses the ticket up, and the ticket's use keeps that code's to one.
        matched = await match_code(db, person.person_id, form.get("code") or "", opened)
        if matched is None:
            refused = Audit(
                "sign_in.refused",
                person_id=person.person_id,
                client_id=purpose.client_id,
                detail={"factor": "code"},
            )
            await record(db, refused, now=opened.now())
            return _page(purpose, text, opened, wrong=True, status=401)
        if not await use_flow_state(db, hash_secret(text), expires_at=flow_state.until):
            raise over()
        await throttle.passed(db)
        if matched == "recovery code":
            used = Audit("recovery_code.used", person_id=person.person_id)
            await record(db, used, now=opened.now())
        response = await start_session(
            request,
            purpose,
            person,
            db,
            opened,
            level=TWO_FACTORS,
            method=f"password and {matched}",
        )
    remember(request, response, person.person_id, opened)
    return response


def _page(
    purpose: SignInPurpose,
    flow_state: str,
    opened: Runtime,
    *,
    wrong: bool = False,
    minutes: int = 0,
    status: int = 200,
) -> Response:
    return opened.pages.answer(
        "second_factor.html",
        status=status,
        client_name=purpose.pending.client.name if purpose.pending else None,
        purpose=purpose,
        flow_state=flow_state,
        wrong=wrong,
        minutes=minutes,
        passkey=offer(purpose, opened),
        proof=purpose.forms.make(WAY, flow_state),
    )
