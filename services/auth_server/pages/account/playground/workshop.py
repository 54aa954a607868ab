"""What the playground's pages do, whoever opens them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlencode

import httpx2
from fastapi import Depends

from auth_server.catalogues.cache import CatalogueCache
from auth_server.db.engine import Database, OpenTransaction
from auth_server.entitlements.entitlement import Entitlement
from auth_server.metering.call_price import CallPrice, price_call
from auth_server.playground.gateway import Called, Gateway, ListedTool
from auth_server.playground.subject import NoSubject, issue_playground_token, resolve_subject
from auth_server.records.audit.store import Audit, record
from auth_server.records.tenants.store import find_tenant
from auth_server.settings import AuthServerSettings, ResourceSettings
from auth_server.tokens.signer import FindSigner
from auth_server.web.dependencies import (
    Clock,
    OpenDatabase,
    Settings,
    Transaction,
    part,
)
from auth_server.web.forms import Parameters
from gatepost.clock import Now


@dataclass(frozen=True, slots=True)
class Wish:
    """What the query or a form chooses: on whose behalf, and which tool.

    Attributes:
        resource: the gateway's resource; an unknown one is the first.
        tenant_id: the tenant.
        person_id: the person.
        grant_id: the connection to try; empty for a set of tools.
        tools: names and toolsets; empty for every tool.
        tool: the tool to call; empty for the list.
    """

    resource: str
    tenant_id: str
    person_id: str
    grant_id: str
    tools: str
    tool: str

    def fields(self, **changes: str) -> dict[str, str]:
        """Write the wish as fields of a form or query."""
        fields = {
            "resource": self.resource,
            "tenant": self.tenant_id,
            "person": self.person_id,
            "grant": self.grant_id,
            "tools": self.tools,
            "tool": self.tool,
            **changes,
        }
        return {name: value for name, value in fields.items() if value}

    def query(self, **changes: str) -> str:
        """Write the wish as a query."""
        return urlencode(self.fields(**changes))


def read_wish(given: Parameters, *, tenant_id: str, person_id: str) -> Wish:
    """Read a wish; texts that no list offers find nothing later."""

    def text(name: str) -> str:
        return (given.get(name) or "").strip()[:4000]

    return Wish(text("resource"), tenant_id, person_id, text("grant"), text("tools"), text("tool"))


@dataclass(frozen=True, slots=True)
class Workshop:
    """Calls a gateway on behalf of a wish's person."""

    settings: AuthServerSettings
    find_signer: FindSigner
    catalogues: CatalogueCache
    http: httpx2.AsyncClient
    database: Database
    transaction: OpenTransaction
    now: Now

    async def open_gateway(self, wish: Wish) -> tuple[Entitlement, Gateway]:
        """Find what the wish's person may do, and the gateway as an agent of theirs reaches it.

        Raises:
            NoSubject: nobody can be called for.
            CatalogueUnavailable: the gateway does not answer.
        """
        resource = self._resource(wish)
        await self.catalogues.read(resource)
        async with self.database.reading() as db:
            subject = await resolve_subject(
                db,
                resource,
                tenant_id=wish.tenant_id,
                person_id=wish.person_id,
                grant_id=wish.grant_id,
                tools=wish.tools,
                now=self.now(),
            )
        token = issue_playground_token(
            await self.find_signer(),
            subject,
            issuer=self.settings.issuer,
            allowed_tools=self.catalogues.write_tools(resource, subject.tools, None),
            now=self.now(),
        )
        return subject, Gateway(self.http, resource, token)

    async def call(
        self,
        wish: Wish,
        gateway: Gateway,
        tool: ListedTool,
        arguments: Mapping[str, Any],
        answers: Mapping[str, Any],
        *,
        by: str,
    ) -> Called:
        """Call a tool, once the audit log says who did.

        Raises:
            GatewayRefused: there is no usable answer.
        """
        called = Audit(
            "playground.called",
            person_id=wish.person_id,
            tenant_id=wish.tenant_id,
            detail={"tool": tool.name, "by": by},
        )
        async with self.transaction() as db:
            await record(db, called, now=self.now())
        return await gateway.call_tool(tool, arguments, answers)

    async def price(self, wish: Wish, called: Called) -> CallPrice | None:
        """Price a call as if it were not a test; None if the gateway does not tell its units."""
        if called.units is None:
            return None
        async with self.database.reading() as db:
            tenant = await find_tenant(db, wish.tenant_id)
            if tenant is None:
                return None
            return await price_call(db, tenant, called.units, now=self.now())

    def _resource(self, wish: Wish) -> ResourceSettings:
        return self.settings.find_resource(wish.resource) or self.settings.resources[0]


async def require_tool(gateway: Gateway, name: str) -> ListedTool:
    """Find a tool in the list that the agent gets; one that is not in it can be called all the same.

    So the trace shows why it is refused.

    Raises:
        GatewayRefused: the gateway does not answer.
        NoSubject: the name can't be a tool's.
    """
    if not name or len(name) > 128 or not name.isprintable():
        raise NoSubject("Choose a tool from the list.")
    tools = await gateway.list_tools()
    unlisted = ListedTool(name, name, "", {}, read_only=False, destructive=False, tokens=0)
    return next((tool for tool in tools if tool.name == name), unlisted)


async def _workshop(
    settings: Settings,
    catalogues: Annotated[CatalogueCache, Depends(part(lambda runtime: runtime.catalogues))],
    find_signer: Annotated[FindSigner, Depends(part(lambda runtime: runtime.keyring.find_signer))],
    http: Annotated[httpx2.AsyncClient, Depends(part(lambda runtime: runtime.gateway_http))],
    database: OpenDatabase,
    transaction: Transaction,
    now: Clock,
) -> Workshop:
    return Workshop(settings, find_signer, catalogues, http, database, transaction, now)


WorkshopInUse = Annotated[Workshop, Depends(_workshop)]
