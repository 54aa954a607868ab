"""Send a person who opens the MCP endpoint in a browser to the page that connects apps."""

from urllib.parse import urlencode

from mcp_gateway.front.accept import accepts_html
from mcp_gateway.front.exchange import Check, Exchange
from mcp_gateway.wire.jsonrpc import Reply


def show_browser_the_way(connect_page: str) -> Check:
    """Redirect a GET that asks for HTML and has no credential; MCP clients never ask for HTML."""

    async def check(exchange: Exchange) -> Exchange:
        if exchange.method not in ("GET", "HEAD") or not accepts_html(exchange.headers):
            return exchange
        has_credential = any(map(exchange.headers.get, (b"authorization", b"x-api-key")))
        if has_credential:
            return exchange
        organisation = exchange.organisation
        page = (
            f"{connect_page}?{urlencode({'organisation': organisation})}"
            if organisation
            else connect_page
        )
        headers = ((b"location", page.encode()), (b"vary", b"Accept"))
        return exchange.with_reply(Reply(303, headers=headers))

    return check
