"""POST /sign-in/code: check the second factor of a person with an authenticator app."""

import structlog
from starlette.responses import Response

from auth_server.db.engine import DbSession
from auth_server.flow.code_guesses import count_wrong_codes, record_pause
from auth_server.flow.flow_state import over
from auth_server.flow.known_browser import Known
from auth_server.flow.one_time_codes import match_code
from auth_server.flow.sign_in_purpose import PostedPurpose, SignInPurpose
from auth_server.flow.start_session import NewSession
from auth_server.pages.sign_in.page import SignIn, SignInPages
from auth_server.pages.sign_in.recovery import can_recover
from auth_server.pages.sign_in.throttle import throttle_of_code, wait
from auth_server.records.audit.store import Audit, record
from auth_server.records.flow_states.store import use_flow_state
from auth_server.records.people.store import find_person
from auth_server.records.people.table import Person
from auth_server.records.second_factors.store import find_authenticator_app
from auth_server.records.sessions.table import TWO_FACTORS
from auth_server.secrets import hash_secret
from auth_server.web.dependencies import KeysInUse, ReadingDb, Transaction
from auth_server.web.posted_form import Form
from auth_server.web.routing import PageRouter

router = PageRouter()
log = structlog.get_logger()
WAY = "code"


async def ask_for_code(
    db: DbSession, purpose: SignInPurpose, person: Person, sign_in: SignInPages
) -> Response:
    """Ask for the code, with a flow state that names the person whose password was right.

    The page says how many wrong codes strangers entered, because they know the password too.
    """
    flow_state = sign_in.begin_flow(
        purpose, WAY, nonce=sign_in.new_secret(), secret=person.person_id
    )
    guessed = await count_wrong_codes(db, person.person_id)
    text = sign_in.sealer.seal(flow_state, purpose.browser)
    return _page(purpose, text, sign_in, guessed=guessed)


@router.post("/sign-in/code")
async def take_code(
    form: Form,
    purpose: PostedPurpose,
    reading: ReadingDb,
    sign_in: SignIn,
    keys: KeysInUse,
    transaction: Transaction,
    new_session: NewSession,
    known: Known,
) -> Response:
    """Verify a code of the app or a recovery code, and start a session."""
    text = form.get("ticket") or ""
    purpose.forms.require(form.get("proof"), WAY, text)
    flow_state = sign_in.sealer.unseal(text, purpose.browser)
    person = (
        await find_person(reading, flow_state.secret)
        if flow_state and flow_state.way == WAY
        else None
    )
    await reading.close()
    if flow_state is None or person is None:
        raise over()
    throttle = throttle_of_code(known, person.person_id)
    async with transaction() as db:
        until = await throttle.admit(db, now=sign_in.sealer.now())
    if until is not None:
        log.info("sign_in_throttled", client_id=purpose.client_id)
        return wait(
            until,
            sign_in.sealer.now(),
            lambda minutes: _page(purpose, text, sign_in, minutes=minutes, status=429),
        )
    async with transaction() as db:
        # Only a correct code uses up the flow state, which then can't be used for a second session.
        matched = await match_code(
            db, person.person_id, form.get("code") or "", keys, sign_in.sealer.now()
        )
        if matched is None:
            refused = Audit(
                "sign_in.refused",
                person_id=person.person_id,
                client_id=purpose.client_id,
                detail={"factor": "code"},
            )
            now = sign_in.sealer.now()
            await record(db, refused, now=now)
            await record_pause(db, throttle.account, person.person_id, now=now)
            return _page(purpose, text, sign_in, wrong=True, status=401)
        if not await use_flow_state(db, hash_secret(text), expires_at=flow_state.until):
            raise over()
        await throttle.passed(db)
        if matched == "recovery code":
            used = Audit("recovery_code.used", person_id=person.person_id)
            await record(db, used, now=sign_in.sealer.now())
        app = await find_authenticator_app(db, person.person_id)
        response = await new_session.start(
            db,
            person,
            purpose,
            level=TWO_FACTORS,
            method=f"password and {matched}",
            factor_added_at=app.created_at if app is not None else None,
        )
    known.remember(response, person.person_id)
    return response


def _page(
    purpose: SignInPurpose,
    flow_state: str,
    sign_in: SignInPages,
    *,
    wrong: bool = False,
    minutes: int = 0,
    guessed: int = 0,
    status: int = 200,
) -> Response:
    return sign_in.pages.answer(
        "second_factor.html",
        status=status,
        client_name=purpose.pending.client.name if purpose.pending else None,
        purpose=purpose,
        flow_state=flow_state,
        wrong=wrong,
        minutes=minutes,
        guessed=guessed,
        recovery=can_recover(sign_in),
        forgotten=sign_in.settings.can_send_mail,
        passkey=sign_in.offer_passkey(purpose),
        proof=purpose.forms.make(WAY, flow_state),
    )
