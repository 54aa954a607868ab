"""GET and POST /account/api-keys/new: a key for a program, made with the picker of the consent page."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from fastapi import Depends, Request
from starlette.responses import Response

from auth_server.db.engine import DbSession
from auth_server.entitlements.api_key import UnusableApiKey, issue_api_key
from auth_server.errors import PageError
from auth_server.flow.signed_in import SignedIn
from auth_server.pages.account.admin import require_level
from auth_server.pages.account.api_keys import PAGE
from auth_server.pages.account.frame import (
    account_proof,
    answer_account,
    require_account_proof,
    require_signed_in,
)
from auth_server.pages.connect.install import describe_installs
from auth_server.pages.consent.catalogue import read_catalogue
from auth_server.pages.picker.data_choice import DataOffer, NothingChosen, choose_data, offer_data
from auth_server.pages.picker.duration import choose_duration, offer_durations
from auth_server.pages.picker.form import picker_form
from auth_server.pages.picker.offer import Offer, make_offer, scopes_for
from auth_server.pages.picker.question import Choice, read_choice
from auth_server.records.api_keys.store import find_api_key
from auth_server.records.catalogues.store import find_catalogue
from auth_server.records.tenants.store import TenantMembership, find_tenant_membership
from auth_server.rendering.translation import translatable
from auth_server.runtime import Runtime
from auth_server.secrets import hash_secret
from auth_server.settings import ResourceSettings
from auth_server.web.dependencies import Db, Opened, ReadingDb
from auth_server.web.forms import Parameters, read_query
from auth_server.web.routing import PageRouter
from gatepost.api_keys import ApiKey, Env, make_api_key
from gatepost.catalogue import CatalogueDocument

router = PageRouter()
LONGEST = timedelta(days=365)
NewKeyForm = Annotated[Parameters, Depends(picker_form("decision"))]


@dataclass(frozen=True, slots=True)
class NewKey:
    """Where a key will be good, and what it can be given there: no more than its person has."""

    signed_in: SignedIn
    membership: TenantMembership
    resource: ResourceSettings
    catalogue: CatalogueDocument
    offer: Offer
    data: DataOffer
    durations: tuple[timedelta, ...]

    @property
    def shown(self) -> tuple[str, ...]:
        """Tell what the form's proof covers."""
        data = " ".join(sorted(self.data.suggested))
        return (self.membership.tenant_id, self.resource.resource, self.catalogue.hash, data)

    @property
    def suggested(self) -> Choice:
        """What is ticked at first: what only reads, for three months."""
        reading = frozenset(tool.name for tool in self.offer.tools if tool.read_only)
        usual = choose_duration(self.durations, str(90 * 86400))
        return Choice(tools=reading, data=self.data.suggested, lasts=usual)


@router.get(f"{PAGE}/new")
async def show_form(request: Request, db: ReadingDb, opened: Opened) -> Response:
    """Show what a key can be given in one tenant at one resource."""
    query = read_query(request)
    signed_in = await require_signed_in(request, db, opened, page=PAGE)
    membership, resource = await _require_place(signed_in, query, db, opened)
    catalogue = await read_catalogue(resource.resource, db, opened)
    new = _offer(signed_in, membership, resource, catalogue)
    return _answer(new, new.suggested, opened, nonce=opened.new_secret())


@router.post(f"{PAGE}/new")
async def create(request: Request, db: Db, opened: Opened, form: NewKeyForm) -> Response:
    """Make a key and show it, this once; sent again, the same form makes no second one."""
    signed_in = await require_signed_in(request, db, opened, page=PAGE)
    membership, resource = await _require_place(signed_in, form, db, opened)
    version = form.get("catalogue") or ""
    catalogue = await find_catalogue(db, resource.resource, version=version)
    nonce = form.get("nonce") or ""
    if catalogue is None:
        raise PageError(
            "This form has expired",
            "Nothing was changed. Go back, reload the page and try again.",
            status=403,
            detail="no such version of the catalogue",
        )
    new = _offer(signed_in, membership, resource, catalogue)
    require_account_proof(form.get("proof"), signed_in, opened, "new-api-key", nonce, *new.shown)
    choice, label = read_choice(form, new.offer, new.durations), (form.get("label") or "").strip()
    is_test = form.get("test") == "yes"
    if form.get("preset") is not None:
        return _answer(new, choice, opened, nonce=nonce, label=label, is_test=is_test)
    key = _make_key("test" if is_test else "live", signed_in, opened, nonce)
    if await find_api_key(db, hash_secret(key.text)) is not None:
        raise PageError(
            "This key was already created",
            "A key is only shown once. If you didn't copy it, revoke it and create another.",
            status=409,
        )
    try:
        if not choice.tools:
            raise UnusableApiKey(translatable("Select at least one tool."))
        if not 1 <= len(label) <= 100 or not label.isprintable():
            raise UnusableApiKey(translatable("Enter a name of 1 to 100 characters."))
        row = await issue_api_key(
            db,
            key,
            label=label,
            person_id=signed_in.person.person_id,
            tenant_id=membership.tenant_id,
            resource=resource.resource,
            scopes=scopes_for(catalogue, choice.tools, resource.scopes),
            tools=choice.tools,
            data_scope=choose_data(new.data, choice.data),
            expires_at=opened.now() + choice.lasts,
            now=opened.now(),
        )
    except NothingChosen:
        text = translatable("Select at least one value for each kind of data.")
        return _answer(new, choice, opened, nonce=nonce, label=label, is_test=is_test, refused=text)
    except UnusableApiKey as error:
        return _answer(
            new, choice, opened, nonce=nonce, label=label, is_test=is_test, refused=str(error)
        )
    return answer_account(
        signed_in,
        opened,
        "account/api_key_created.html",
        section="api-keys",
        row=row,
        secret=key.text,
        membership=membership,
        install=describe_installs([(catalogue.name, resource.resource)])[0],
    )


async def _require_place(
    signed_in: SignedIn, given: Parameters, db: DbSession, opened: Runtime
) -> tuple[TenantMembership, ResourceSettings]:
    membership = await find_tenant_membership(
        db, signed_in.person.person_id, given.get("tenant") or ""
    )
    resource = opened.settings.find_resource(given.get("resource") or "")
    if membership is None or resource is None:
        raise PageError(
            "Choose one of your organisations",
            "Go back to API keys and choose an organisation and a service.",
            detail="no such tenant of the person, or no such resource",
        )
    require_level(signed_in, membership)
    return membership, resource


def _offer(
    signed_in: SignedIn,
    membership: TenantMembership,
    resource: ResourceSettings,
    catalogue: CatalogueDocument,
) -> NewKey:
    longest = min(LONGEST, membership.policy.longest_grant or LONGEST)
    return NewKey(
        signed_in=signed_in,
        membership=membership,
        resource=resource,
        catalogue=catalogue,
        offer=make_offer(catalogue, resource.scopes, membership.policy),
        data=offer_data(membership.data_scope),
        durations=offer_durations(longest),
    )


def _make_key(env: Env, signed_in: SignedIn, opened: Runtime, nonce: str) -> ApiKey:
    # Of the form's own random part, which nobody else can make a key of: a form that a browser
    # sends again makes the same key, which is there already.
    message = f"api key {env} {signed_in.session.session_hash} {nonce}"
    return make_api_key(env, opened.keys.digest(message))


def _answer(
    new: NewKey,
    choice: Choice,
    opened: Runtime,
    *,
    nonce: str,
    label: str = "",
    is_test: bool = False,
    refused: str = "",
) -> Response:
    return answer_account(
        new.signed_in,
        opened,
        "account/new_api_key.html",
        section="api-keys",
        status=400 if refused else 200,
        new=new,
        choice=choice,
        nonce=nonce,
        label=label,
        is_test=is_test,
        refused=refused,
        proof=account_proof(new.signed_in, opened, "new-api-key", nonce, *new.shown),
    )
