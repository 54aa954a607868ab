"""GET and POST /end-session, POST /end-session/confirm: an app signs a person out here.

OpenID Connect RP-Initiated Logout 1.0. A sign-out ends the session of the browser alone: apps stay connected.
"""

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote, urlencode

from fastapi import Request
from starlette.responses import RedirectResponse, Response

from auth_server.db.engine import DbSession
from auth_server.errors import InvalidRequest
from auth_server.flow.respond import may_redirect, send_to_client
from auth_server.flow.signed_in import SignedIn, resolve_signed_in
from auth_server.keys import Keys
from auth_server.records.audit.store import Audit, record
from auth_server.records.clients.redirect_uris import redirect_host
from auth_server.records.clients.store import find_client
from auth_server.records.clients.table import Client
from auth_server.records.sessions.store import end_session
from auth_server.rendering.render import Pages
from auth_server.settings import AuthServerSettings
from auth_server.tokens.read_id_token import IdTokenHint, read_id_token
from auth_server.tokens.read_signed import LONGEST
from auth_server.web.browser import clear_session, set_language
from auth_server.web.dependencies import (
    Clock,
    Db,
    KeysInUse,
    LocalizedPages,
    ReadingDb,
    Settings,
    Transaction,
    runtime_of,
)
from auth_server.web.form_proof import FormProof
from auth_server.web.forms import Parameters, read_form, read_query, reject_repeats
from auth_server.web.posted_form import Form
from auth_server.web.routing import PageRouter

router = PageRouter()
PAGE = "/end-session"
_NAMES = ("id_token_hint", "client_id", "post_logout_redirect_uri", "state", "ui_locales")
_LONGEST_STATE = 4096


@dataclass(frozen=True, slots=True)
class Logout:
    """A checked request: the app, the person and session that it means, and where people return to."""

    client: Client | None
    hint: IdTokenHint | None
    redirect_uri: str | None
    state: str | None

    @property
    def url(self) -> str | None:
        """Where the browser goes afterwards, with the app's `state` (§3)."""
        if self.redirect_uri is None or self.state is None:
            return self.redirect_uri
        joined = "&" if "?" in self.redirect_uri else "?"
        return f"{self.redirect_uri}{joined}{urlencode({'state': self.state}, quote_via=quote)}"

    def means(self, signed_in: SignedIn) -> bool:
        """Return whether an ID token of this very session proves that the app may end it."""
        return (
            self.hint is not None
            and self.hint.person_id == signed_in.person.person_id
            and self.hint.session_id == signed_in.session.public_id
        )


async def _read_logout(given: Parameters, db: DbSession, settings: AuthServerSettings) -> Logout:
    """Check a request (§2, §3). An ID token that can't be verified counts as none.

    Raises:
        InvalidRequest: the client is unknown or not that of the ID token, or the address is not registered for it.
    """
    token = given.get("id_token_hint")
    hint = await read_id_token(db, token, issuer=settings.issuer) if token else None
    named = given.get("client_id")
    if hint is not None and named not in {None, hint.client_id}:
        raise InvalidRequest("the client_id is not the one of id_token_hint")
    client_id = named or (hint.client_id if hint else None)
    client = await find_client(db, client_id) if client_id is not None else None
    if client_id is not None and client is None:
        raise InvalidRequest("this server does not know the client_id")
    redirect_uri, state = given.get("post_logout_redirect_uri"), given.get("state")
    if redirect_uri is None:
        return Logout(client, hint, None, None)
    if client is None:
        raise InvalidRequest("a post_logout_redirect_uri needs client_id or a valid id_token_hint")
    if redirect_uri not in client.post_logout_redirect_uris:
        raise InvalidRequest("the post_logout_redirect_uri is not registered for this client")
    if state is not None and len(state) > _LONGEST_STATE:
        raise InvalidRequest(f"the state is longer than {_LONGEST_STATE} characters")
    return Logout(client, hint, redirect_uri, state)


@router.get(PAGE)
async def show_end_session(
    request: Request,
    db: ReadingDb,
    settings: Settings,
    keys: KeysInUse,
    pages: LocalizedPages,
    now: Clock,
    transaction: Transaction,
) -> Response:
    """End the session of an ID token at once, and ask the person before any other is ended (§2).

    Otherwise any site could sign people out by a link.
    """
    given = read_query(request)
    logout = await _read_logout(given, db, settings)
    signed_in = await resolve_signed_in(request, db, settings, now())
    await db.commit()  # before `transaction` takes a second connection
    if signed_in is not None and not logout.means(signed_in):
        response = _ask(logout, signed_in, keys, pages)
    else:
        if signed_in is not None:
            async with transaction() as writing:
                await _end(signed_in, logout, writing, now=now())
        response = _leave(logout, settings, pages, posted=False)
    if "ui_locales" in given.values:
        set_language(response, settings, pages.language)
    return response


@router.route(PAGE, methods=["POST"])
async def take_logout(request: Request) -> Response:
    """Take an app's request as a form, which any site may post: the page decides as above (§2).

    The browser sends its cookies with the redirect, but not with a form of another site.
    """
    form = await read_form(request)
    reject_repeats(form)
    sent = {name: value for name in _NAMES if (value := form.get(name))}
    if any(len(value) > LONGEST for value in sent.values()):
        raise InvalidRequest(f"no value may be longer than {LONGEST} characters")
    url = f"{runtime_of(request).settings.path}{PAGE}?{urlencode(sent)}"
    return RedirectResponse(url, status_code=303, headers={"Cache-Control": "no-store"})


@router.post(f"{PAGE}/confirm")
async def confirm(
    request: Request,
    form: Form,
    db: Db,
    settings: Settings,
    keys: KeysInUse,
    pages: LocalizedPages,
    now: Clock,
) -> Response:
    """End the session of the person who was asked."""
    logout = await _read_logout(form, db, settings)
    signed_in = await resolve_signed_in(request, db, settings, now())
    if signed_in is not None:
        forms = _forms(signed_in, keys)
        forms.require(form.get("proof"), "end-session", *_shown(logout))
        await _end(signed_in, logout, db, now=now())
    return _leave(logout, settings, pages, posted=True)


def _forms(signed_in: SignedIn, keys: Keys) -> FormProof:
    refusal = "You are still signed in. Go back to the app and sign out again."
    return FormProof(keys, (), (signed_in.session.session_hash,), refusal)


def _shown(logout: Logout) -> tuple[str, ...]:
    client_id = logout.client.client_id if logout.client else ""
    return client_id, logout.redirect_uri or "", logout.state or ""


def _ask(logout: Logout, signed_in: SignedIn, keys: Keys, pages: Pages) -> Response:
    client_id, redirect_uri, state = _shown(logout)
    return pages.answer(
        "end_session.html",
        client_name=logout.client.name if logout.client else None,
        email=signed_in.person.known_as,
        client_id=client_id,
        redirect_uri=redirect_uri,
        state=state,
        proof=_forms(signed_in, keys).make("end-session", *_shown(logout)),
    )


async def _end(signed_in: SignedIn, logout: Logout, db: DbSession, *, now: datetime) -> None:
    await end_session(db, signed_in.session.session_hash, now=now)
    client_id = logout.client.client_id if logout.client else ""
    signed_out = Audit("signed_out", person_id=signed_in.person.person_id, client_id=client_id)
    await record(db, signed_out, now=now)


def _leave(logout: Logout, settings: AuthServerSettings, pages: Pages, *, posted: bool) -> Response:
    """Sign the browser out, and lead it back to the app: after a form by a page, as consent does."""
    client, url = logout.client, logout.url
    moves_on = client is not None and url is not None and may_redirect(client, url)
    if moves_on and url is not None and not posted:
        response = send_to_client(url)
    else:
        response = pages.answer(
            "signed_out.html",
            client_name=client.name if client else None,
            redirect_host=redirect_host(url) if url else None,
            url=url,
            moves_on=moves_on,
        )
    clear_session(response, settings)
    return response
