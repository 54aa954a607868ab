"""An operator and an admin try tools in the playground, and see what the gateway decided."""

from collections.abc import AsyncIterator

import pytest

from support.in_process.person import Page, Person
from support.processes.deployment import Deployment, a_person, connect

LIST = "/console/playground?tenant=org_globex&person=bo@globex.example"


@pytest.fixture
async def op() -> AsyncIterator[Person]:
    """An operator at a browser of their own."""
    async with a_person("op@orbit.example") as person:
        yield person


async def signed_in(person: Person, deployment: Deployment, path: str) -> Page:
    """Open a page and sign in on the way."""
    page = await person.open(f"{deployment.issuer}/account/sessions")
    await person.sign_in(page)
    return await person.open(f"{deployment.issuer}{path}")


def tool_of(page: Page) -> str:
    """Make the address to which the form “Another tool” leads."""
    return page.url.replace("/playground?", "/playground/tool?")


async def test_an_operator_calls_a_tool_for_a_member_and_sees_every_step(
    deployment: Deployment, op: Person
) -> None:
    page = await signed_in(op, deployment, LIST)
    assert "list_projects" in page.text
    assert "tokens in the agent's context" in page.text
    [link] = [link for link in page.links if link.endswith("tool=list_projects")]
    before = len(deployment.api_requests())

    page = await op.press(await op.open(f"{deployment.issuer}{link}"), "Call")

    assert "success" in page.text
    assert "Cost As a call of an agent: 1 unit, 0 USD on the Free plan." in page.text
    assert "As a test, it cost nothing." in page.text
    assert "Does the plan allow another call? reserve_call passed on" in page.text
    assert "Shape the answer for the model shape_result answered" in page.text
    assert "GET " in page.text
    assert "Gatepost-Assertion" not in page.text
    assert len(deployment.api_requests()) == before + 1


async def test_a_tool_that_a_connection_lacks_is_refused_where_the_trace_says(
    deployment: Deployment, op: Person, bo: Person
) -> None:
    await connect(deployment, bo, tenant="Globex", untick=["list_tasks"])
    page = await signed_in(op, deployment, LIST)
    [grant] = [
        part.partition('"')[0]
        for part in page.html.split('<option value="')
        if part.startswith("grant_")
    ][:1]

    page = await op.open(
        f"{deployment.issuer}{LIST}&grant={grant}".replace("bo@globex.example", "usr_bo")
    )
    assert "list_tasks" not in page.text
    page = await op.open(f"{tool_of(page)}&tool=list_tasks")
    page = await op.press(page, "Call")

    assert "Does the connection allow the tool? authorize refused unknown_tool" in page.text
    assert "Request to the API" not in page.text


async def test_a_tool_that_asks_is_called_after_the_confirmation(
    deployment: Deployment, op: Person
) -> None:
    await signed_in(op, deployment, LIST)
    page = await op.open(f"{deployment.issuer}{LIST}")
    tools = [link for link in page.links if "/playground/tool?" in link]
    [link] = [link for link in tools if link.endswith("tool=delete_task")]
    page = await op.open(f"{deployment.issuer}{link}")
    page = await op.press(page, "Call", fill={"argument.task_id": "tsk_none"})
    assert "The tool asks first" in page.text

    page = await op.press(page, "Confirm and call")

    assert "ask_person passed on" in page.text
    assert "404" in page.text


async def test_an_admin_tries_tools_with_their_own_data_alone(
    deployment: Deployment, ada: Person
) -> None:
    page = await signed_in(ada, deployment, "/account/playground?tenant=org_acme&person=usr_bo")
    assert "team:design team:engineering" in page.text
    page = await ada.open(f"{tool_of(page)}&tool=list_projects")
    page = await ada.press(page, "Call")
    assert "success" in page.text

    foreign = await ada.open(f"{deployment.issuer}/account/playground?tenant=org_globex")
    assert foreign.status == 403
