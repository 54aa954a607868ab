"""Render the playground's pages in the frame of the console or of the account."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import orjson
from starlette.responses import Response

from auth_server.catalogues.reader import CatalogueUnavailable
from auth_server.metering.call_price import CallPrice
from auth_server.pages.account.playground.workshop import Wish, Workshop, require_tool
from auth_server.playground.form import InvalidArgument, read_arguments, read_fields
from auth_server.playground.gateway import Called, GatewayRefused, ListedTool
from auth_server.playground.steps import STEPS
from auth_server.playground.subject import NoSubject
from auth_server.records.grants.store import list_live_grants
from auth_server.rendering.translation import translatable

_REFUSALS = (NoSubject, GatewayRefused, CatalogueUnavailable)


class AnswerPage(Protocol):
    """Renders a template in one frame."""

    def __call__(self, template: str, *, status: int = 200, **values: Any) -> Response:
        """Render the template with its values."""
        ...


async def show_list(workshop: Workshop, wish: Wish, answer: AnswerPage) -> Response:
    """Show the tools that an agent of the wish's person gets."""
    values: dict[str, Any] = {"tools": None, "subject": None, "refused": ""}
    if wish.tenant_id and wish.person_id:
        try:
            values["subject"], gateway = await workshop.open_gateway(wish)
            values["tools"] = await gateway.list_tools()
        except _REFUSALS as refusal:
            values["refused"] = _say(refusal)
    async with workshop.database.reading() as db:
        grants = await list_live_grants(db, tenant_id=wish.tenant_id, person_id=wish.person_id)
    return answer(
        "playground.html",
        status=400 if values["refused"] else 200,
        wish=wish,
        grants=grants,
        resources=[one.resource for one in workshop.settings.resources],
        **values,
    )


async def show_tool(workshop: Workshop, wish: Wish, answer: AnswerPage) -> Response:
    """Show the form of one tool."""
    try:
        _, gateway = await workshop.open_gateway(wish)
        tool = await require_tool(gateway, wish.tool)
    except _REFUSALS as refusal:
        return _refuse(workshop, wish, answer, _say(refusal))
    return _answer_tool(answer, wish, tool, {})


async def run_tool(
    workshop: Workshop,
    wish: Wish,
    answer: AnswerPage,
    typed: Callable[[str], str | None],
    *,
    by: str,
) -> Response:
    """Call the tool with what was typed, and show the result with its trace.

    Args:
        workshop: calls the gateway.
        wish: on whose behalf, and which tool.
        answer: renders the page.
        typed: returns the text of a form's field.
        by: who calls it, for the audit log.
    """
    values: dict[str, str] = {}
    try:
        _, gateway = await workshop.open_gateway(wish)
        tool = await require_tool(gateway, wish.tool)
        fields = read_fields(tool.schema)
        values = {field.field: typed(field.field) or "" for field in fields}
        arguments = read_arguments(fields, typed)
        answers = _read_answers(typed("answers") or "")
    except InvalidArgument as problem:
        return _answer_tool(answer, wish, tool, values, refused=str(problem))
    except _REFUSALS as refusal:
        return _refuse(workshop, wish, answer, _say(refusal))
    try:
        called = await workshop.call(wish, gateway, tool, arguments, answers, by=by)
    except GatewayRefused as refusal:
        return _answer_tool(answer, wish, tool, values, refused=str(refusal))
    price = await workshop.price(wish, called)
    return _answer_tool(answer, wish, tool, values, called=called, price=price)


def _answer_tool(
    answer: AnswerPage,
    wish: Wish,
    tool: ListedTool,
    values: Mapping[str, str],
    *,
    called: Called | None = None,
    price: CallPrice | None = None,
    refused: str = "",
) -> Response:
    return answer(
        "playground_tool.html",
        status=400 if refused else 200,
        wish=wish,
        tool=tool,
        fields=read_fields(tool.schema),
        values=values,
        called=called,
        price=price,
        words=STEPS,
        refused=refused,
    )


def _refuse(workshop: Workshop, wish: Wish, answer: AnswerPage, refused: str) -> Response:
    return answer(
        "playground.html",
        status=400,
        wish=wish,
        grants=[],
        resources=[one.resource for one in workshop.settings.resources],
        tools=None,
        subject=None,
        refused=refused,
    )


def _say(refusal: Exception) -> str:
    if isinstance(refusal, CatalogueUnavailable):
        return translatable("The gateway does not answer. Check that it runs, and reload the page.")
    return str(refusal)


def _read_answers(text: str) -> dict[str, Any]:
    """Read the answers to a question, which the form carries."""
    try:
        answers = orjson.loads(text) if text else {}
    except orjson.JSONDecodeError:
        return {}
    kept = ("inputResponses", "requestState")
    return (
        {name: answers[name] for name in kept if name in answers}
        if isinstance(answers, dict)
        else {}
    )
