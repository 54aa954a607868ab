"""A person at a browser without JavaScript: follows redirects, fills forms, presses buttons."""

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from urllib.parse import urlencode, urljoin, urlsplit

import httpx2

ADA = ("ada@acme.example", "gatepost-demo")
BO = ("bo@globex.example", "gatepost-demo")


@dataclass
class Form:
    """A form as a page holds it; `method` is `get` or `post`."""

    action: str
    fields: dict[str, str] = field(default_factory=dict)
    checkboxes: dict[tuple[str, str], bool] = field(default_factory=dict)
    buttons: list[tuple[str, str, str]] = field(default_factory=list)
    options: str = ""
    """The form's data for the browser's passkeys."""
    method: str = "post"


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: dict[str, Form] = {}
        self.moves_on_to: str | None = None
        self.text: list[str] = []
        self.links: list[str] = []
        self._form: Form | None = None
        self._button: tuple[Form, str, str] | None = None
        self._label: list[str] = []
        self._select = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            action = given["action"].partition("#")[0]  # browsers send no fragment
            self._form = Form(
                action,
                options=given.get("data-options", ""),
                method=given.get("method", "get").lower(),
            )
            self.forms[given.get("id", action)] = self._form
        elif tag == "a":
            self.links.append(given.get("href", ""))
        elif tag == "meta" and given.get("http-equiv") == "refresh":
            self.moves_on_to = given["content"].partition("url=")[2]
        elif tag == "input" and self._form is not None:
            if given.get("type") == "checkbox":
                self._form.checkboxes[given["name"], given["value"]] = "checked" in given
            elif "name" in given:
                self._form.fields[given["name"]] = given.get("value", "")
        elif tag == "select":
            self._select = given["name"]
        elif tag == "option" and "selected" in given and self._form is not None:
            self._form.fields[self._select] = given["value"]
        elif tag == "button":
            form = self.forms[given["form"]] if "form" in given else self._form
            if form is not None:
                self._button = (form, given.get("name", ""), given.get("value", ""))
                self._label = []

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None
        elif tag == "button" and self._button is not None:
            form, name, value = self._button
            if label := " ".join(" ".join(self._label).split()):
                form.buttons.append((label, name, value))
            self._button = None

    def handle_data(self, data: str) -> None:
        self.text.append(data)
        if self._button is not None:
            self._label.append(data)


@dataclass(frozen=True)
class Page:
    """The text of the page."""

    url: str
    status: int
    html: str
    text: str
    forms: dict[str, Form]
    moves_on_to: str | None
    links: list[str]
    headers: httpx2.Headers

    def ticks(self, box: str = "tool") -> dict[str, bool]:
        """List the offered tools of the consent page, and whether each is selected."""
        boxes = self.forms["/consent"].checkboxes.items()
        return {value: ticked for (name, value), ticked in boxes if name == box}


class Person:
    """Drives the authorization server's pages by their forms, as a browser would."""

    def __init__(
        self, http: httpx2.AsyncClient, email: str = ADA[0], password: str = ADA[1]
    ) -> None:
        """Start with a separate browser: `http` keeps the cookies."""
        self.http = http
        self.email = email
        self.password = password

    async def open(self, url: str) -> Page:
        """Open a URL and follow redirects within its origin."""
        return await self._settle(url, await self.http.get(url))

    async def press(
        self,
        page: Page,
        label: str,
        *,
        fill: dict[str, str] | None = None,
        untick: Collection[str] = (),
        tick: Collection[str] = (),
    ) -> Page:
        """Press the button with this label, having filled fields and changed checkboxes."""
        for form in page.forms.values():
            for text, name, value in form.buttons:
                if text.startswith(label):
                    data: list[tuple[str, str]] = list({**form.fields, **(fill or {})}.items())
                    for (box, choice), checked in form.checkboxes.items():
                        if (checked and choice not in untick) or choice in tick:
                            data.append((box, choice))
                    if name:
                        data.append((name, value))
                    if form.method == "get":
                        target = urlsplit(urljoin(page.url, form.action))
                        return await self.open(target._replace(query=urlencode(data)).geturl())
                    return await self.send(page, form.action, data)
        raise AssertionError(f"no button {label!r} on {page.url}:\n{page.text}")

    async def send(self, page: Page, action: str, data: list[tuple[str, str]]) -> Page:
        """Post a form's data to its action."""
        url = urljoin(page.url, action)
        encoded = urlencode(data)
        answer = await self.http.post(
            url,
            content=encoded,
            headers={"Content-Type": "application/x-www-form-urlencoded"},
        )
        return await self._settle(url, answer)

    async def sign_in(self, page: Page) -> Page:
        """Fill in the sign-in form, which may ask for the address first."""
        asks = page.forms.get("/sign-in/begin")
        if asks is not None and any(label == "Continue" for label, *_ in asks.buttons):
            page = await self.press(page, "Continue", fill={"email": self.email})
        return await self.press(
            page, "Sign in", fill={"email": self.email, "password": self.password}
        )

    async def reach_consent(self, url: str, *, tenant: str = "Acme") -> Page:
        """Open an authorization URL and go as far as the consent page."""
        page = await self.open(url)
        if urlsplit(page.url).path.endswith("/sign-in"):
            page = await self.sign_in(page)
        choices = (form for action, form in page.forms.items() if action.endswith("/tenant"))
        choice = next(choices, None)
        if choice and any(label.startswith(tenant) for label, *_ in choice.buttons):
            page = await self.press(page, tenant)
        return page

    async def approve(
        self,
        url: str,
        *,
        tenant: str = "Acme",
        untick: Collection[str] = (),
        tick: Collection[str] = (),
    ) -> str:
        """Go through sign-in, tenant and consent; return the URL the client is called back at."""
        page = await self.reach_consent(url, tenant=tenant)
        return _called_back(await self.press(page, "Approve", untick=untick, tick=tick))

    async def deny(self, url: str, *, tenant: str = "Acme") -> str:
        """Go as far as consent and say no; return the URL the client is called back at."""
        page = await self.reach_consent(url, tenant=tenant)
        return _called_back(await self.press(page, "Deny"))

    async def _settle(self, url: str, answer: httpx2.Response) -> Page:
        for _ in range(10):
            if answer.status_code != 303:
                break
            target = urljoin(url, answer.headers["location"])
            if urlsplit(target)[:2] != urlsplit(url)[:2]:
                reader = replace(_read(url, answer), moves_on_to=target)
                return reader
            url = target
            answer = await self.http.get(url)
        return _read(url, answer)


def _read(url: str, answer: httpx2.Response) -> Page:
    reader = _Reader()
    reader.feed(answer.text)
    return Page(
        url=url,
        status=answer.status_code,
        html=answer.text,
        text=" ".join(" ".join(reader.text).split()),
        forms=reader.forms,
        moves_on_to=reader.moves_on_to,
        links=reader.links,
        headers=answer.headers,
    )


def _called_back(page: Page) -> str:
    if page.moves_on_to is None:
        raise AssertionError(f"{page.url} did not lead back to the client:\n{page.text}")
    return page.moves_on_to
