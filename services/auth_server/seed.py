"""Tenants, people and managed clients from a file: for demos, small teams, and tests."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator
from sqlalchemy.ext.asyncio import AsyncSession

from auth_server.clients.store import put_client
from auth_server.clients.table import Client
from auth_server.people.passwords import hash_password
from auth_server.people.store import put_person
from auth_server.people.table import Person
from auth_server.tenants.store import put_membership, put_tenant
from auth_server.tenants.table import Membership, Tenant
from gatepost.data_scope import MalformedDataScope, parse_data_scope


class SeedError(Exception):
    """The file can't be used; the message names each place and what it must be."""


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SeedTenant(_Entry):
    """A tenant; `id` is the SaaS's own."""

    id: str = Field(min_length=1, max_length=255)
    name: str = Field(min_length=1, max_length=200)
    rate_limit_tier: str = "free"


class SeedMembership(_Entry):
    """A person's place in a tenant."""

    tenant: str
    role: str = "member"
    data_scope: str = ""

    @field_validator("data_scope")
    @classmethod
    def check_data_scope(cls, value: str) -> str:
        """Refuse what is not a data scope."""
        try:
            parse_data_scope(value)
        except MalformedDataScope as error:
            raise ValueError(str(error)) from None
        return value


class SeedPerson(_Entry):
    """A person; `id` is the SaaS's own."""

    id: str = Field(min_length=1, max_length=255)
    email: str = Field(pattern=r"^[^@\s]+@[^@\s]+$", max_length=320)
    name: str = Field(min_length=1, max_length=200)
    password: SecretStr
    memberships: tuple[SeedMembership, ...] = ()


class SeedClient(_Entry):
    """A public client that the operator vouches for."""

    client_id: str = Field(min_length=1, max_length=255)
    name: str = Field(min_length=1, max_length=100)
    redirect_uris: tuple[str, ...] = Field(min_length=1)


class Seed(_Entry):
    """The whole file."""

    tenants: tuple[SeedTenant, ...] = ()
    people: tuple[SeedPerson, ...] = ()
    clients: tuple[SeedClient, ...] = ()


def read_seed(document: object) -> Seed:
    """Read the parsed file.

    Raises:
        SeedError: naming each wrong place.
    """
    try:
        contents = Seed.model_validate(document)
    except ValidationError as error:
        problems = [
            f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}"
            for problem in error.errors(include_input=False, include_url=False)
        ]
        raise SeedError("; ".join(problems)) from None
    tenants = {tenant.id for tenant in contents.tenants}
    for person in contents.people:
        for membership in person.memberships:
            if membership.tenant not in tenants:
                raise SeedError(f"people: {person.id} is in {membership.tenant}, not a tenant here")
    return contents


async def store_seed(db: AsyncSession, contents: Seed, *, now: datetime) -> None:
    """Add or replace everything the file lists; what it does not list stays as it is."""
    for tenant in contents.tenants:
        await put_tenant(
            db,
            Tenant(
                tenant_id=tenant.id,
                name=tenant.name,
                rate_limit_tier=tenant.rate_limit_tier,
                created_at=now,
            ),
        )
    for person in contents.people:
        await put_person(
            db,
            Person(
                person_id=person.id,
                email=person.email.lower(),
                name=person.name,
                password_hash=hash_password(person.password.get_secret_value()),
                created_at=now,
            ),
        )
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
        await put_client(
            db,
            Client(
                client_id=client.client_id,
                source="managed",
                name=client.name,
                redirect_uris=list(client.redirect_uris),
                grant_types=["authorization_code", "refresh_token"],
                token_endpoint_auth_method="none",  # noqa: S106 - the method's name
                application_type="native",
                created_at=now,
            ),
        )
