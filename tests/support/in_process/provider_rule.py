"""What people do at a tenant that may require its own identity provider."""

from urllib.parse import urlencode

import pyotp

from auth_server.records.grants.store import list_live_grants
from support.in_process.auth_server import RESOURCE
from support.in_process.customers_place import Place
from support.in_process.person import Page, Person

ADA = "ada@acme.example"
RULE = "/account/organisation/provider?tenant=org_acme"
ORGANISATION = "/account/organisation?tenant=org_acme"
OWN = "/sign-in/own-provider"
NEW_KEY = f"/account/api-keys/new?{urlencode({'tenant': 'org_acme', 'resource': RESOURCE})}"


async def from_provider(place: Place, email: str = ADA) -> Person:
    """Sign in with Acme's provider."""
    person, page = await place.sign_in(place.acme, email)
    assert page.status == 200, page.text
    return person


async def with_password(place: Place, email: str = ADA, to: str = "/account/apps") -> Person:
    """Sign in with the password in a new browser."""
    person = place.server.person(email)
    page = await person.sign_in(await person.open(f"/sign-in?return_to={to}&password=yes"))
    assert page.status == 200, page.text
    return person


async def with_app(place: Place, ada: Person | None = None) -> str:
    """Let Ada set an authenticator app up, in her browser or a new one; return its secret."""
    ada = ada or await with_password(place)
    page = await ada.open("/account/security/app")
    secret = page.html.partition("secret=")[2].partition("&")[0]
    if not secret:
        secret = page.html.partition("<code>")[2].partition("</code>")[0].replace(" ", "")
    done = await ada.press(page, "Verify and turn on", fill={"code": code(place, secret)})
    assert done.status == 200, done.text
    place.server.clock.advance(minutes=1)
    return secret


def code(place: Place, secret: str) -> str:
    """Return the app's code of this moment."""
    return pyotp.TOTP(secret).at(int(place.server.clock().timestamp()))


async def with_code(place: Place, secret: str) -> Person:
    """Sign in with the password and the app, in a new browser."""
    ada = place.server.person(ADA)
    page = await ada.sign_in(await ada.open("/sign-in?return_to=/account/apps&password=yes"))
    page = await ada.press(page, "Sign in", fill={"code": code(place, secret)})
    assert page.url.endswith("/account/apps"), page.text
    place.server.clock.advance(minutes=1)
    return ada


async def require(place: Place) -> Person:
    """Switch the rule on as Ada, who came from the provider; return her browser."""
    ada = await from_provider(place)
    page = await ada.press(await ada.open(RULE), "Require Acme ID")
    assert "The rule is on." in page.text, page.text
    return ada


async def grants(place: Place) -> list[str | None]:
    """Return the providers of Acme's live connections."""
    async with place.server.opened.database.reading() as db:
        return [one.provider for one in await list_live_grants(db, tenant_id="org_acme")]


async def make_key(person: Person) -> Page:
    """Make an API key on the pages."""
    page = await person.open(NEW_KEY)
    return await person.press(page, "Create key", fill={"label": "Nightly"})


def is_led_to_provider(page: Page) -> bool:
    """Return whether a page says that the tenant requires its provider."""
    return OWN in page.url and page.status == 403 and "Acme requires its own sign-in" in page.text
