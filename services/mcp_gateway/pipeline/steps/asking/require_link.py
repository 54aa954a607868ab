"""Ask the person to link their account at the API before a call that needs it."""

from collections.abc import Awaitable, Sequence

from mcp_gateway.catalogue.catalogue import Catalogue
from mcp_gateway.elicitation.ask import OPEN_URL, BadAnswer, Declined, ask_to_open, read_form
from mcp_gateway.pipeline.call import Next, Step, ToolCall, ToolResult, tool_error
from mcp_gateway.pipeline.conversation import CannotAsk, NobodyAnswered
from mcp_gateway.pipeline.upstream import Upstreams
from mcp_gateway.upstream.credentials.linked_account import ByLinkedAccount, LinkMissing
from mcp_gateway.upstream.credentials.port import NoCredential


def require_link(catalogue: Catalogue, upstreams: Upstreams) -> Step:
    """Refuse a call of a person whose account at the API is not linked, and tell them where to link it.

    A client that can open pages for its person is asked to, and the call goes on when the person comes
    back and has linked the account.

    Raises:
        InputRequired: the person's answer will arrive with a later request.
    """

    needed = {
        tool.name: links
        for tool in catalogue.tools.values()
        if (links := upstreams[tool.api].links_of(tool))
    }

    def step(call: ToolCall, go_on: Next) -> Awaitable[ToolResult]:
        links = needed.get(call.found.name)
        return _require(call, go_on, links) if links else go_on(call)

    return step


async def _require(call: ToolCall, go_on: Next, links: Sequence[ByLinkedAccount]) -> ToolResult:
    for source in links:
        try:
            await _resolve(call, source)
        except LinkMissing as missing:
            return tool_error(str(missing), reason="not_linked")
        except NoCredential as problem:
            said = str(problem)
            return tool_error(said, reason="no_credential", decision="failed", error=said)
    return await go_on(call)


async def _resolve(call: ToolCall, source: ByLinkedAccount) -> None:
    try:
        await source.resolve(call.caller, within=call.found.deadline)
    except LinkMissing as missing:
        if not await _open_page(call, missing):
            raise
        await source.resolve(call.caller, within=call.found.deadline)


async def _open_page(call: ToolCall, missing: LinkMissing) -> bool:
    """Ask the client to open the page for the person; return whether they came back from it."""
    text = f"{call.found.title} works with your own account. Link it on this page, then continue."
    has_ids = call.conversation.era == "handshake"
    asked = ask_to_open(text, missing.url, elicitation_id=call.id if has_ids else None)
    try:
        call.conversation.require_capability(OPEN_URL)
        read_form((await call.conversation.ask([asked]))[asked.key])
    except (CannotAsk, NobodyAnswered, Declined, BadAnswer):
        return False
    return True
