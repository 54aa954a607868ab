"""CPU of checking and shaping one answer, by what the manifest asks for.

`./dev bench shaping`: listings of 1, 20, 100 and 800 records through the pure functions that the pipeline
calls, in one process. Parsing is the floor, because any work on JSON needs it.
"""

import sys
import timeit
from collections.abc import Callable
from functools import partial
from pathlib import Path

import orjson

sys.path.insert(0, str(Path(__file__).parents[1]))

from mcp_gateway.http_client.port import HttpResponse
from mcp_gateway.results.answer import read_answer
from mcp_gateway.results.check import compile_check
from mcp_gateway.results.content import CompiledShape, shape_answer
from mcp_gateway.results.edit import compile_edit
from mcp_gateway.results.fields import parse_field
from mcp_gateway.results.pagination import Pagination

OWNER = {"id": "usr_ada", "mail": "ada@acme.example"}
CHECK = compile_check(parse_field("items[].org_id"))
PAGES = Pagination("cursor", "cursor", "cursor", "limit", next=("next_cursor",), items=("items",))
FIELDS = [parse_field(place) for place in ("items[].id", "items[].title", "items[].owner")]
EDIT = compile_edit(FIELDS, [parse_field("items[].owner.mail")])
SHAPINGS = {
    "nothing said": CompiledShape(),
    "paging": CompiledShape(pages=PAGES),
    "fields and redact": CompiledShape(edit=EDIT),
    "guard": CompiledShape(guard="report"),
    "most_bytes: 1024": CompiledShape(most_bytes=1024),
}


def listing(records: int) -> bytes:
    """Write an answer of so many records."""
    items = [
        {"id": n, "title": f"Task number {n}", "owner": OWNER, "org_id": "org_acme", "done": False}
        for n in range(records)
    ]
    return orjson.dumps({"items": items, "next_cursor": "b3JnX2FjbWU"})


def shape_body(shape: CompiledShape, body: bytes) -> object:
    """Shape one answer."""
    return shape_answer(HttpResponse(200, "application/json", body), shape, name="bench")


def check_body(body: bytes, wanted: frozenset[str]) -> bool:
    """Check one answer, whose text is then that of the checked value."""
    return CHECK(read_answer(body, exact=True).rewritten().value, wanted)


def microseconds(work: Callable[[], object], times: int) -> float:
    """Measure one run, as the best of nine series."""
    return min(timeit.repeat(work, number=times, repeat=9)) / times * 1e6


def main() -> None:
    """Print the table."""
    bodies = [listing(records) for records in (1, 20, 100, 800)]
    head = " | ".join(f"{len(body):,} bytes" for body in bodies)
    write(f"| µs an answer | {head} |\n|---|{'---|' * len(bodies)}")
    wanted = frozenset({"org_acme"})
    rows: dict[str, Callable[[bytes], object]] = {
        "only parsing": orjson.loads,
        "`check`, parsing included": lambda body: check_body(body, wanted),
        **{name: partial(shape_body, shape) for name, shape in SHAPINGS.items()},
    }
    for name, row in rows.items():
        costs = (microseconds(partial(row, body), 200_000 // len(body) + 10) for body in bodies)
        write(f"| {name} | {' | '.join(f'{cost:.1f}' for cost in costs)} |")


def write(line: str) -> None:
    """Write a line of the report."""
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    main()
