"""Store tenants, people, managed clients and API keys from a file, for demos, small teams and tests."""

import difflib
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails

from auth_server.db.engine import DbSession
from auth_server.entitlements.api_key import NewApiKey, UnusableApiKey, issue_api_key
from auth_server.errors import OAuthError
from auth_server.records.api_keys.store import find_api_key
from auth_server.records.billing_accounts.store import find_account
from auth_server.records.catalogues.store import find_apis, find_catalogue
from auth_server.records.ceilings.store import keep_ceilings, list_ceilings, put_ceiling
from auth_server.records.ceilings.table import Ceiling
from auth_server.records.clients.metadata import GRANT_TYPES, read_keys
from auth_server.records.clients.redirect_uris import require_redirect_uri
from auth_server.records.clients.store import add_secret, drop_secrets, put_client
from auth_server.records.clients.table import AuthMethod, Client, ClientSecret
from auth_server.records.device_authorizations.table import DEVICE_CODE
from auth_server.records.operators.store import put_operator
from auth_server.records.operators.table import Operator, Role
from auth_server.records.people.passwords import LONGEST, SHORTEST, hash_password
from auth_server.records.people.store import find_account as find_person_account
from auth_server.records.people.store import is_person, put_person
from auth_server.records.people.table import Person
from auth_server.records.sessions.table import ONE_FACTOR, Level
from auth_server.records.tenant_domains.store import add_domain, find_domain, verify_domain
from auth_server.records.tenant_domains.table import TenantDomain
from auth_server.records.tenants.store import find_tenant, put_membership, put_tenant
from auth_server.records.tenants.table import Membership, Tenant, is_one_segment
from auth_server.records.workloads.store import drop_workloads
from auth_server.revocations.revoke import outdate_tokens
from auth_server.secrets import hash_secret
from auth_server.settings import LONGEST_TOKEN
from gatepost.allowed_tools import parse_allowed_tools
from gatepost.api_keys import TOKEN_EXCHANGE, parse_api_key
from gatepost.data_scope import parse_data_scope
from gatepost.scopes import format_scope, parse_scope


class SeedError(Exception):
    """The file is invalid; the message names each wrong place and the reason."""


def _check_data_scope(value: str) -> str:
    return str(parse_data_scope(value))


def _check_scope(value: str) -> str:
    if not (scopes := parse_scope(value)):
        raise ValueError("must name a scope")
    return format_scope(scopes)


def _check_tools(value: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(parse_allowed_tools(list(value))))


def _check_redirect_uri(value: str) -> str:
    # Every private-use scheme counts as listed by the operator; all other rules apply.
    require_redirect_uri(value, private_use_schemes=(value.partition(":")[0],))
    return value


def _check_api_key(value: SecretStr) -> SecretStr:
    parse_api_key(value.get_secret_value())
    return value


def _check_tenant_id(value: str) -> str:
    if not is_one_segment(value):
        raise ValueError("must not contain / or be . or .., which URLs can't name")
    return value


_DataScope = Annotated[str, Field(max_length=4096), AfterValidator(_check_data_scope)]
_Scope = Annotated[str, Field(max_length=2048), AfterValidator(_check_scope)]
_Tools = Annotated[tuple[str, ...], Field(min_length=1), AfterValidator(_check_tools)]
_Resource = Annotated[str, Field(min_length=1, max_length=512)]
_RedirectUri = Annotated[str, AfterValidator(_check_redirect_uri)]


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SeedTenant(_Entry):
    """A tenant; `id` is its id in the SaaS product."""

    id: Annotated[str, Field(min_length=1, max_length=255), AfterValidator(_check_tenant_id)]
    name: str = Field(min_length=1, max_length=200)
    rate_limit_tier: str = Field(default="free", min_length=1, max_length=32)
    required_level: Level = ONE_FACTOR
    verified_domains: tuple[
        Annotated[str, Field(pattern=r"^[a-z0-9-]+(\.[a-z0-9-]+)+$", max_length=253)], ...
    ] = ()
    """E-mail domains that you know to be this tenant's; the daily check still looks for their records."""


class SeedMembership(_Entry):
    """A person's membership in a tenant."""

    tenant: str
    role: str = "member"
    data_scope: _DataScope = ""


class SeedPerson(_Entry):
    """A person; `id` is their id in the SaaS product."""

    id: str = Field(min_length=1, max_length=255)
    email: str = Field(pattern=r"^[^@\s]+@[^@\s]+$", max_length=320)
    name: str = Field(min_length=1, max_length=200)
    password: SecretStr = Field(min_length=SHORTEST, max_length=LONGEST)
    memberships: tuple[SeedMembership, ...] = ()
    operator: Role | None = None


class SeedCeiling(_Entry):
    """The most that a service client may do on one resource, in one tenant."""

    resource: _Resource
    tenant: str
    scope: _Scope
    tools: _Tools
    data_scope: _DataScope = ""


class SeedClient(_Entry):
    """A client that an operator registers, to act for people, for itself, or both."""

    client_id: str = Field(min_length=1, max_length=255, pattern=r"^[\x21-\x7E]+$")
    name: str = Field(min_length=1, max_length=100)
    redirect_uris: tuple[_RedirectUri, ...] = ()
    post_logout_redirect_uris: tuple[_RedirectUri, ...] = ()
    token_endpoint_auth_method: AuthMethod = "none"  # noqa: S105 - the method's name
    secret: SecretStr | None = Field(default=None, min_length=32)
    jwks: dict[str, Any] | None = None
    jwks_uri: str | None = None
    ceilings: tuple[SeedCeiling, ...] = ()
    introspects: bool = False
    dpop_bound_access_tokens: bool = False
    tls_client_certificate_bound_access_tokens: bool = False
    must_push: bool = False
    """Whether it must push its authorization requests (RFC 9126)."""
    device: bool = False
    """Whether it is a program that people connect with a code, such as a command line over SSH."""

    @model_validator(mode="after")
    def check_whole(self) -> Self:
        """Refuse a client that can't do anything or can't authenticate."""
        method = self.token_endpoint_auth_method
        for_itself = bool(self.ceilings) or self.introspects
        if not self.redirect_uris and not self.device and not for_itself:
            raise ValueError(
                "must have redirect_uris, device, ceilings for its own tokens, or introspects"
            )
        if for_itself and method == "none":
            raise ValueError("a client with ceilings or introspects must authenticate")
        if (self.secret is not None) != method.startswith("client_secret"):
            raise ValueError(
                "client_secret_basic and client_secret_post need a secret, and other methods must not have one"
            )
        if method == "private_key_jwt":
            try:
                read_keys({"jwks": self.jwks, "jwks_uri": self.jwks_uri})
            except OAuthError as error:
                raise ValueError(error.description) from None
        elif self.jwks is not None or self.jwks_uri is not None:
            raise ValueError("only private_key_jwt uses jwks or jwks_uri")
        return self


class SeedApiKey(_Entry):
    """An API key with a known text, such as one for a demo."""

    key: Annotated[SecretStr, AfterValidator(_check_api_key)]
    label: str
    person: str
    tenant: str
    resource: _Resource
    scope: _Scope
    tools: _Tools
    data_scope: _DataScope = ""
    expires_at: AwareDatetime | None = None


class Seed(_Entry):
    """The whole file."""

    tenants: tuple[SeedTenant, ...] = ()
    people: tuple[SeedPerson, ...] = ()
    clients: tuple[SeedClient, ...] = ()
    api_keys: tuple[SeedApiKey, ...] = ()


def read_seed(document: object) -> Seed:
    """Validate the parsed file.

    Raises:
        SeedError: with each wrong place.
    """
    try:
        contents = Seed.model_validate(document)
    except ValidationError as error:
        problems = [
            f"{'.'.join(map(str, problem['loc'])) or 'the file'}: {_advise(problem)}"
            for problem in error.errors(include_input=False, include_url=False)
        ]
        raise SeedError("\n  ".join(["", *problems] if len(problems) > 1 else problems)) from None
    tenants = {tenant.id for tenant in contents.tenants}
    emails = [person.email.lower() for person in contents.people]
    if repeated := sorted({email for email in emails if emails.count(email) > 1}):
        raise SeedError(f"people: {', '.join(repeated)} is repeated")
    for person in contents.people:
        for membership in person.memberships:
            if membership.tenant not in tenants:
                raise SeedError(
                    f"people: {person.id} is in {membership.tenant}, which is not a listed tenant"
                )
    return contents


_KEYS: Mapping[str, type[BaseModel]] = {
    "tenants": SeedTenant,
    "people": SeedPerson,
    "memberships": SeedMembership,
    "clients": SeedClient,
    "ceilings": SeedCeiling,
    "api_keys": SeedApiKey,
}
"""The lists of the file, and the model of their entries."""


def _advise(problem: ErrorDetails) -> str:
    """Describe a problem and its fix, without the value, which may be a password."""
    *above, last = problem["loc"] or ("",)
    match problem["type"]:
        case "missing":
            return "is required"
        case "extra_forbidden":
            lists = [part for part in above if isinstance(part, str)]
            known = (_KEYS[lists[-1]] if lists else Seed).model_fields
            near = difflib.get_close_matches(str(last), known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known keys: {', '.join(known)}"
            return f"is not a key here; {hint}"
        case "model_type" | "model_attributes_type" | "dict_type":
            return "must be a mapping"
        case "tuple_type":
            return "must be a list"
        case "string_type":
            return "must be text; write it in quotes"
        case "too_short" | "string_too_short":
            least = problem["ctx"]["min_length"]
            return "must not be empty" if least == 1 else f"must have at least {least} characters"
        case "string_too_long":
            return f"must have at most {problem['ctx']['max_length']} characters"
        case "string_pattern_mismatch":
            return (
                "must be an e-mail address"
                if last == "email"
                else "has characters that are not allowed"
            )
        case "literal_error":
            return f"must be {problem['ctx']['expected']}".replace("'", "")
        case _:
            said = problem["msg"].removeprefix("Value error, ")
            return said.replace("Input should be ", "must be ")


async def store_seed(db: DbSession, contents: Seed, *, now: datetime) -> None:
    """Add or replace everything that the file lists; nothing else changes."""
    for tenant in contents.tenants:
        account = await find_account(db, tenant.id)
        await put_tenant(
            db,
            Tenant(
                tenant_id=tenant.id,
                name=tenant.name,
                # A subscription decides before the file does.
                rate_limit_tier=(account and account.plan) or tenant.rate_limit_tier,
                required_level=tenant.required_level,
                created_at=now,
            ),
            now=now,
        )
        for domain in tenant.verified_domains:
            await _store_domain(db, tenant.id, domain, now=now)
    for person in contents.people:
        await _store_person(db, person, now=now)
        if person.operator is not None:
            operator = Operator(person_id=person.id, role=person.operator, created_at=now)
            await put_operator(db, operator)
        for membership in person.memberships:
            await put_membership(
                db,
                Membership(
                    person_id=person.id,
                    tenant_id=membership.tenant,
                    role=membership.role,
                    data_scope=membership.data_scope,
                ),
            )
    for client in contents.clients:
        await store_client(db, client, is_said_again=True, now=now)
    for key in contents.api_keys:
        await _store_api_key(db, key, now=now)


async def _store_domain(db: DbSession, tenant_id: str, domain: str, *, now: datetime) -> None:
    known = await find_domain(db, tenant_id, domain)
    if known is None:
        row = TenantDomain(
            tenant_id=tenant_id, domain=domain, token=secrets.token_urlsafe(32), claimed_at=now
        )
        await add_domain(db, row)
    if (known is None or known.verified_domain is None) and not await verify_domain(
        db, tenant_id, domain, check_at=now + timedelta(days=1), now=now
    ):
        raise SeedError(f"tenants: {domain} is a verified domain of another tenant")


async def _store_person(db: DbSession, entry: SeedPerson, *, now: datetime) -> None:
    person = await find_person_account(db, person_id=entry.id)
    if person is None:
        person = Person(person_id=entry.id, name=entry.name, created_at=now)
    if person.email != (email := entry.email.lower()):
        person.email, person.email_verified_at = email, None
    person.name = entry.name
    person.password_hash = hash_password(entry.password.get_secret_value())
    await put_person(db, person)


async def store_client(
    db: DbSession, client: SeedClient, *, is_said_again: bool = False, now: datetime
) -> None:
    """Add or replace one managed client, with its secret and ceilings.

    Its workloads stay, unless it acts in another organisation than before. If a ceiling changes, the access
    tokens end.

    Args:
        db: the open transaction.
        client: the client.
        is_said_again: whether names that a ceiling had before allow the same as before, as in a file that
            is stored at each start. Otherwise they allow the tools that have them now.
        now: the time.

    Raises:
        SeedError: a ceiling's tenant does not exist, or the id is a person's.
    """
    client_id, method = client.client_id, client.token_endpoint_auth_method
    if client.ceilings and await is_person(db, client_id):
        raise SeedError(f"clients: {client_id} is the id of a person")
    signs = method == "private_key_jwt"
    keys = {"jwks": client.jwks, "jwks_uri": client.jwks_uri}
    jwks, jwks_uri = read_keys(keys) if signs else (None, None)
    grant_types = list(GRANT_TYPES) if client.redirect_uris else []
    if client.device:
        grant_types = [*(grant_types or ["refresh_token", TOKEN_EXCHANGE]), DEVICE_CODE]
    await put_client(
        db,
        Client(
            client_id=client_id,
            source="managed",
            name=client.name,
            redirect_uris=list(client.redirect_uris),
            post_logout_redirect_uris=list(client.post_logout_redirect_uris),
            grant_types=[*grant_types, *(["client_credentials"] if client.ceilings else [])],
            token_endpoint_auth_method=method,
            jwks=jwks,
            jwks_uri=jwks_uri,
            introspects=client.introspects,
            dpop_bound_access_tokens=client.dpop_bound_access_tokens,
            tls_client_certificate_bound_access_tokens=(
                client.tls_client_certificate_bound_access_tokens
            ),
            must_push=client.must_push,
            application_type="native" if method == "none" else "web",
            created_at=now,
        ),
    )
    await drop_secrets(db, client_id)
    if client.secret is not None:
        hashed = hash_secret(client.secret.get_secret_value())
        secret = ClientSecret(client_id=client_id, secret_hash=hashed, created_at=now)
        await add_secret(db, secret)
    before = await list_ceilings(db, client_id)
    if not {one.tenant for one in client.ceilings} <= {one.tenant_id for one in before}:
        # They were trusted for another organisation.
        await drop_workloads(db, client_id)
    had = {(one.resource, one.tenant_id, one.scope, *one.tools, one.data_scope) for one in before}
    has = {
        (one.resource, one.tenant, one.scope, *one.tools, one.data_scope) for one in client.ceilings
    }
    if not had <= has:
        await outdate_tokens(db, "client", client_id, lifetime=LONGEST_TOKEN, now=now)
    known = {one.resource: one for one in before}
    await keep_ceilings(db, client_id, {ceiling.resource for ceiling in client.ceilings})
    for ceiling in client.ceilings:
        if await find_tenant(db, ceiling.tenant) is None:
            raise SeedError(
                f"clients: {client_id} has a ceiling in {ceiling.tenant}, which does not exist"
            )
        apis = await _find_apis(db, ceiling, known.get(ceiling.resource) if is_said_again else None)
        await put_ceiling(
            db,
            Ceiling(
                client_id=client_id,
                resource=ceiling.resource,
                tenant_id=ceiling.tenant,
                scope=ceiling.scope,
                tools=list(ceiling.tools),
                apis=apis,
                data_scope=ceiling.data_scope,
                updated_at=now,
            ),
        )


async def _find_apis(
    db: DbSession, ceiling: SeedCeiling, before: Ceiling | None
) -> dict[str, str] | None:
    kept = frozenset(before.tools) if before is not None else frozenset()
    noted = (before.apis if before is not None else None) or {}
    catalogue = await find_catalogue(db, ceiling.resource)
    found = None
    if catalogue is not None:
        found = await find_apis(db, catalogue, frozenset(ceiling.tools) - kept)
    apis = {name: api for name, api in noted.items() if name in ceiling.tools}
    return {**apis, **(found or {})} or None


async def _store_api_key(db: DbSession, entry: SeedApiKey, *, now: datetime) -> None:
    key = parse_api_key(entry.key.get_secret_value())
    if await find_api_key(db, hash_secret(key.text)) is not None:
        return
    try:
        new = NewApiKey(
            label=entry.label,
            person_id=entry.person,
            tenant_id=entry.tenant,
            resource=entry.resource,
            scopes=parse_scope(entry.scope),
            tools=entry.tools,
            data_scope=parse_data_scope(entry.data_scope),
            expires_at=entry.expires_at,
        )
        await issue_api_key(db, key, new, now=now)
    except UnusableApiKey as error:
        raise SeedError(f"api_keys: {entry.label}: {error}") from None
