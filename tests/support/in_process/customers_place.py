"""A server where two customers have their own identity providers and verified domains."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from starlette.applications import Starlette
from starlette.routing import Host
from structlog.testing import capture_logs

from auth_server.administration.operator import COMMAND_LINE
from auth_server.administration.tenancy.providers import assign_provider
from auth_server.records.tenant_domains.store import add_domain, verify_domain
from auth_server.records.tenant_domains.table import TenantDomain
from auth_server.records.tenants.store import drop_membership, find_membership
from auth_server.sign_in_settings import ClaimMapping, LocalSignIn
from support.in_process.auth_server import AuthServer, running_auth_server
from support.in_process.clock import Clock
from support.in_process.person import Page, Person
from support.in_process.providers import Provider

NOBODY = ClaimMapping()
CUSTOMERS = {"acme-id", "globex-id"}
GLOBEX_ID = "https://id.globex.example"


@dataclass
class Place:
    """A server where Acme and Globex have their own providers and a verified domain."""

    server: AuthServer
    acme: Provider
    globex: Provider

    async def sign_in(
        self, provider: Provider, email: str | None, **says: Any
    ) -> tuple[Person, Page]:
        """Have a provider assert that the owner of an address is at a new browser."""
        name = "acme-id" if provider is self.acme else "globex-id"
        provider.says = {"email": email, "sub": f"idp of {email}", **says}
        provider.userinfo = {"sub": provider.says["sub"]}
        person = self.server.person(email or "")
        left = await person.http.get(f"/sign-in/with/{name}?return_to=/account/apps")
        if left.status_code != 303:
            return person, await person.open(f"/sign-in/with/{name}?return_to=/account/apps")
        return person, await person.open(provider.handle_callback(left.headers["location"]))

    async def refused(self, provider: Provider, email: str | None, **says: Any) -> str:
        """Have it refused; return the reason from the log."""
        with capture_logs() as events:
            person, page = await self.sign_in(provider, email, **says)
        assert page.status == 403
        assert (await person.open("/account/apps")).url.partition("?")[0].endswith("/sign-in")
        (reason,) = [one["reason"] for one in events if one["event"] == "sign_in_refused"]
        assert reason not in page.text
        return str(reason)

    async def verify(self, tenant_id: str, domain: str) -> None:
        """Make a domain a verified one of a tenant."""
        now = self.server.clock()
        async with self.server.opened.transaction() as db:
            row = TenantDomain(tenant_id=tenant_id, domain=domain, token="1", claimed_at=now)
            await add_domain(db, row)
            assert await verify_domain(db, tenant_id, domain, check_at=now, now=now)

    async def assign(self, tenant_id: str, provider: str | None) -> None:
        """Assign a provider as an operator does."""
        async with self.server.opened.transaction() as db:
            now = self.server.clock()
            await assign_provider(
                db,
                COMMAND_LINE,
                tenant_id,
                provider,
                customers=CUSTOMERS,
                lifetime=self.server.opened.settings.longest_token_lifetime,
                now=now,
            )

    async def leave_globex(self) -> None:
        """Make Ada a member of Acme alone."""
        async with self.server.opened.transaction() as db:
            seat = await find_membership(db, "usr_ada", "org_globex")
            assert seat is not None
            await drop_membership(db, seat)


@asynccontextmanager
async def running_place(database_url: str, clock: Clock, **settings: Any) -> AsyncIterator[Place]:
    """Run the server, whose operator has assigned both providers."""
    acme, globex = Provider(clock), Provider(clock, issuer=GLOBEX_ID)
    outside = Starlette(
        routes=[Host("id.example", acme.app), Host("id.globex.example", globex.app)]
    )
    ways = (
        LocalSignIn(kind="local"),
        acme.settings(customer=True, claims=NOBODY),
        globex.settings(customer=True, claims=NOBODY, name="globex-id", title="Globex ID"),
    )
    async with running_auth_server(
        database_url, clock, outside=outside, sign_in=ways, **settings
    ) as server:
        made = Place(server, acme, globex)
        for tenant_id, domain, name in (
            ("org_acme", "acme.example", "acme-id"),
            ("org_globex", "globex.example", "globex-id"),
        ):
            await made.verify(tenant_id, domain)
            await made.assign(tenant_id, name)
        yield made
