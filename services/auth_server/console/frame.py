"""The frame of the console's pages: the operator, the proofs of forms, the navigation."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from fastapi import Depends, Request
from starlette.responses import Response

from auth_server.administration.operator import ActingOperator, find_acting_operator
from auth_server.db.engine import DbSession
from auth_server.errors import PageError
from auth_server.flow.sign_in_purpose import requested_page
from auth_server.pages.account.frame import Account, AccountResolver, Accounts
from auth_server.rendering.translation import translatable
from auth_server.settings import AuthServerSettings
from auth_server.web.dependencies import Db, OpenDatabase, ReadingDb, Settings
from auth_server.web.forms import Parameters
from auth_server.web.posted_form import Form, PostedForm

CONSOLE = "/console"
Section = Literal[
    "overview",
    "usage",
    "calls",
    "limits",
    "funnel",
    "intent",
    "playground",
    "books",
    "plans",
    "stripe-events",
    "tenants",
    "people",
    "clients",
    "gateways",
    "webhooks",
    "keys",
    "audit",
    "operators",
    "tokens",
]
_TRAFFIC = translatable("Traffic")
_MONEY = translatable("Billing")
_CUSTOMERS = translatable("Customers")
_OPERATION = translatable("Operation")
_SECURITY = translatable("Security")
SECTIONS: tuple[tuple[Section, str, str, str], ...] = (
    ("overview", translatable("Overview"), "usage:read", _TRAFFIC),
    ("usage", translatable("Usage"), "usage:read", _TRAFFIC),
    ("calls", translatable("Calls"), "calls:read", _TRAFFIC),
    ("limits", translatable("Limits"), "usage:read", _TRAFFIC),
    ("funnel", translatable("First calls"), "usage:read", _TRAFFIC),
    ("intent", translatable("Unmet calls"), "calls:read", _TRAFFIC),
    ("playground", translatable("Playground"), "calls:read", _TRAFFIC),
    ("books", translatable("Books"), "books:read", _MONEY),
    ("plans", translatable("Plans"), "plans:read", _MONEY),
    ("stripe-events", translatable("Stripe events"), "billing:read", _MONEY),
    ("tenants", translatable("Organisations"), "tenants:read", _CUSTOMERS),
    ("people", translatable("People"), "people:read", _CUSTOMERS),
    ("clients", translatable("Apps"), "clients:read", _CUSTOMERS),
    ("gateways", translatable("Gateways"), "gateways:read", _OPERATION),
    ("webhooks", translatable("Webhooks"), "webhooks:read", _OPERATION),
    ("keys", translatable("Signing keys"), "keys:read", _SECURITY),
    ("audit", translatable("Audit log"), "audit:read", _SECURITY),
    ("operators", translatable("Operators"), "operators:read", _SECURITY),
    ("tokens", translatable("Admin tokens"), "operators:read", _SECURITY),
)
"""The navigation: each section, its title, the scope that its page requires, and its group."""


@dataclass(frozen=True, slots=True)
class Console:
    """The console of a signed-in operator."""

    account: Account
    operator: ActingOperator

    def answer(
        self, template: str, *, section: Section, status: int = 200, **values: Any
    ) -> Response:
        """Render a page that extends `console.html`."""
        return self.account.answer(
            template,
            section=section,
            status=status,
            sections=[one for one in SECTIONS if self.operator.may(one[2])],
            operator=self.operator,
            proof=self.account.forms.make("console"),
            **values,
        )

    def lead_back(self, page: str) -> Response:
        """Redirect the browser after a form to a page such as `/console/tenants`, with GET."""
        return self.account.lead_back(page)


async def require_console(
    request: Request, db: DbSession, accounts: AccountResolver, settings: AuthServerSettings
) -> Console:
    """Find the signed-in operator, whose sign-in must be as strong as the settings require.

    Raises:
        SignInRequired: the browser has no session, or the operator's second factor is missing.
        PageError: the person is not an operator, or signed in with too few factors.
    """
    account = await accounts.require_full_sign_in(db, requested_page(request, CONSOLE))
    operator = await find_acting_operator(db, account.person_id)
    if operator is None:
        raise PageError(
            "You can't open the console",
            "Only operators of this service can. Ask one of them.",
            status=403,
            detail="not an operator",
        )
    if account.signed_in.session.level < settings.operator_sign_in_level:
        raise PageError(
            "Two-step verification required",
            "The console requires it. Set it up under Sign-in methods, then sign out and sign in "
            "again.",
            status=403,
            detail="session level below operator_sign_in_level",
        )
    return Console(account, operator)


async def _shown(
    request: Request, db: ReadingDb, accounts: Accounts, settings: Settings
) -> Console:
    return await require_console(request, db, accounts, settings)


ShownConsole = Annotated[Console, Depends(_shown)]
"""The console of a page's GET."""


def posted_console(posted: PostedForm | None = None) -> Callable[..., Awaitable[Console]]:
    """Make the dependency of a page's POST; `posted` reads the form."""

    async def resolve(
        request: Request,
        form: Annotated[Parameters, Depends(posted or PostedForm())],
        db: Db,
        accounts: Accounts,
        settings: Settings,
    ) -> Console:
        console = await require_console(request, db, accounts, settings)
        console.account.forms.require(form.get("proof"), "console")
        return console

    return resolve


PostedConsole = Annotated[Console, Depends(posted_console())]


async def _shown_alone(
    request: Request, database: OpenDatabase, accounts: Accounts, settings: Settings
) -> Console:
    async with database.reading() as db:
        return await require_console(request, db, accounts, settings)


ShownAlone = Annotated[Console, Depends(_shown_alone)]
"""The console of a page that waits for others; no database session stays open."""


async def _posted_alone(console: ShownAlone, form: Form) -> Console:
    console.account.forms.require(form.get("proof"), "console")
    return console


PostedAlone = Annotated[Console, Depends(_posted_alone)]
"""The console of a form whose work opens its own transactions, or waits for others."""
