"""Send a person who opens the MCP endpoint in a browser to the page that connects apps."""

from mcp_gateway.front.accept import accepts_html
from mcp_gateway.front.exchange import Check, Exchange
from mcp_gateway.wire.jsonrpc import Reply


def show_browser_the_way(connect_page: str) -> Check:
    """Redirect a GET that asks for HTML and has no credential; MCP clients never ask for HTML."""
    reply = Reply(303, headers=((b"location", connect_page.encode()), (b"vary", b"Accept")))

    async def check(exchange: Exchange) -> Exchange:
        if exchange.method not in ("GET", "HEAD") or not accepts_html(exchange.headers):
            return exchange
        has_credential = any(map(exchange.headers.get, (b"authorization", b"x-api-key")))
        return exchange if has_credential else exchange.with_reply(reply)

    return check
