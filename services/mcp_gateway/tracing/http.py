"""Record requests, and pass the trace on to who answers them."""

from urllib.parse import urlsplit

from gatepost.tracing import names
from gatepost.tracing.current import current
from gatepost.tracing.tracing import fail, propagation_headers
from mcp_gateway.http_client.port import HttpClient, HttpResponse, RequestFailed
from mcp_gateway.requests.request import HttpRequest

_OF_TRACES = frozenset({"traceparent", "tracestate"})


class TracedHttp:
    """Sends through another client. Only requests of a recorded call name its trace.

    The upstream so records the same calls, and callers can't make it record more.
    """

    def __init__(self, http: HttpClient) -> None:
        """Take the client that sends."""
        self._http = http

    async def send(self, request: HttpRequest, *, deadline: float) -> HttpResponse:
        """Send as the other client does.

        Raises:
            RequestFailed: as the other client.
        """
        tracing = current()
        if tracing is None:
            return await self._http.send(request, deadline=deadline)
        parts = urlsplit(request.url)
        # The rest of the URL holds arguments.
        described: dict[str, str | int] = {
            names.HTTP_METHOD: request.method,
            names.SERVER_ADDRESS: parts.hostname or "",
            names.SERVER_PORT: parts.port or (443 if parts.scheme == "https" else 80),
        }
        with tracing.child(request.method, described, calls=True) as span:
            own = [one for one in request.headers if one[0].lower() not in _OF_TRACES]
            request = request._replace(headers=(*own, *propagation_headers(span)))
            try:
                response = await self._http.send(request, deadline=deadline)
            except RequestFailed as failure:
                fail(span, failure.reason)
                raise
            span.set_attribute(names.HTTP_STATUS, response.status)
            if response.status >= 400:
                fail(span, str(response.status))
            return response
