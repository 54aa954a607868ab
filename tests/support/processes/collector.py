"""A collector that keeps the spans it receives."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


class Received(NamedTuple):
    """One span."""

    service: str
    name: str
    trace_id: bytes
    span_id: bytes
    parent_id: bytes
    began: int
    ended: int
    attributes: dict[str, str]
    headers: dict[str, str]
    """The headers of the request that brought it, by their names in lower case."""


@contextmanager
def collecting() -> Iterator[tuple[str, list[Received]]]:
    """Take spans over OTLP for as long as the block lasts; yield where, and the spans so far."""
    received: list[Received] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            received.extend(
                _read(body, {key.lower(): value for key, value in self.headers.items()})
            )
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1/traces", received
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _read(body: bytes, headers: dict[str, str]) -> Iterator[Received]:
    for part in ExportTraceServiceRequest.FromString(body).resource_spans:
        described = {one.key: one.value.string_value for one in part.resource.attributes}
        for span in (span for scope in part.scope_spans for span in scope.spans):
            yield Received(
                described["service.name"],
                span.name,
                span.trace_id,
                span.span_id,
                span.parent_span_id,
                span.start_time_unix_nano,
                span.end_time_unix_nano,
                {one.key: one.value.string_value for one in span.attributes},
                headers,
            )
