"""Lists as files: CSV for spreadsheets, and one JSON object a line for programs."""

import csv
from collections.abc import AsyncIterator, Sequence
from io import StringIO
from typing import Any, Literal

import orjson
from pydantic import BaseModel
from starlette.responses import StreamingResponse

Format = Literal["csv", "ndjson"]
_TYPES = {"csv": "text/csv; charset=utf-8", "ndjson": "application/x-ndjson"}
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def stream_rows(
    batches: AsyncIterator[Sequence[BaseModel]],
    model: type[BaseModel],
    file_format: Format,
    *,
    name: str,
) -> StreamingResponse:
    """Make a response that a browser saves, written batch by batch.

    Args:
        batches: the rows.
        model: their type, whose fields are the columns.
        file_format: how to write them.
        name: the name of the file, without the format.
    """
    columns = list(model.model_fields)

    async def write() -> AsyncIterator[bytes]:
        if file_format == "csv":
            yield _write_csv([columns])
        async for rows in batches:
            if file_format == "csv":
                values = [row.model_dump(mode="json") for row in rows]
                yield _write_csv([[row[column] for column in columns] for row in values])
            else:
                yield "".join(f"{row.model_dump_json()}\n" for row in rows).encode()

    headers = {
        "Cache-Control": "no-store",
        "Content-Disposition": f'attachment; filename="{name}.{file_format}"',
        "X-Content-Type-Options": "nosniff",
    }
    return StreamingResponse(write(), media_type=_TYPES[file_format], headers=headers)


def _write_csv(rows: Sequence[Sequence[Any]]) -> bytes:
    text = StringIO()
    csv.writer(text).writerows([[_cell(value) for value in row] for row in rows])
    return text.getvalue().encode()


def _cell(value: Any) -> Any:
    if isinstance(value, dict):
        value = orjson.dumps(value).decode()
    # A spreadsheet would run a text that begins like a formula.
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
