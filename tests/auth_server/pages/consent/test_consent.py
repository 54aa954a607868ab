"""Consent: an answer counts once, and only for the content that the person saw."""

import asyncio
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlmodel import select

from auth_server.catalogues.reader import CatalogueUnavailable
from auth_server.records.grants.table import Grant
from auth_server.records.tenants.table import Membership
from gatepost.catalogue import ApiSummary, CatalogueDocument, ToolSummary
from support.in_process.auth_server import CATALOGUE, AuthServer
from support.in_process.oauth_client import OAuthClient, answer_of
from support.in_process.person import Page, Person

EVERYTHING = "mcp:read mcp:write mcp:admin"


def tool(name: str, **changes: Any) -> ToolSummary:
    """A reading tool, changed."""
    summary = {
        "name": name,
        "title": name,
        "description": f"Does {name}.",
        "scope": "mcp:read",
        "read_only": True,
        "destructive": False,
    }
    return ToolSummary(**{**summary, **changes})


def catalogue(*tools: ToolSummary, version: str = "1") -> CatalogueDocument:
    """Another version of the tool list."""
    return CATALOGUE.model_copy(update={"hash": version * 64, "tools": tools})


async def redeem(client: OAuthClient, page: Page) -> dict[str, Any]:
    """Take the code that a page leads back with to the token endpoint."""
    answer = await client.redeem(answer_of(page.moves_on_to or "")["code"])
    body: dict[str, Any] = answer.json()
    return body


async def answer(person: Person, page: Page, **changes: str | list[str] | None) -> Page:
    """Post a manipulated consent form, with fields replaced, added or omitted."""
    form = page.forms["/consent"]
    fields: dict[str, str | list[str] | None] = {
        **form.fields,
        "decision": "approve",
        "tool": [name for name, ticked in page.ticks().items() if ticked],
        "data": [entry for entry, ticked in page.ticks("data").items() if ticked],
        **changes,
    }
    data = [
        (name, value)
        for name, values in fields.items()
        if values is not None
        for value in (values if isinstance(values, list) else [values])
    ]
    return await person.send(page, "/consent", data)


# --- the shown content ----------------------------------------------------------------------------


async def test_a_person_sees_the_app_its_request_and_its_address_a45_a47(
    auth_server: AuthServer,
) -> None:
    """A45, A46, A47: name, badge, host, account, organisation, data, service, tools by effect."""
    client = await auth_server.client(client_name="Tasks Desktop")
    page = await auth_server.person().reach_consent(
        client.authorize_url(scope="mcp:read mcp:write")
    )

    for shown in (
        "Tasks Desktop wants to access Orbit",
        "unverified",
        "127.0.0.1:3999",
        "a program on this device",
        "Anyone can use this name",
        "Any program on this device could have sent this request",
        "ada@acme.example",
        "Acme",
        "Team design engineering",
        auth_server.resource,
        "Read all 2",
        "Write all 1",
        "Delete and other irreversible actions none of 1",
        "keeps access until then, even while you are away",
        "not used for 30 days",
        "180 days",
    ):
        assert shown in page.text, shown
    assert page.ticks() == {
        "list_projects": True,
        "list_tasks": True,
        "create_task": True,
        "delete_task": False,
    }
    assert page.ticks("data") == {"team:design": True, "team:engineering": True}


async def test_a_tool_that_asks_each_time_says_so(auth_server: AuthServer) -> None:
    auth_server.catalogue = catalogue(tool("send_mail", confirms=True), tool("list_mail"))
    client = await auth_server.client()
    page = await auth_server.person().reach_consent(client.authorize_url())

    assert page.text.count("asks you each time") == 1
    assert "send_mail asks you each time" in page.text


async def test_a_composite_tool_lists_what_it_calls(auth_server: AuthServer) -> None:
    calls = ("Get a project", "Close <all> tasks")
    auth_server.catalogue = catalogue(tool("tidy_project", calls=calls), tool("list_mail"))
    client = await auth_server.client()
    page = await auth_server.person().reach_consent(client.authorize_url())

    assert page.text.count("Together:") == 1
    assert "Together: Get a project, Close <all> tasks" in page.text
    assert "<all>" not in page.html


async def test_a_web_app_is_shown_with_its_host_and_without_the_warning_about_this_device(
    auth_server: AuthServer,
) -> None:
    """A45."""
    client = await auth_server.client(
        redirect_uris=["https://app.example:8443/cb"], client_name="Claude"
    )
    client.redirect_uri = "https://app.example:8443/cb"
    page = await auth_server.person().reach_consent(client.authorize_url())

    assert "app.example:8443" in page.text
    assert "on this device" not in page.text
    assert "unverified" in page.text


async def test_a_managed_client_is_not_called_unverified_but_this_device_is_still_named_a46(
    auth_server: AuthServer,
) -> None:
    """A46: another program on the device can send the same request."""
    client = OAuthClient(auth_server.http, auth_server.issuer, auth_server.resource, "orbit-cli")
    page = await auth_server.person().reach_consent(
        client.authorize_url(redirect_uri="http://127.0.0.1:5000/callback")
    )

    assert "unverified" not in page.text
    assert "Anyone can use this name" not in page.text
    assert "Any program on this device could have sent this request" in page.text


@pytest.mark.parametrize(
    ("scope", "offered", "closed"),
    [
        ("mcp:read", {"list_projects", "list_tasks"}, "did not request 2 other tools"),
        ("mcp:write", {t.name for t in CATALOGUE.tools}, None),
        ("mcp:admin", {t.name for t in CATALOGUE.tools}, None),
    ],
)
async def test_only_tools_within_the_requested_scopes_are_offered_and_the_rest_counted_a47(
    auth_server: AuthServer, scope: str, offered: set[str], closed: str | None
) -> None:
    """A47; the hierarchy mcp:admin ⊃ mcp:write ⊃ mcp:read."""
    client = await auth_server.client()
    page = await auth_server.person().reach_consent(client.authorize_url(scope=scope))

    assert set(page.ticks()) == offered
    assert ("did not request" in page.text) is (closed is not None)
    assert (closed or "") in page.text


async def test_one_tool_out_of_reach_is_counted_in_the_singular(auth_server: AuthServer) -> None:
    """Copy is part of the product."""
    auth_server.catalogue = catalogue(tool("look"), tool("rule", scope="mcp:admin"))
    client = await auth_server.client()
    page = await auth_server.person().reach_consent(client.authorize_url())

    assert "The app did not request 1 other tool." in page.text


async def test_markup_in_what_a_tool_says_is_shown_as_text_a44(auth_server: AuthServer) -> None:
    """A44: an OpenAPI document is untrusted text too."""
    nasty = "<img src=x onerror=alert(1)>\"'</label><script>alert(2)</script>"
    auth_server.catalogue = catalogue(
        tool("look", title=nasty, description=nasty + ".")
    ).model_copy(update={"name": nasty})
    client = await auth_server.client(client_name=nasty)

    page = await auth_server.person().reach_consent(client.authorize_url())
    left = await auth_server.person().reach_consent(client.authorize_url())

    for html in (page.html, left.html):
        assert "<img" not in html
        assert "<script>" not in html
    assert nasty in page.text


async def test_a_parameter_never_breaks_out_of_the_page_that_leads_back_a44(
    auth_server: AuthServer,
) -> None:
    """A44: state and redirect URI end up in an attribute."""
    redirect_uri = "https://app.example/cb?a=\"'><script>alert(1)</script>;url=//evil.example"
    client = await auth_server.client(redirect_uris=[redirect_uri])
    client.redirect_uri = redirect_uri
    url = client.authorize_url(state="\"'><script>alert(2)</script>")

    page = await auth_server.person().reach_consent(url)
    left = await auth_server.person().approve(url)

    assert "<script>" not in page.html
    assert left.startswith(redirect_uri + "&code=")


async def test_asking_again_shows_what_was_allowed_before_a49(auth_server: AuthServer) -> None:
    """A49: a wider request preselects only tools that the person selected."""
    client, person = await auth_server.client(), auth_server.person()
    await client.connect(person, untick=["list_projects", "create_task"])

    page = await person.reach_consent(client.authorize_url(scope=EVERYTHING))

    assert {name for name, ticked in page.ticks().items() if ticked} == {"list_tasks"}


# --- the answer -----------------------------------------------------------------------------------


async def test_a_tool_that_was_not_offered_cannot_be_added(
    auth_server: AuthServer, read_token: Any
) -> None:
    """A11: names added to the form, out of reach or unknown, give nothing."""
    client, person = await auth_server.client(), auth_server.person()
    page = await person.reach_consent(client.authorize_url(scope="mcp:read"))

    smuggled = ["list_tasks", "create_task", "delete_task", "@write", "@read", "nothing", "*"]
    tokens = await redeem(client, await answer(person, page, tool=smuggled))

    claims = await read_token(auth_server, tokens["access_token"])
    assert claims["scope"] == "mcp:read"
    # Those that need another scope can still be asked for; the token does not allow them.
    assert claims["allowed_tools"] == ["create_task", "delete_task", "list_tasks"]
    async with auth_server.opened.database.reading() as db:
        assert (await db.execute(select(Grant))).scalar_one().tools == ["list_tasks"]


SMUGGLED: list[dict[str, str]] = [
    {"scope": EVERYTHING},
    {"client_id": "orbit-cli"},
    {"redirect_uri": "https://evil.example/cb"},
    {"tenant": "org_globex", "tenant_id": "org_globex"},
    {"resource": "https://evil.example/mcp"},
    {"data_scope": "team:sales"},
    {"state": "other", "response_type": "token", "code_challenge": "x" * 43},
]


async def test_a_form_that_says_more_than_its_answer_changes_nothing_a11_a12(
    auth_server: AuthServer, read_token: Any
) -> None:
    """A11, A12: the stored request does not change."""
    client, person = await auth_server.client(), auth_server.person()
    for changes in SMUGGLED:
        page = await person.reach_consent(client.authorize_url())
        left = await answer(person, page, **changes)

        assert (left.moves_on_to or "").startswith(client.redirect_uri)
        assert answer_of(left.moves_on_to or "")["state"] == client.state
        claims = await read_token(auth_server, (await redeem(client, left))["access_token"])
        assert (claims["tenant_id"], claims["scope"]) == ("org_acme", "mcp:read mcp:write")
        assert claims["data_scope"] == "team:design team:engineering"


async def test_a_hidden_field_that_was_tampered_with_ends_without_a_code_a11(
    auth_server: AuthServer,
) -> None:
    """A11, A38."""
    client, person = await auth_server.client(), auth_server.person()
    page = await person.reach_consent(client.authorize_url())

    for name in ("proof", "catalogue", "transaction"):
        value = page.forms["/consent"].fields[name]
        for changed in (None, "", "x", f"{value}x", value[:-1]):
            refused = await answer(person, page, **{name: changed})
            assert refused.status in {400, 403}, (name, changed)
            assert refused.moves_on_to is None
    assert (await answer(person, page)).moves_on_to


async def test_a_proof_made_for_something_else_is_refused_a38(auth_server: AuthServer) -> None:
    """A38: of another authorization request, tenant, tool list, page or browser."""
    client, person = await auth_server.client(), auth_server.person()
    page = await person.reach_consent(client.authorize_url())
    other_transaction = await person.reach_consent(client.authorize_url())
    other_tenant = await person.reach_consent(client.authorize_url(), tenant="Globex")
    other_browser = await auth_server.person().reach_consent(client.authorize_url())
    auth_server.clock.advance(seconds=1)
    auth_server.catalogue = catalogue(*CATALOGUE.tools, tool("new"))
    other_list = await person.open(page.url)
    proofs = [
        shown.forms["/consent"].fields["proof"]
        for shown in (other_transaction, other_tenant, other_browser, other_list)
    ]

    for proof in (*proofs, page.forms["sign-out"].fields["proof"]):
        refused = await answer(person, page, proof=proof)
        assert (refused.status, refused.moves_on_to) == (403, None)
    assert (await answer(person, page)).moves_on_to


async def test_switching_the_organisation_in_another_tab_voids_the_page(
    auth_server: AuthServer,
) -> None:
    """A53: an answer to a page about Acme does not count for Globex."""
    client, person = await auth_server.client(), auth_server.person()
    page = await person.reach_consent(client.authorize_url())
    choice = await person.open(page.url.replace("/consent", "/tenant"))
    await person.press(choice, "Globex")

    refused = await person.press(page, "Approve")

    assert (refused.status, refused.moves_on_to) == (403, None)


@pytest.mark.both_databases
async def test_a_page_loaded_twice_stays_valid_in_both_tabs_a39(auth_server: AuthServer) -> None:
    """A39: the second render must not void the first."""
    client, person = await auth_server.client(), auth_server.person()
    first = await person.reach_consent(client.authorize_url())
    await person.open(first.url)

    left = await person.press(first, "Approve")

    assert "code" in answer_of(left.moves_on_to or "")


@pytest.mark.both_databases
@pytest.mark.parametrize("first", ["Approve", "Deny"])
@pytest.mark.parametrize("second", ["Approve", "Deny"])
async def test_only_the_first_answer_counts_a50(
    auth_server: AuthServer, first: str, second: str
) -> None:
    """A50: the back button, a double click, a second tab."""
    client, person = await auth_server.client(), auth_server.person()
    page = await person.reach_consent(client.authorize_url())
    await person.press(page, first)

    again = await person.press(page, second)
    reloaded = await person.open(page.url)

    assert (again.status, again.moves_on_to) == (400, None)
    assert (reloaded.status, "already answered" in reloaded.text) == (400, True)


@pytest.mark.both_databases
async def test_ten_clicks_at_once_are_one_answer_a50(auth_server: AuthServer) -> None:
    """A50: exactly one code."""
    client, person = await auth_server.client(), auth_server.person()
    page = await person.reach_consent(client.authorize_url())

    answers = await asyncio.gather(*(person.press(page, "Approve") for _ in range(10)))

    assert sum(page.moves_on_to is not None for page in answers) == 1
    assert {page.status for page in answers} == {200, 400}


@pytest.mark.both_databases
async def test_two_windows_approved_at_the_same_moment_are_one_connection_in_two_versions(
    auth_server: AuthServer, read_token: Any
) -> None:
    """Parallel answers leave one live grant for a person, client, tenant and resource."""
    client, person = await auth_server.client(), auth_server.person()
    clients = [
        OAuthClient(client.http, client.issuer, client.resource, client.client_id) for _ in range(4)
    ]
    pages = [await person.reach_consent(each.authorize_url()) for each in clients]

    answers = await asyncio.gather(*(person.press(page, "Approve") for page in pages))

    tokens = [await redeem(each, page) for each, page in zip(clients, answers, strict=True)]
    claims = [await read_token(auth_server, each["access_token"]) for each in tokens]
    assert len({each["grant_id"] for each in claims}) == 1
    assert {each["grant_version"] for each in claims} == {4}


async def test_an_approval_without_tools_is_asked_again_and_gives_nothing(
    auth_server: AuthServer,
) -> None:
    """An approval of no tool is a mistake, not a connection to everything."""
    client, person = await auth_server.client(), auth_server.person()
    page = await person.reach_consent(client.authorize_url())

    again = await answer(person, page, tool=None)
    assert (again.status, again.moves_on_to) == (400, None)
    assert "Select at least one tool" in again.text
    assert not any(again.ticks().values())
    left = await person.press(again, "Approve", tick=["list_tasks"])

    assert "code" in answer_of(left.moves_on_to or "")


async def test_a_form_without_an_answer_is_none(auth_server: AuthServer) -> None:
    """Neither approved nor denied."""
    client, person = await auth_server.client(), auth_server.person()
    page = await person.reach_consent(client.authorize_url())

    for decision in (None, "", "yes", "APPROVE"):
        refused = await answer(person, page, decision=decision)
        assert (refused.status, refused.moves_on_to) == (400, None)


async def test_a_form_that_approves_and_denies_is_refused_a10(auth_server: AuthServer) -> None:
    """A10: one value for each name."""
    client, person = await auth_server.client(), auth_server.person()
    page = await person.reach_consent(client.authorize_url())

    refused = await answer(person, page, decision=["approve", "deny"])

    assert (refused.status, refused.moves_on_to) == (400, None)


# --- changes between page and answer --------------------------------------------------------------


async def test_a_tool_added_while_the_page_was_open_is_not_given(
    auth_server: AuthServer, read_token: Any
) -> None:
    """A165: the answer counts only for the shown list."""
    client, person = await auth_server.client(), auth_server.person()
    page = await person.reach_consent(client.authorize_url())
    auth_server.clock.advance(seconds=1)
    auth_server.catalogue = catalogue(*CATALOGUE.tools, tool("new"))
    other = await auth_server.client()
    await auth_server.person().reach_consent(other.authorize_url())

    left = await answer(person, page, tool=["list_tasks", "new"])

    claims = await read_token(auth_server, (await redeem(client, left))["access_token"])
    assert claims["allowed_tools"] == ["list_tasks"]


@pytest.mark.both_databases
async def test_the_tools_seen_last_are_shown_while_the_gateway_does_not_answer(
    auth_server: AuthServer,
) -> None:
    """Design §8: a gateway that is down does not stop people from connecting."""
    client, person = await auth_server.client(), auth_server.person()
    for version in ("2", "1", "2"):
        auth_server.clock.advance(seconds=1)
        auth_server.catalogue = catalogue(tool(f"version_{version}"), version=version)
        await person.reach_consent(client.authorize_url())
    auth_server.catalogue = CatalogueUnavailable("down")

    page = await person.reach_consent(client.authorize_url())

    assert set(page.ticks()) == {"version_2"}
    assert (await person.press(page, "Approve")).moves_on_to


async def test_a_page_reports_an_unknown_gateway_that_does_not_answer(
    auth_server: AuthServer,
) -> None:
    """The server neither invents a list of tools nor answers 500."""
    auth_server.catalogue = CatalogueUnavailable("down")
    client, person = await auth_server.client(), auth_server.person()

    page = await person.reach_consent(client.authorize_url())
    assert (page.status, "Tools are temporarily unavailable" in page.text) == (503, True)
    auth_server.catalogue = CATALOGUE
    page = await person.open(page.url)

    assert (await person.press(page, "Approve")).moves_on_to


async def test_a_membership_lost_between_page_and_answer_gives_nothing_a53(
    auth_server: AuthServer, change_row: Any
) -> None:
    """A53."""
    client, person = await auth_server.client(), auth_server.person()
    page = await person.reach_consent(client.authorize_url())
    await change_row(auth_server, Membership, ("usr_ada", "org_acme"))

    refused = await person.press(page, "Approve")
    assert (refused.status, refused.moves_on_to) == (403, None)
    await change_row(auth_server, Membership, ("usr_ada", "org_globex"))
    refused = await person.press(page, "Approve")

    assert (refused.status, refused.moves_on_to) == (403, None)


@pytest.mark.parametrize("data_scope", ["", "team:design team:engineering team:sales", "team:hr"])
async def test_data_that_changed_between_page_and_answer_is_asked_about_again(
    auth_server: AuthServer, change_row: Any, data_scope: str
) -> None:
    """Design §4: consent is for the data scope that was shown."""
    client, person = await auth_server.client(), auth_server.person()
    page = await person.reach_consent(client.authorize_url())
    await change_row(auth_server, Membership, ("usr_ada", "org_acme"), data_scope=data_scope)

    refused = await person.press(page, "Approve")

    assert (refused.status, refused.moves_on_to) == (403, None)


async def test_another_clients_consent_does_not_count_a34_a37(auth_server: AuthServer) -> None:
    """A34, A37: the confused deputy; every client needs its own consent, every time."""
    first, second = await auth_server.client(), await auth_server.client()
    person = auth_server.person()
    await first.connect(person)

    for client in (second, first):
        page = await person.reach_consent(client.authorize_url())
        assert (urlsplit(page.url).path, page.moves_on_to) == ("/consent", None)


# --- the pages themselves -------------------------------------------------------------------------


async def test_every_page_comes_with_the_headers_that_protect_it_a16_a43_a55_a56(
    auth_server: AuthServer,
) -> None:
    """A16, A43, A55, A56: no framing, no storing, no referrer, no third party, no script."""
    client, person = await auth_server.client(), auth_server.person()
    sign_in = await person.open(client.authorize_url())
    wrong = await person.press(sign_in, "Sign in", fill={"email": "x", "password": "x"})
    tenant = await person.sign_in(sign_in)
    consent = await person.press(tenant, "Acme")
    nothing = await answer(person, consent, tool=None)
    left = await person.press(consent, "Deny")
    over = await person.open(consent.url)
    nowhere = await person.open("/nowhere")
    refused = await person.open(client.authorize_url(client_id="unknown"))

    for page in (sign_in, wrong, tenant, consent, nothing, left, over, nowhere, refused):
        policy = {
            directive.split()[0]: directive.split()[1:]
            for directive in page.headers["content-security-policy"].split(";")
        }
        assert (
            policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == ["'none'"]
        )
        assert policy["form-action"] == ["'self'"]
        assert policy["script-src"] == ["'self'"]
        assert "unsafe-inline" not in page.headers["content-security-policy"]
        assert page.headers["x-frame-options"] == "DENY"
        assert page.headers["cache-control"] == "no-store"
        assert page.headers["referrer-policy"] == "no-referrer"
        assert page.headers["cross-origin-opener-policy"] == "same-origin"
        assert page.headers["x-content-type-options"] == "nosniff"
        assert "<script>" not in page.html
        for attribute in ("src=", "href="):
            for value in page.html.split(attribute)[1:]:
                local = value.startswith(('"/static/', '"/sign-in/', '"/tenant?', '"#'))
                assert local or page is left, value[:60]


async def test_no_form_is_answered_with_a_redirect_that_repeats_it_a15(
    auth_server: AuthServer,
) -> None:
    """A15, RFC 9700 §4.12: 303, never 307 or 308; and no answer of ours is kept."""
    client, person = await auth_server.client(), auth_server.person()
    seen: list[Any] = []

    async def note(response: Any) -> None:
        seen.append(response)

    person.http.event_hooks["response"].append(note)
    await person.approve(client.authorize_url())

    redirects = [r for r in seen if "location" in r.headers]
    assert {r.status_code for r in seen} == {200, 303}
    assert len([r for r in redirects if r.request.method == "POST"]) == 2
    assert {r.headers["cache-control"] for r in seen} == {"no-store"}


async def test_the_page_that_leads_back_also_shows_the_way_a54(auth_server: AuthServer) -> None:
    """A54, design §9.7: custom schemes and strict form-action; a person can always go on."""
    redirect_uri = "cursor://anysphere.cursor-mcp/oauth/callback"
    client = await auth_server.client(redirect_uris=[redirect_uri])
    client.redirect_uri = redirect_uri
    person = auth_server.person()

    page = await person.reach_consent(client.authorize_url())
    left = await person.press(page, "Approve")

    assert "cursor://anysphere.cursor-mcp" in page.text
    assert (left.status, (left.moves_on_to or "").startswith(f"{redirect_uri}?code=")) == (
        200,
        True,
    )
    assert "Continue" in left.text
    assert parse_qs(urlsplit(left.moves_on_to or "").query)["iss"] == [auth_server.issuer]


# --- several APIs ---------------------------------------------------------------------------------


def of_two_apis() -> CatalogueDocument:
    """The tools of two APIs behind one gateway."""
    billing = (
        tool("billing_list", title="List invoices", api="billing"),
        tool("billing_pay", api="billing", scope="mcp:write", read_only=False),
    )
    tasks = (tool("list_tasks", title="List tasks", api="orbit"),)
    apis = (ApiSummary(name="orbit", title="Orbit"), ApiSummary(name="billing", title="Invoices"))
    document = catalogue(*billing, *tasks, version="3")
    return document.model_copy(update={"apis": apis})


async def test_tools_of_several_apis_are_shown_apart_and_allowed_by_one_answer(
    auth_server: AuthServer,
) -> None:
    auth_server.catalogue = of_two_apis()
    client, person = await auth_server.client(), auth_server.person()
    page = await person.reach_consent(client.authorize_url(scope="mcp:read mcp:write"))

    places = [page.text.index(text) for text in ("Orbit: Read", "List tasks", "Invoices: Read")]
    assert places == sorted(places)
    assert places[-1] < page.text.index("List invoices") < page.text.index("Invoices: Write")
    body = await redeem(client, await answer(person, page))
    assert body["scope"] == "mcp:read mcp:write"


async def test_a_tool_that_another_api_takes_over_is_asked_about_again_a314(
    auth_server: AuthServer,
) -> None:
    """A314: the person allowed what one API does, not what another does under the same name."""
    client = await auth_server.client()
    auth_server.catalogue = of_two_apis()
    person = auth_server.person()
    page = await person.reach_consent(client.authorize_url(scope="mcp:read"))
    await answer(person, page)
    moved = [
        one.model_copy(update={"api": "orbit"}) if one.name == "billing_list" else one
        for one in auth_server.catalogue.tools
    ]
    update = {"hash": "4" * 64, "tools": tuple(moved)}
    auth_server.catalogue = auth_server.catalogue.model_copy(update=update)

    page = await person.open(client.authorize_url(scope="mcp:read"))

    assert "wants more access" in page.text
    assert page.ticks() == {"billing_list": False, "list_tasks": True}
