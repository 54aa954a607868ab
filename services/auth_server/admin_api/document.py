"""The API's OpenAPI document, which anybody may read."""

from threading import Lock

import orjson
from fastapi import FastAPI
from starlette.responses import Response


def publish_document(app: FastAPI) -> None:
    """Serve the document of an app, written once, in a thread.

    Making it takes a second, and writing it takes longer than a request may hold the event loop.
    """
    written: list[bytes] = []
    lock = Lock()

    @app.get("/openapi.json", include_in_schema=False)
    def show_document() -> Response:
        with lock:
            if not written:
                written.append(orjson.dumps(app.openapi()))
        return Response(written[0], media_type="application/json")
