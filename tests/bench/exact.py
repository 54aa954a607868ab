"""The requests that the gateway writes, held against two other writers of OpenAPI requests.

`./dev bench exact`: at least 2,000 operations of real documents are imported, arguments are generated
for each from the tool's schema, and the request is compared with those of npm `swagger-client` and of
Python's `schemathesis`, part by part: path, query, headers, cookies and body. Equal bytes count as
`identical`, and bytes that every server decodes to the same values as `same`. Every other difference
must have a reason in `REASONS`; the bench fails if one has none.
"""

import argparse
import random
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from email import message_from_bytes
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote_to_bytes, urlsplit

import jsonschema_rs
import orjson
import requests  # noqa: TID251 - what schemathesis makes requests for
import schemathesis

sys.path.insert(0, str(Path(__file__).parents[1]))

from mcp_gateway.importing.proposal import Proposed, propose
from mcp_gateway.openapi.document import load_openapi
from mcp_gateway.requests.operation import Operation
from mcp_gateway.requests.serialise import RequestWriter, UnserialisableArgument
from support.processes.openapi_corpus import (
    cache_folder,
    install_sample,
    sample_folder,
    sample_names,
)

SWAGGER_CLIENT = "swagger-client@3.37.3"
BASE = "http://upstream.test/base"
OF_ONE_DOCUMENT = 60
FORM, MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data"
TEXTS = ("a b", "Zoë & Söhne", "100%", "1+1=2", "x,y", "q?#;", "it's (ok)!*", "日本", "a|b", "~._-")


@dataclass(frozen=True)
class Written:
    """One request in parts, each as written."""

    path: str
    query: str
    headers: Mapping[str, str]
    body: Any
    """Bytes or text as sent, a value that is sent as JSON, or the pairs of a multipart body."""


@dataclass
class Case:
    """One operation with generated arguments, and how the gateway writes it."""

    document: str
    proposed: Proposed
    arguments: Mapping[str, Any]
    ours: Written

    @property
    def operation(self) -> Operation:
        """The operation."""
        return self.proposed.tool.operation

    def by_location(self, location: str) -> dict[str, Any]:
        """Return the values of the parameters at a location by their own names."""
        return {
            one.name: self.arguments[one.argument]
            for one in self.operation.parameters
            if one.location == location and one.argument in self.arguments
        }

    def body(self) -> Any:
        """Return the body's value, or None if none is sent."""
        body = self.operation.body
        if body is None:
            return None
        if body.whole is not None:
            return self.arguments.get(body.whole)
        found = {
            name: self.arguments[argument]
            for argument, name in body.properties.items()
            if argument in self.arguments
        }
        return found if found or body.required else None


Reason = Callable[[Case, Written], bool]


class Values:
    """Generates values that a schema allows, always the same ones for a seed."""

    def __init__(self, schema: Mapping[str, Any], seed: str, share: float) -> None:
        """Take the tool's schema, and the share of optional members to fill."""
        self._root = schema
        self._random = random.Random(seed)  # noqa: S311 - no secret
        self._share = share

    def arguments(self, skipped: frozenset[str]) -> dict[str, Any]:
        """Generate the arguments of a call."""
        return self._members(self._root, 0, skipped)

    def _members(
        self, schema: Mapping[str, Any], depth: int, skipped: frozenset[str] = frozenset()
    ) -> dict[str, Any]:
        required = set(schema.get("required", ()))
        share = self._share if depth < 3 else 0
        return {
            name: self._value(one, depth + 1)
            for name, one in schema.get("properties", {}).items()
            if name not in skipped and (name in required or self._random.random() < share)
        }

    def _value(self, schema: Any, depth: int) -> Any:
        if not isinstance(schema, Mapping) or depth > 8:
            return "text"
        if "$ref" in schema:
            return self._value(self._root["$defs"][schema["$ref"].rpartition("/")[2]], depth)
        if "const" in schema:
            return schema["const"]
        if schema.get("enum"):
            return self._random.choice(schema["enum"])
        for keyword in ("anyOf", "oneOf"):
            if schema.get(keyword):
                found = self._value(self._random.choice(schema[keyword]), depth)
                beside = self._members(schema, depth)
                return {**found, **beside} if isinstance(found, dict) else found
        if "allOf" in schema:
            parts = [self._value(one, depth) for one in schema["allOf"]]
            if all(isinstance(one, dict) for one in parts):
                merged = {key: value for one in parts for key, value in one.items()}
                return {**merged, **self._members(schema, depth)}
            return parts[0]
        kind = schema.get("type")
        if isinstance(kind, list):
            kind = next((one for one in kind if one != "null"), "null")
        return self._of_kind(kind, schema, depth)

    def _of_kind(self, kind: str | None, schema: Mapping[str, Any], depth: int) -> Any:
        if kind == "object" or (kind is None and "properties" in schema):
            return self._members(schema, depth)
        if kind == "array":
            count = max(schema.get("minItems", 0), min(self._random.randint(1, 3), 3))
            count = min(count, schema.get("maxItems", count))
            return [self._value(schema.get("items", {}), depth + 1) for _ in range(count)]
        if kind in ("integer", "number"):
            low = schema.get("minimum", schema.get("exclusiveMinimum", 0))
            return int(low) + self._random.randint(1, 9)
        if kind == "boolean":
            return self._random.random() < 0.5
        return None if kind == "null" else self._text(schema)

    def _text(self, schema: Mapping[str, Any]) -> str:
        formats = {
            "date": "2026-11-28",
            "date-time": "2026-11-28T10:00:00Z",
            "uuid": "0b54cbcf-7a0d-4a3c-8f53-0d4d1f5e6f2a",
            "email": "ada@acme.example",
            "uri": "https://acme.example/a?b=c",
        }
        if schema.get("format") in formats:
            return formats[schema["format"]]
        text = self._random.choice(TEXTS)
        if "pattern" in schema:
            text = next(
                (
                    t
                    for t in (*TEXTS, "a", "1", "abc", "A1", "12")
                    if re.search(schema["pattern"], t)
                ),
                text,
            )
        text = text.ljust(schema.get("minLength", 0), "x")
        return text[: schema.get("maxLength", len(text))]


def find_arguments(proposed: Proposed, name: str) -> dict[str, Any] | None:
    """Generate arguments that the tool's schema allows, or None."""
    schema, operation = proposed.tool.input_schema, proposed.tool.operation
    validator = jsonschema_rs.Draft202012Validator(dict(schema), offline=True)
    body = operation.body
    skipped = frozenset({body.extra} if body is not None and body.extra else ())
    for attempt, share in enumerate((0.8, 0.5, 0.3, 0.0)):
        seed = f"{name} {proposed.found.key} {attempt}"
        found = Values(schema, seed, share).arguments(skipped)
        if validator.is_valid(found):
            return found
    return None


def read_body(sent: bytes, content_type: str) -> Any:
    """Read the value of a JSON body, or the pairs of a multipart body; others stay bytes."""
    if sent and "json" in content_type:
        try:
            return orjson.loads(sent)
        except orjson.JSONDecodeError:
            return sent
    if sent and content_type.startswith(MULTIPART):
        message = message_from_bytes(f"Content-Type: {content_type}\r\n\r\n".encode() + sent)
        return [
            [
                str(part.get_param("name", header="content-disposition")),
                part.get_payload(decode=True).decode(),  # type: ignore[union-attr]
            ]
            for part in message.walk()
            if not part.is_multipart()
        ]
    return sent


def take_apart(
    operation: Operation, url: str, headers: Mapping[str, str], body: bytes | None
) -> Written:
    """Take a request apart; only the headers count that the operation declares."""
    split = urlsplit(url)
    folded = {name.lower(): value for name, value in headers.items()}
    named = {one.name.lower() for one in operation.parameters if one.location == "header"}
    kept = {name: value for name, value in folded.items() if name in {*named, "cookie"}}
    content_type = folded.get("content-type", "")
    return Written(split.path, split.query, kept, read_body(body or b"", content_type))


@contextmanager
def swagger_client() -> Iterator[Callable[[Mapping[str, Any]], Any]]:
    """Start npm `swagger-client`; the value asks it to write a request."""
    folder = cache_folder().parent / "swagger-client"
    if not (folder / "node_modules").exists():
        folder.mkdir(parents=True, exist_ok=True)
        install = ("npm", "install", "--silent", "--ignore-scripts", "--no-audit", "--no-fund")
        subprocess.run([*install, SWAGGER_CLIENT], cwd=folder, check=True)
    node = shutil.which("node")
    assert node, "node is needed"
    program = Path(__file__).parent / "peers" / "swagger_client.mjs"
    with subprocess.Popen(
        [node, program, folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin and process.stdout

        def ask(asked: Mapping[str, Any]) -> Any:
            assert process.stdin and process.stdout
            process.stdin.write(orjson.dumps(asked) + b"\n")
            process.stdin.flush()
            return orjson.loads(process.stdout.readline())

        yield ask
        process.stdin.close()


def ask_swagger_client(case: Case, ask: Callable[[Mapping[str, Any]], Any]) -> Written | str:
    """Have `swagger-client` write a case; a text is its refusal."""
    operation = case.operation
    given = {
        f"{location}.{name}": value
        for location in ("path", "query", "header", "cookie")
        for name, value in case.by_location(location).items()
    }
    answer = ask(
        {
            "method": operation.method,
            "path": case.proposed.found.path,
            "server": operation.base_url or BASE,
            "parameters": given,
            "body": case.body(),
            "contentType": operation.body.content_type if operation.body else None,
        }
    )
    if "error" in answer:
        return str(answer["error"])
    sent = answer["body"]
    plain = sent.encode() if isinstance(sent, str) else None
    written = take_apart(operation, answer["url"], answer["headers"], plain)
    # It leaves values for JSON and for multipart bodies to `fetch`.
    return replace(written, body=sent) if isinstance(sent, dict | list) else written


def ask_schemathesis(case: Case, schema: Any) -> Written | str:
    """Have `schemathesis` write a case; a text is its refusal."""
    operation, body = case.operation, case.body()
    found = schema[case.proposed.found.path][operation.method.lower()]

    def styled(location: str) -> dict[str, Any]:
        write = found.get_parameter_serializer(location)
        values = case.by_location(location)
        return dict(write(values)) if write is not None else values

    made = found.Case(
        # Its own generators encode plain values of the path.
        path_parameters={
            name: quote(value, safe="") if type(value) is str else value
            for name, value in styled("path").items()
        },
        query=styled("query"),
        headers=styled("header"),
        cookies=styled("cookie"),
        **({} if body is None else {"body": body, "media_type": operation.body.content_type}),  # type: ignore[union-attr]
    )
    kept = ("method", "url", "headers", "params", "json", "data", "files", "cookies")
    said = made.as_transport_kwargs(base_url=operation.base_url or BASE)
    request = requests.Request(**{k: v for k, v in said.items() if k in kept}).prepare()
    sent = request.body.encode() if isinstance(request.body, str) else request.body
    assert sent is None or isinstance(sent, bytes)
    headers = {n: v.decode() if isinstance(v, bytes) else v for n, v in request.headers.items()}
    return take_apart(operation, request.url or "", headers, sent)


def decoded(text: str | bytes) -> list[tuple[bytes, bytes]]:
    """Read a query or a form as every server does."""
    raw = text.encode() if isinstance(text, str) else text
    pairs = [part.partition(b"=") for part in raw.split(b"&") if part]
    return [
        (unquote_to_bytes(k.replace(b"+", b" ")), unquote_to_bytes(v.replace(b"+", b" ")))
        for k, _, v in pairs
    ]


def pairs_of(body: Any) -> list[tuple[bytes, bytes]] | None:
    """List the pairs of a form or multipart body, or None for another one."""
    if isinstance(body, bytes):
        return decoded(body)
    if isinstance(body, list) and all(isinstance(one, list) and len(one) == 2 for one in body):
        return [(name.encode(), str(value).encode()) for name, value in body]
    return None


def compare(case: Case, theirs: Written) -> Iterator[tuple[str, str]]:
    """Yield each part with `identical`, `same` or `different`."""
    ours = case.ours
    body = case.operation.body
    form = body is not None and body.content_type.startswith((FORM, MULTIPART))
    reads: Mapping[str, Callable[[Any], Any]] = {
        "path": lambda path: [unquote_to_bytes(segment) for segment in path.split("/")],
        "query": lambda query: sorted(decoded(query)),
        "headers": dict,
        "body": (lambda sent: sorted(pairs_of(sent) or [])) if form else (lambda sent: sent),
    }
    for part, read in reads.items():
        mine, other = getattr(ours, part), getattr(theirs, part)
        if mine == other:
            yield part, "identical"
        else:
            yield part, "same" if read(mine) == read(other) else "different"


def joins_arrays(case: Case, theirs: Written) -> bool:
    """Tell whether only arrays of a form differ."""
    given = case.body()
    if not isinstance(given, Mapping):
        return False
    arrays = {name.encode() for name, value in given.items() if isinstance(value, list)}
    mine, other = pairs_of(case.ours.body) or [], pairs_of(theirs.body) or []

    def rest(pairs: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        return sorted(p for p in pairs if arrays.isdisjoint({p[0], p[0].partition(b"[")[0]}))

    return bool(arrays) and rest(mine) == rest(other)


def sends_bare_text(case: Case, theirs: Written) -> bool:
    """Tell whether a JSON text lacks its quotation marks."""
    return isinstance(case.ours.body, str) and theirs.body == case.ours.body.encode()


def drops_text(case: Case, theirs: Written) -> bool:
    """Tell whether a text is missing that is the whole body."""
    return isinstance(case.ours.body, str) and theirs.body == b""


def in_python(read: Callable[[Written], list[tuple[bytes, bytes]] | None]) -> Reason:
    """Make the test whether only truth values differ, which the other writes as Python does."""

    def holds(case: Case, theirs: Written) -> bool:
        mine, other = read(case.ours) or [], read(theirs) or []
        spelled = {b"True": b"true", b"False": b"false"}
        return sorted(mine) == sorted((name, spelled.get(v, v)) for name, v in other)

    return holds


REASONS: Mapping[tuple[str, str], Sequence[tuple[str, Reason]]] = {
    ("swagger-client", "body"): (
        ("it writes an array of a form as one text", joins_arrays),
        ("it sends a text as JSON without quotation marks", sends_bare_text),
        ("it leaves a text out that is the whole body", drops_text),
    ),
    ("schemathesis", "query"): (
        ("it writes True and False as Python does", in_python(lambda one: decoded(one.query))),
    ),
    ("schemathesis", "body"): (
        ("it writes True and False as Python does", in_python(lambda one: pairs_of(one.body))),
        ("it writes an array of objects of a form as one text", joins_arrays),
    ),
}
"""The differences that are explained, by the other writer and the part."""


@dataclass
class Tally:
    """What was counted."""

    left_out: Counter[str] = field(default_factory=Counter)
    verdicts: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    """By writer, part and verdict."""
    unexplained: list[str] = field(default_factory=list)
    compared: int = 0


def make_case(name: str, proposed: Proposed, tally: Tally) -> Case | None:
    """Generate arguments and have the gateway write the request, or count why not."""
    operation = proposed.tool.operation
    if operation.renamed or (operation.body is not None and operation.body.files):
        tally.left_out["has files, or keys inside of values that are renamed"] += 1
        return None
    arguments = find_arguments(proposed, name)
    if arguments is None:
        tally.left_out["no arguments were generated that its schema allows"] += 1
        return None
    try:
        request = RequestWriter(operation, BASE).write(arguments)
    except UnserialisableArgument as error:
        tally.left_out[f"refused: {error.message}"] += 1
        return None
    written = take_apart(operation, request.url, dict(request.headers), request.body)
    return Case(name, proposed, arguments, written)


def judge(case: Case, writer: str, theirs: Written | str, tally: Tally) -> None:
    """Count how one other writer's request compares."""
    if isinstance(theirs, str):
        tally.verdicts[writer, "request", f"it writes none: {theirs[:70]}"] += 1
        return
    for part, verdict in compare(case, theirs):
        if verdict == "different":
            known = REASONS.get((writer, part), ())
            verdict = next((words for words, holds in known if holds(case, theirs)), "UNEXPLAINED")
        if verdict == "UNEXPLAINED":
            mine, other = getattr(case.ours, part), getattr(theirs, part)
            place = f"{case.document} {case.proposed.found.key}"
            tally.unexplained.append(f"{writer}, {part}, {place}:\n  {mine!r}\n  {other!r}")
        tally.verdicts[writer, part, verdict] += 1


def compare_document(
    name: str, ask: Callable[[Mapping[str, Any]], Any], tally: Tally, most: int
) -> None:
    """Compare the operations of a document."""
    document = load_openapi(sample_folder() / name)
    proposal = propose(document, name=name, bind={}, expose_all=True)
    plain = cache_folder() / "document-of-the-bench.json"
    plain.write_bytes(orjson.dumps(document.root, default=str))
    ask({"document": str(plain)})
    schema = schemathesis.openapi.from_dict(orjson.loads(plain.read_bytes()))
    enough = min(most, tally.compared + OF_ONE_DOCUMENT)
    for proposed in proposal.proposed:
        if tally.compared >= enough:
            return
        case = make_case(name, proposed, tally)
        if case is None:
            continue
        tally.compared += 1
        judge(case, "swagger-client", ask_swagger_client(case, ask), tally)
        try:
            theirs: Written | str = ask_schemathesis(case, schema)
        except requests.exceptions.InvalidHeader:
            theirs = "a header that is not a text"
        judge(case, "schemathesis", theirs, tally)


def main() -> int:
    """Compare, and write a table."""
    parser = argparse.ArgumentParser(prog="./dev bench exact")
    parser.add_argument("--operations", type=int, default=2_500)
    options = parser.parse_args()
    install_sample()
    tally = Tally()
    with swagger_client() as ask:
        for name in sample_names():
            compare_document(name, ask, tally, options.operations)
    say(f"{tally.compared} operations of real documents, and beside them:\n")
    for why, number in tally.left_out.most_common():
        say(f"- {number}: {why}")
    say("\n| writer | part | result | operations |\n|---|---|---|---|")
    for (writer, part, verdict), number in sorted(tally.verdicts.items()):
        say(f"| {writer} | {part} | {verdict} | {number} |")
    for one in tally.unexplained[:20]:
        say(f"\n{one}")
    return int(bool(tally.unexplained))


def say(line: str) -> None:
    """Write one line."""
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main())
