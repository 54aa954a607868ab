"""GET and POST /link, GET /account/link, GET /link/return/NAME: link an account at an API."""

from fastapi import Request
from starlette.responses import RedirectResponse, Response

from auth_server.errors import PageError
from auth_server.flow.flow_state import over
from auth_server.linking.keep import NewAccount, keep_account
from auth_server.linking.provider import LinkRefused
from auth_server.pages.linking.page import Linking, way_to
from auth_server.pages.linking.purpose import PAGE, LinkPurposes, NothingToLink
from auth_server.web.browser import read_browser
from auth_server.web.dependencies import ReadingDb, Transaction
from auth_server.web.forms import Parameters, read_query, reject_repeats
from auth_server.web.posted_form import Form
from auth_server.web.routing import PageRouter

router = PageRouter()


@router.get("/link")
@router.get(PAGE)
async def show_link(
    request: Request, db: ReadingDb, purposes: LinkPurposes, pages: Linking
) -> Response:
    """Say which account is linked for which organisation, and lead to the provider."""
    try:
        purpose = await purposes.resolve(read_query(request), db)
    except NothingToLink as done:
        return _lead_on(done.next_url)
    return pages.show(purpose)


@router.post("/link")
async def leave_for_provider(
    form: Form, db: ReadingDb, purposes: LinkPurposes, pages: Linking
) -> Response:
    """Lead to the provider, with a sealed flow state."""
    try:
        purpose = await purposes.resolve(form, db)
    except NothingToLink:
        # Its page named an account that is linked by now, so its proof can't be checked.
        text = "Nothing was saved. Go back to your app and connect again."
        raise PageError("This form has expired", text, status=403) from None
    await db.close()
    purpose.forms.require(form.get("proof"), "link", *purpose.shown)
    return await pages.leave(purpose)


@router.get("/link/return/{name}")
async def take_answer(
    name: str,
    request: Request,
    db: ReadingDb,
    purposes: LinkPurposes,
    pages: Linking,
    transaction: Transaction,
) -> Response:
    """Redeem the code of a provider's answer, and store the account.

    An answer is valid once, for ten minutes, in the browser that was sent, and for the person and the
    tenant whom the page named (A281, A282, A283).
    """
    given = read_query(request)
    reject_repeats(given)
    # 1. Open the state, and use it up.
    state, browser = given.get("state"), read_browser(request, pages.settings)
    flow_state = await pages.sealer.redeem(state, browser, transaction, way=way_to(name))
    if flow_state is None:
        raise over()
    # 2. Find the purpose again, and require that it is the same.
    named = {flow_state.field: flow_state.value}
    if flow_state.field != "transaction":
        named |= {"provider": name, "tenant": flow_state.tenant_id}
    try:
        purpose = await purposes.resolve(
            Parameters({key: (value,) for key, value in named.items()}), db
        )
    except NothingToLink as done:
        return _lead_on(done.next_url)
    await db.close()
    if purpose.shown != (name, flow_state.person_id, flow_state.tenant_id):
        raise over()
    # 3. Redeem the code, and store the account.
    try:
        tokens = await purpose.provider.redeem(
            {key: values[0] for key, values in given.values.items()},
            verifier=flow_state.secret,
            callback=pages.callback(name),
        )
    except LinkRefused as refusal:
        return pages.show(purpose, refusal)
    async with transaction() as writing:
        kept = await keep_account(
            writing,
            NewAccount(*purpose.shown, tokens),
            keys=pages.keys,
            new_secret=pages.new_secret,
            lifetime=pages.settings.longest_token_lifetime,
            now=pages.sealer.now(),
        )
    if not kept:
        raise over()
    return _lead_on(purpose.next_url)


def _lead_on(url: str) -> Response:
    response = RedirectResponse(url, status_code=303)
    response.headers["Cache-Control"] = "no-store"
    return response
