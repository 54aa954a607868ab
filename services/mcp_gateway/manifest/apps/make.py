"""Read the `app` of each tool, and find what its view shows and calls."""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mcp_gateway.catalogue.apps import App, AppField, AppLink, Source, View
from mcp_gateway.catalogue.tool import Tool
from mcp_gateway.manifest.apps.fields import (
    MOST_LINES,
    choose_columns,
    describe_field,
    find_lists,
    is_shown,
    known_names,
    merge_schema,
    properties_of,
    schema_at,
)
from mcp_gateway.openapi.document import OpenApiDocument, UnknownOperation
from mcp_gateway.openapi.responses import find_answer
from mcp_gateway.results.fields import EACH, FieldPath, format_field, parse_field
from mcp_gateway.text import tidy_text


@dataclass(frozen=True, slots=True)
class AppEntry:
    """The manifest's `app` of one tool; None means the default."""

    view: View
    title: str | None = None
    fields: tuple[FieldPath, ...] = ()
    at: FieldPath | None = None
    row: str | None = None
    submit: str | None = None


class UnusableApp(Exception):
    """An app can't be shown; the message begins with the key, as in `.row: …`."""


def read_app(source: Any) -> AppEntry | None:
    """Read the `app` of a tool from a manifest that matches the schema."""
    if source is None:
        return None
    value: Mapping[str, Any] = {"view": source} if isinstance(source, str) else source
    return AppEntry(
        view=value["view"],
        title=tidy_text(value["title"]) if "title" in value else None,
        fields=tuple(parse_field(field) for field in value.get("fields", ())),
        at=parse_field(value["at"]) if "at" in value else None,
        row=value.get("row"),
        submit=value.get("submit"),
    )


def add_apps(
    tools: Sequence[Tool], apps: Mapping[str, AppEntry], document: OpenApiDocument
) -> tuple[list[Tool], list[str]]:
    """Return the tools with their apps, and the problems, each as `tools.NAME.app.key: the fix`."""
    by_name = {tool.name: tool for tool in tools}
    added: list[Tool] = []
    problems: list[str] = []
    for tool in tools:
        entry = apps.get(tool.name)
        if entry is None:
            added.append(tool)
            continue
        try:
            app = _Maker(tool, entry, document, by_name, apps).make()
        except UnusableApp as problem:
            problems.append(f"tools.{tool.name}.app{problem}")
            continue
        shape = replace(tool.compiled_shape, for_app=True)
        added.append(replace(tool, app=app, compiled_shape=shape))
    return added, problems


class _Maker:
    """Makes the app of one tool."""

    def __init__(
        self,
        tool: Tool,
        entry: AppEntry,
        document: OpenApiDocument,
        tools: Mapping[str, Tool],
        apps: Mapping[str, AppEntry],
    ) -> None:
        self._tool = tool
        self._entry = entry
        self._references = document.references
        self._answer = merge_schema(_answer_of(tool, document), document.references)
        self._tools = tools
        self._apps = apps

    def make(self) -> App:
        """Return the app.

        Raises:
            UnusableApp: the answer can't be shown so, or a tool that it names can't be called so.
        """
        entry, tool = self._entry, self._tool
        title = entry.title or tool.title
        if entry.view == "form":
            self._refuse("fields", "at", "row", only="a table or a card")
        if entry.view == "card":
            self._refuse("row", only="a table")
        at, record = self._find_record()
        whole = (*at, EACH) if entry.view == "table" else at
        # What `shape.fields` removes fills no argument.
        sent = self._kept(whole, record)
        row = self._link_row(sent) if entry.row is not None else None
        if entry.view == "form":
            return App("form", title, submit=self._link_form(entry.submit or tool.name, sent))
        submit = None if entry.submit is None else self._link_form(entry.submit, sent)
        shown_at = ("result", *at) if self._answer.get("type") == "array" else at
        return App(entry.view, title, tuple(self._fields(at, record)), shown_at, row, submit)

    def _refuse(self, *keys: str, only: str) -> None:
        for key in keys:
            if getattr(self._entry, key):
                raise UnusableApp(f".{key}: only {only} has it; remove it")

    def _find_record(self) -> tuple[FieldPath, dict[str, Any]]:
        """Return the path of the list or record, and the schema of one record."""
        if self._entry.view != "table":
            at = self._entry.at or ()
            return at, schema_at(self._answer, at, self._references)
        at = self._find_list() if self._entry.at is None else self._entry.at
        return at, schema_at(self._answer, (*at, EACH), self._references)

    def _find_list(self) -> FieldPath:
        lists = list(dict.fromkeys(find_lists(self._answer, self._references)))
        pages = self._tool.compiled_shape.pages
        if pages is not None and pages.items in lists:
            return pages.items or ()
        if len(lists) == 1:
            return lists[0]
        if lists:
            named = ", ".join(format_field(path) for path in lists)
            raise UnusableApp(f".at: the answer has several lists; name one of {named}")
        raise UnusableApp(
            ".at: the document doesn't describe a list in the answer; name the list's path, "
            "such as `at: items`, and the columns with `fields`"
        )

    def _fields(self, at: FieldPath, record: dict[str, Any]) -> Iterator[AppField]:
        shape = self._tool.shape.fields
        whole = (*at, EACH) if self._entry.view == "table" else at
        named = self._entry.fields
        if not named:
            if self._entry.view == "table":
                named = tuple(choose_columns(self._kept(whole, record), self._references))
            else:
                named = tuple((name,) for name in properties_of(record))
                named = tuple(path for path in named if is_shown((*whole, *path), shape))
            if not named:
                raise UnusableApp(
                    ".fields: the document doesn't describe the answer; name the fields to show"
                )
        for path in named[:MOST_LINES]:
            if properties_of(record) and path[0] not in properties_of(record):
                near = difflib.get_close_matches(path[0], properties_of(record), n=1)
                hint = f"did you mean {near[0]}?" if near else f"it has {known_names(record)}"
                raise UnusableApp(f".fields: the answer doesn't have {path[0]}; {hint}")
            if not is_shown((*whole, *path), shape):
                said = format_field(path)
                raise UnusableApp(f".fields: `shape.fields` removes {said}; add it there")
            yield describe_field(path, schema_at(record, path, self._references))

    def _kept(self, whole: FieldPath, record: dict[str, Any]) -> dict[str, Any]:
        shape = self._tool.shape.fields
        kept = {
            name: schema
            for name, schema in properties_of(record).items()
            if is_shown((*whole, name), shape)
        }
        return {**record, "properties": kept}

    def _link_row(self, record: dict[str, Any]) -> AppLink:
        name = self._entry.row or ""
        target = self._find("row", name)
        linked = self._apps.get(name)
        if linked is None or linked.view != "card":
            raise UnusableApp(f".row: {name} has no card; give it `app: card`")
        filled: list[tuple[str, Source]] = []
        for argument in target.input_schema.get("required", ()):
            source = self._source_of(argument, record)
            if source is None:
                raise UnusableApp(
                    f".row: {name} needs {argument}, which is neither a field of a row that "
                    f"`shape.fields` keeps nor an argument of {self._tool.name}"
                )
            filled.append((argument, source))
        return AppLink(name, tuple(filled))

    def _link_form(self, name: str, record: dict[str, Any]) -> AppLink:
        target = self._find("submit", name)
        if target is self._tool:
            return AppLink(name)
        known = {} if self._entry.view == "table" else record
        filled: list[tuple[str, Source]] = []
        for argument in _identifying(target):
            source = self._source_of(argument, known)
            if source is not None:
                filled.append((argument, source))
        return AppLink(name, tuple(filled))

    def _find(self, key: str, name: str) -> Tool:
        target = self._tools.get(name)
        if target is None:
            near = difflib.get_close_matches(name, self._tools, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise UnusableApp(f".{key}: there is no exposed tool {name}{hint}")
        return target

    def _source_of(self, argument: str, record: dict[str, Any]) -> Source | None:
        fields, own = properties_of(record), self._tool.input_schema["properties"]
        if argument in fields:
            return ("record", argument)
        if argument in own:
            return ("input", argument)
        # `task_id` is the `id` of a row of `list_tasks`, but not of a row of `list_members`.
        kind, _, last = argument.rpartition("_")
        named = f"{self._tool.name} {self._tool.operation.path}".lower()
        return ("record", last) if kind and last in fields and kind.lower() in named else None


def _answer_of(tool: Tool, document: OpenApiDocument) -> Any:
    if tool.graphql is not None:
        return None
    try:
        found = document.find(tool.target)
    except UnknownOperation:
        return None
    return find_answer(document, found)


def _identifying(tool: Tool) -> Iterator[str]:
    """Yield the arguments that say which record a call is about: those of the path."""
    shown = tool.input_schema["properties"]
    if tool.graphql is None:
        placed = [p.argument for p in tool.operation.parameters if p.location == "path"]
    else:
        placed = [name for name in tool.input_schema.get("required", ()) if name.endswith("id")]
    yield from (argument for argument in placed if argument in shown)
