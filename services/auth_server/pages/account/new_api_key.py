"""GET and POST /account/api-keys/new: create an API key with the picker of the consent page."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from fastapi import Depends, Request
from starlette.responses import Response

from auth_server.db.engine import DbSession
from auth_server.entitlements.api_key import NewApiKey, UnusableApiKey, issue_api_key
from auth_server.errors import PageError
from auth_server.flow.signed_in import SignedIn
from auth_server.keys import Keys
from auth_server.pages.account.admin import require_level
from auth_server.pages.account.api_keys import PAGE
from auth_server.pages.account.frame import Account, posted_account, shown_account
from auth_server.pages.connect.install import describe_installs
from auth_server.pages.consent.catalogue import CataloguesInUse, read_catalogue
from auth_server.pages.picker.data_choice import NothingChosen, offer_data
from auth_server.pages.picker.duration import choose_duration, offer_durations
from auth_server.pages.picker.form import picker_form
from auth_server.pages.picker.offer import offer_tools, scopes_for
from auth_server.pages.picker.question import Choice, Question
from auth_server.records.api_keys.store import find_api_key
from auth_server.records.catalogues.store import find_catalogue
from auth_server.records.tenants.store import TenantMembership, find_tenant_membership
from auth_server.rendering.translation import translatable
from auth_server.secrets import hash_secret
from auth_server.settings import AuthServerSettings, ResourceSettings
from auth_server.web.dependencies import Clock, Db, KeysInUse, ReadingDb, SecretMaker, Settings
from auth_server.web.forms import Parameters, read_query
from auth_server.web.routing import PageRouter
from gatepost.api_keys import ApiKey, Env, make_api_key
from gatepost.catalogue import CatalogueDocument

router = PageRouter()
LONGEST = timedelta(days=365)
_FORM = picker_form("decision")
NewKeyForm = Annotated[Parameters, Depends(_FORM)]
Page = Annotated[Account, Depends(shown_account(PAGE, full=True))]
Posted = Annotated[Account, Depends(posted_account(PAGE, None, _FORM, full=True))]


@dataclass(frozen=True, slots=True)
class NewKey:
    """The tenant and resource of a new key, and the choices that its person has there."""

    account: Account
    membership: TenantMembership
    resource: ResourceSettings
    question: Question
    nonce: str

    @property
    def shown(self) -> tuple[str, ...]:
        """The values that the form's proof covers."""
        data = " ".join(sorted(self.question.data.suggested))
        place = (self.membership.tenant_id, self.resource.resource)
        return (self.nonce, *place, self.question.catalogue.hash, data)

    async def answer(
        self, choice: Choice, *, label: str = "", is_test: bool = False, refused: str = ""
    ) -> Response:
        """Show the form with this choice selected."""
        return await self.account.answer_list(
            "account/new_api_key.html",
            items=len(self.question.catalogue.tools),
            section="api-keys",
            status=400 if refused else 200,
            new=self,
            choice=choice,
            nonce=self.nonce,
            label=label,
            is_test=is_test,
            refused=refused,
            proof=self.account.forms.make("new-api-key", *self.shown),
        )


@router.get(f"{PAGE}/new")
async def show_form(
    request: Request,
    account: Page,
    db: ReadingDb,
    settings: Settings,
    catalogues: CataloguesInUse,
    new_secret: SecretMaker,
) -> Response:
    """Show the form for a key in one tenant and for one resource."""
    query = read_query(request)
    membership, resource = await _require_place(account, query, db, settings)
    catalogue = await read_catalogue(resource, db, catalogues)
    question = await _ask(membership, resource, catalogue)
    new = NewKey(account, membership, resource, question, new_secret())
    return await new.answer(question.suggested)


@router.post(f"{PAGE}/new")
async def create(
    form: NewKeyForm,
    account: Posted,
    db: Db,
    settings: Settings,
    keys: KeysInUse,
    now: Clock,
) -> Response:
    """Create a key and show it once; sending the same form again does not create another."""
    membership, resource = await _require_place(account, form, db, settings)
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
    question = await _ask(membership, resource, catalogue)
    new = NewKey(account, membership, resource, question, nonce)
    account.forms.require(form.get("proof"), "new-api-key", *new.shown)
    choice, label = question.read_choice(form), (form.get("label") or "").strip()
    is_test = form.get("test") == "yes"
    if form.get("preset") is not None:
        return await new.answer(choice, label=label, is_test=is_test)
    key = _make_key("test" if is_test else "live", account.signed_in, keys, nonce)
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
        created_at = now()
        wanted = NewApiKey(
            label=label,
            person_id=account.person_id,
            tenant_id=membership.tenant_id,
            resource=resource.resource,
            scopes=scopes_for(catalogue, choice.tools, resource.scopes),
            tools=choice.tools,
            data_scope=question.read_data(choice),
            expires_at=created_at + choice.lasts,
            provider=account.signed_in.own_provider,
            shown=catalogue,
        )
        row = await issue_api_key(db, key, wanted, now=created_at)
    except NothingChosen:
        text = translatable("Select at least one value for each kind of data.")
        return await new.answer(choice, label=label, is_test=is_test, refused=text)
    except UnusableApiKey as error:
        return await new.answer(choice, label=label, is_test=is_test, refused=str(error))
    return account.answer(
        "account/api_key_created.html",
        section="api-keys",
        row=row,
        secret=key.text,
        membership=membership,
        install=describe_installs([(catalogue.name, resource.resource)])[0],
    )


async def _require_place(
    account: Account, given: Parameters, db: DbSession, settings: AuthServerSettings
) -> tuple[TenantMembership, ResourceSettings]:
    membership = await find_tenant_membership(db, account.person_id, given.get("tenant") or "")
    resource = settings.find_resource(given.get("resource") or "")
    if membership is None or resource is None:
        raise PageError(
            "Choose one of your organisations",
            "Go back to API keys and choose an organisation and a service.",
            detail="no such tenant of the person, or no such resource",
        )
    require_level(account.signed_in, membership, PAGE, acts=True)
    if not membership.policy.admits_api_keys:
        raise PageError(
            "API keys are turned off",
            "This organisation does not allow API keys. Ask one of its admins.",
            status=403,
            detail="the tenant does not allow API keys",
        )
    return membership, resource


async def _ask(
    membership: TenantMembership, resource: ResourceSettings, catalogue: CatalogueDocument
) -> Question:
    """Offer the tenant's tools and data, with the tools that only read selected for three months."""
    offer = await offer_tools(catalogue, resource.scopes, membership.policy)
    data = offer_data(membership.data_scope)
    durations = offer_durations(min(LONGEST, membership.policy.longest_grant or LONGEST))
    suggested = Choice(
        tools=frozenset(tool.name for tool in offer.tools if tool.read_only),
        data=data.suggested,
        lasts=choose_duration(durations, str(90 * 86400)),
    )
    return Question(catalogue, offer, data, durations, None, suggested)


def _make_key(env: Env, signed_in: SignedIn, keys: Keys, nonce: str) -> ApiKey:
    # Derived from the form's nonce with a secret key: a form that is sent again gives the same key,
    # which is then already stored.
    message = f"api key {env} {signed_in.session.session_hash} {nonce}"
    return make_api_key(env, keys.digest(message))
