"""POST /account/data, GET and POST /account/delete: download one's own data, and delete the account."""

from fastapi.responses import StreamingResponse
from starlette.responses import Response

from auth_server.accounts.delete_person import delete_person, list_sole_admin
from auth_server.accounts.export_data import export_data
from auth_server.db.engine import DbSession
from auth_server.pages.account.frame import Account, Accounts
from auth_server.pages.account.profile.endpoint import PAGE as PROFILE
from auth_server.pages.account.security import require_recent_sign_in
from auth_server.records.audit.store import Audit, record
from auth_server.records.operators.store import find_operator
from auth_server.tenancy.change_policy import ChangeRefused
from auth_server.web.browser import clear_session
from auth_server.web.dependencies import Clock, Db, OpenDatabase, ReadingDb, Settings, Transaction
from auth_server.web.posted_form import Form
from auth_server.web.routing import PageRouter

router = PageRouter()
DATA, DELETE = "/account/data", "/account/delete"


@router.post(DATA)
async def download(
    form: Form,
    db: ReadingDb,
    accounts: Accounts,
    database: OpenDatabase,
    transaction: Transaction,
    settings: Settings,
    now: Clock,
) -> Response:
    """Send the person's data as a file."""
    account = await require_recent_sign_in(accounts, db, PROFILE)
    account.forms.require(form.get("proof"), "data")
    await db.close()
    async with transaction() as writing:
        await record(writing, Audit("person.exported", person_id=account.person_id), now=now())
    chunks = export_data(
        database, account.person_id, idle=settings.session_idle_lifetime, now=now()
    )
    headers = {
        "Cache-Control": "no-store",
        "Content-Disposition": 'attachment; filename="your-data.json"',
        "X-Content-Type-Options": "nosniff",
    }
    return StreamingResponse(chunks, media_type="application/json", headers=headers)


@router.get(DELETE)
async def show_form(db: ReadingDb, accounts: Accounts) -> Response:
    """Say what is deleted and what stays, and ask for the address."""
    account = await require_recent_sign_in(accounts, db, DELETE)
    return await _show(account, db)


@router.post(DELETE)
async def delete_account(
    form: Form, db: Db, accounts: Accounts, settings: Settings, now: Clock
) -> Response:
    """Delete the account of a person who typed their address."""
    account = await require_recent_sign_in(accounts, db, DELETE)
    account.forms.require(form.get("proof"), "delete")
    person = account.signed_in.person
    typed = (form.get("typed") or "").strip().casefold()
    if typed != person.known_as.casefold():
        return await _show(account, db, refusal="typed", status=400)
    if await _is_kept(account, db):
        return await _show(account, db, status=409)
    lifetime = settings.longest_token_lifetime
    try:
        await delete_person(db, person.person_id, by=person.person_id, lifetime=lifetime, now=now())
    except ChangeRefused:
        # Another admin left in the same moment.
        return await _show(account, db, status=409)
    response = account.pages.answer("account_deleted.html")
    clear_session(response, settings)
    return response


async def _is_kept(account: Account, db: DbSession) -> bool:
    operator = await find_operator(db, account.person_id)
    return operator is not None or bool(await list_sole_admin(db, account.person_id))


async def _show(
    account: Account, db: DbSession, *, refusal: str = "", status: int = 200
) -> Response:
    return account.answer(
        "account/delete.html",
        section="profile",
        status=status,
        refusal=refusal,
        operator=await find_operator(db, account.person_id) is not None,
        sole=await list_sole_admin(db, account.person_id),
        proof=account.forms.make("delete"),
    )
