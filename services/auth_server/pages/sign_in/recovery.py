"""POST /sign-in/recovery, /code and /confirm: a person who lost their second factors recovers them.

The ticket of the page that asked for the code names the person whose password was right.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Literal
from urllib.parse import urlencode

from fastapi import Depends
from starlette.responses import Response

from auth_server.accounts.recover_factors import find_obstacle, recover_factors
from auth_server.db.engine import DbSession
from auth_server.errors import PageError
from auth_server.flow.flow_state import LIFETIME, FlowState, over
from auth_server.flow.known_browser import Known
from auth_server.flow.mailed_codes import Codes, admit_guess, is_right, spell
from auth_server.flow.sign_in_purpose import PostedPurpose, SignInPurpose
from auth_server.flow.start_session import NewSession
from auth_server.outbox.queue import queue_mail
from auth_server.pages.account.frame import lead_back
from auth_server.pages.account.onward import ENROL
from auth_server.pages.sign_in.page import SignIn, SignInPages
from auth_server.records.factor_recoveries.table import FactorRecovery
from auth_server.records.people.store import find_account, find_person
from auth_server.records.people.table import Person
from auth_server.records.sessions.table import MUST_ENROL
from auth_server.web.browser import set_browser
from auth_server.web.dependencies import Db, ReadingDb, SecretMaker, Transaction
from auth_server.web.posted_form import Form
from auth_server.web.routing import PageRouter

router = PageRouter()
PAGE = "/sign-in/recovery"
PASSWORD_WAS_RIGHT = "code"  # noqa: S105 - the way of the page that asks for a code
WAY = "factor recovery"
_OBSTACLES = {
    "operator": "This account manages the console. Another operator can reset your second factors.",
    "password by mail": "Your password was set by mail, so mail alone would prove that it is you. "
    "An admin can reset your second factors.",
    "no address": "Your account has no e-mail address. An admin can reset your second factors.",
    "no factor": "Your account has no second factor. Go back and sign in.",
}


@dataclass(frozen=True, slots=True)
class Recovering:
    """A browser in which a person's password was right just now."""

    purpose: SignInPurpose
    person: Person
    ticket: str
    pages: SignInPages

    def show(
        self,
        code_ticket: str = "",
        *,
        refusal: Literal["wrong", "too often", "codes"] | None = None,
        recovery: FactorRecovery | None = None,
        status: int = 200,
    ) -> Response:
        """Show the offer of a code, the question for it, or what follows."""
        response = self.pages.pages.answer(
            "recovery.html",
            status=status,
            purpose=self.purpose,
            ticket=self.ticket,
            code_ticket=code_ticket,
            hours=_hours(self.pages),
            proof=self.purpose.forms.make("recovery", self.ticket),
            code_proof=self.purpose.forms.make("recovery-code", self.ticket, code_ticket),
            refusal=refusal,
            recovery=recovery,
        )
        set_browser(response, self.pages.settings, self.purpose.browser)
        return response


def posted(proof: str, *fields: str) -> Callable[..., Awaitable[Recovering]]:
    """Make the dependency that finds the person whose password was right.

    `proof` is the form's name, and `fields` are what it covers besides the ticket.
    """

    async def resolve(
        form: Form, purpose: PostedPurpose, db: ReadingDb, pages: SignIn
    ) -> Recovering:
        ticket = form.get("ticket") or ""
        covered = [form.get(name) or "" for name in fields]
        purpose.forms.require(form.get("proof"), proof, ticket, *covered)
        flow_state: FlowState | None = pages.sealer.unseal(ticket, purpose.browser)
        if flow_state is None or flow_state.way != PASSWORD_WAS_RIGHT:
            raise over()
        person = await find_person(db, flow_state.secret)
        if person is None:
            raise over()
        await _require_possible(db, person, pages)
        return Recovering(purpose, person, ticket, pages)

    return resolve


@router.post(PAGE)
async def explain(
    recovering: Annotated[Recovering, Depends(posted(PASSWORD_WAS_RIGHT))],
) -> Response:
    """Say how the recovery goes on."""
    return recovering.show()


@router.post(f"{PAGE}/code")
async def send_code(
    recovering: Annotated[Recovering, Depends(posted("recovery"))], db: Db, codes: Codes
) -> Response:
    """Send a code to the person's address."""
    person, purpose = recovering.person, recovering.purpose
    if not await codes.admit(db, person.person_id):
        return recovering.show(refusal="codes", status=429)
    code, code_ticket = codes.make(WAY, person.person_id, person.email or "", purpose.browser)
    await queue_mail(
        db,
        "recovery_code",
        to=person.email,
        language=person.language or recovering.pages.pages.language,
        values={"name": person.name, "code": spell(code), "path": "/sign-in/forgotten"},
        now=codes.sealer.now(),
        useful_for=LIFETIME,
    )
    return recovering.show(code_ticket)


@router.post(f"{PAGE}/confirm")
async def check_code(
    form: Form,
    recovering: Annotated[Recovering, Depends(posted("recovery-code", "code_ticket"))],
    reading: ReadingDb,
    codes: Codes,
    transaction: Transaction,
    new_session: NewSession,
    known: Known,
    new_secret: SecretMaker,
) -> Response:
    """Start the recovery after the right code, or complete it if it is ready."""
    await reading.close()
    purpose, person = recovering.purpose, recovering.person
    code_ticket = form.get("code_ticket") or ""
    proved = codes.open(code_ticket, WAY, person.person_id, purpose.browser)
    delay = recovering.pages.settings.factor_recovery_delay
    async with transaction() as db:
        if not await admit_guess(db, code_ticket, now=codes.sealer.now()):
            return recovering.show(code_ticket, refusal="too often", status=429)
    if not is_right(proved, form.get("code")):
        return recovering.show(code_ticket, refusal="wrong", status=401)
    async with transaction() as db:
        await codes.use(db, code_ticket, proved)
        locked = await find_account(db, person_id=person.person_id)
        if locked is None or delay is None or locked.email != proved.value:
            raise over()
        await _require_possible(db, locked, recovering.pages)
        recovery = await recover_factors(
            db, locked, recovery_id=new_secret(), delay=delay, now=codes.sealer.now()
        )
        if recovery.completed_at is None:
            return recovering.show(recovery=recovery)
        secret, _ = await new_session.begin(
            db, locked, level=MUST_ENROL, method="password", client_id=purpose.client_id
        )
    page = "/account/security"
    if purpose.pending:
        page = f"{ENROL}?{urlencode({purpose.field: purpose.value})}"
    response = lead_back(recovering.pages.settings.path, page)
    new_session.set_cookie(response, secret)
    known.remember(response, person.person_id)
    return response


def can_recover(pages: SignInPages) -> bool:
    """Return whether this server lets people recover their factors by mail."""
    settings = pages.settings
    return settings.factor_recovery_delay is not None and settings.can_send_mail


async def _require_possible(db: DbSession, person: Person, pages: SignInPages) -> None:
    if not can_recover(pages):
        raise PageError(
            "Recovery by mail is turned off",
            "An admin can reset your second factors.",
            status=404,
        )
    obstacle = await find_obstacle(db, person)
    if obstacle is not None:
        raise PageError("You can't recover by mail", _OBSTACLES[obstacle], status=403)


def _hours(pages: SignInPages) -> int:
    delay = pages.settings.factor_recovery_delay
    return 0 if delay is None else -(-int(delay.total_seconds()) // 3600)
