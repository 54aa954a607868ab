"""Convert the schema of an operation's answer to one that clients can check answers against.

It tells which members there are and of which types, and no more: an API may add members and values, so
nothing is closed, and a member that may be missing may be null, as APIs write it. Texts of a `pattern` or
`format`, bounds and the forms of a union are left out, because clients check them differently; without
them a check takes linear time.
"""

import re
from collections.abc import Container, Iterator
from dataclasses import dataclass
from typing import Any

from mcp_gateway.documents.references import References, UnresolvableReference
from mcp_gateway.schemas.budget import DEFS, Schema, TooLarge, map_inside
from mcp_gateway.schemas.keywords import UnusableSchema
from mcp_gateway.schemas.publishing import Publisher
from mcp_gateway.text import strip_text, strip_value, tidy_text

FieldPath = tuple[str, ...]

_KINDS = ("null", "boolean", "integer", "number", "string", "array", "object")
_LONGEST = 120
_MOST_EXAMPLES = 8
_MOST_PARTS = 50
_COMBINED = frozenset({"$ref", "allOf", "anyOf", "oneOf"})
_BESIDE = frozenset(
    """title description summary example examples default deprecated readOnly writeOnly externalDocs xml
    nullable x-nullable discriminator""".split()  # noqa: SIM905 - read as words
)
"""Keywords beside a reference that leave the form of its target as it is."""
_NULL: Schema = {"type": "null"}
_INHERITED = frozenset(
    """__defineGetter__ __defineSetter__ __lookupGetter__ __lookupSetter__ __proto__ constructor
    hasOwnProperty isPrototypeOf propertyIsEnumerable toLocaleString toString valueOf""".split()  # noqa: SIM905 - read as words
)
"""Members that every object of JavaScript has, so that its clients check them even if the answer has none."""


@dataclass(frozen=True, slots=True)
class Kept:
    """The fields of a value that are kept and redacted, as paths from there."""

    fields: tuple[FieldPath, ...] | None = None
    """None keeps everything."""
    redact: tuple[FieldPath, ...] = ()

    def within(self, part: str) -> "Kept | None":
        """Return the same of a member, or of the items of a list; None if it is removed."""
        fields = self.fields
        if fields is not None:
            fields = tuple(path[1:] for path in fields if path[:1] == (part,))
            if not fields:
                return None
            fields = None if () in fields else fields
        return Kept(fields, tuple(path[1:] for path in self.redact if path[:1] == (part,)))


WHOLE = Kept()


class AnswerSchemas:
    """The schemas of one document's answers, each component converted once."""

    def __init__(self, references: References, *, each: str) -> None:
        """Take the document's references, and the part of a path that means each item of a list."""
        self._references = references
        self._each = each
        self._names: dict[object, str] = {}
        self._sources: dict[str, Any] = {}
        self._components: dict[str, Schema] = {}
        self._publisher = Publisher(self._component, lambda _: frozenset())

    def publish(self, source: Any, kept: Kept, *, paged: bool) -> tuple[Schema, str, set[str]]:
        """Return the schema of structured content, and how an answer becomes that.

        The second value is the member that holds an unexpected answer, and the third has the JSON types
        of the answer itself: an object is the content, and anything else is the member `result` of it.

        Args:
            source: the schema of the document.
            kept: the fields that the model reads.
            paged: whether the gateway adds `nextCursor`.

        Raises:
            UnusableSchema: the document does not describe one form of the answer.
        """
        if not isinstance(source, dict):
            raise UnusableSchema("the document has no schema of a successful JSON answer")
        answer = self._convert(source, kept, at_root=True)
        kinds = answer.get("type", ())
        declared = {kinds} if isinstance(kinds, str) else {*kinds}
        kinds = declared - {"null"}
        if not kinds or ("object" in kinds and len(kinds) > 1):
            raise UnusableSchema("the document does not say whether its answer is an object")
        required = ["result"]
        properties: Schema = {"result": answer}
        if kinds == {"object"}:
            required, properties = answer.get("required", []), answer.get("properties", {})
        name = "unexpected"
        while name in properties:
            name += "_answer"
        more: Schema = {name: {"description": "The answer instead, if it has another form."}}
        if paged:
            more = {"nextCursor": {"description": "Given if there is a next page."}, **more}
        root: Schema = {"type": "object", "properties": {**more, **properties}}
        if required:
            root["anyOf"] = [{"required": required}, {"required": [name]}]
        if "null" in declared and "result" not in properties:
            root["properties"]["result"] = {"description": "The answer, if it is null.", **_NULL}
            root.get("anyOf", []).append({"required": ["result"]})
        elif kinds == {"object"}:
            declared = kinds
        try:
            return _merge_null(self._publisher.publish(root)), name, declared
        except (TooLarge, RecursionError):
            raise UnusableSchema("the schema of its answer is too large") from None

    def _component(self, ref: str) -> Schema:
        name = ref.removeprefix(DEFS)
        if name not in self._components:
            self._components[name] = self._convert(self._sources[name], WHOLE, at_root=True)
        return self._components[name]

    def _refer(self, key: object, source: Any, name: str) -> Schema:
        """Refer to a component, which is converted later, so that no cycle and no sharing costs time."""
        if key not in self._names:
            base = re.sub(r"[^A-Za-z0-9_.-]+", "_", name)[:60] or "Root"
            name, number = base, 2
            while name in self._sources:
                name, number = f"{base}_{number}", number + 1
            self._names[key], self._sources[name] = name, source
        return {"$ref": DEFS + self._names[key]}

    def _convert(
        self, source: Any, kept: Kept, *, at_root: bool = False, or_null: bool = False
    ) -> Schema:
        """Convert a schema; what can't be read allows everything."""
        if () in kept.redact or not isinstance(source, dict):
            return {}
        try:
            if kept == WHOLE and not at_root and not _COMBINED.isdisjoint(source):
                ref, nullable = self._only_reference(source)
                if ref is None:
                    referred = self._refer(id(source), source, "Form")
                else:
                    name = ref.rpartition("/")[2]
                    referred = self._refer(ref, self._references.find(ref), name)
                return {"anyOf": [referred, _NULL]} if nullable or or_null else referred
            parts = list(self._parts(source, set()))
            return self._write([*parts, {"nullable": True}] if or_null else parts, kept)
        except UnresolvableReference:
            return {}

    def _only_reference(self, source: Schema) -> tuple[str | None, bool]:
        """Return the reference that a schema wraps, and whether it adds null; None if it does more."""
        nullable = source.get("nullable") is True or source.get("x-nullable") is True
        rest = source.keys() - _BESIDE
        if rest == {"$ref"}:
            return (source["$ref"] if isinstance(source["$ref"], str) else None), nullable
        if len(rest) != 1:
            return None, False
        key = rest.pop()
        forms = _list(source, key)
        others = forms if key == "allOf" else [form for form in forms if not _is_null(form)]
        if len(others) != 1 or not isinstance(others[0], dict):
            return None, False
        ref, inner = self._only_reference(others[0])
        return ref, nullable or inner or len(others) < len(forms)

    def _parts(self, source: Any, seen: set[int]) -> Iterator[Schema]:
        """Yield a schema, and those that hold beside it, without references."""
        if isinstance(source, dict) and "$ref" in source:
            yield from self._parts(self._references.follow(source), seen)
            yield {key: value for key, value in source.items() if key not in {"$ref", "type"}}
            return
        target = source
        if not isinstance(target, dict) or id(target) in seen or len(seen) >= _MOST_PARTS:
            return
        seen.add(id(target))
        for part in _list(target, "allOf"):
            yield from self._parts(part, seen)
        forms, nullable = self._forms(target)
        if len(forms) == 1:
            yield from self._parts(forms[0], seen)
        if nullable:
            yield {"nullable": True}
        yield target

    def _forms(self, source: Schema) -> tuple[list[Any], bool]:
        """Return the forms of a union except null, and whether null is one."""
        forms = _list(source, "anyOf") or _list(source, "oneOf")
        kept = [form for form in forms if not _is_null(form)]
        return kept, len(kept) < len(forms)

    def _write(self, parts: list[Schema], kept: Kept) -> Schema:
        kinds: set[str] = set()
        out: Schema = {}
        properties: Schema = {}
        required: dict[str, None] = {}
        nullable = False
        for part in parts:
            kinds = self._kinds(part) or kinds
            nullable |= part.get("nullable") is True or part.get("x-nullable") is True
            if isinstance(part.get("description"), str):
                out["description"] = part["description"]
            known = part.get("enum", [part["const"]] if "const" in part else ())
            if isinstance(known, list) and known:
                nullable |= None in known
                told = [value for value in known if value is not None]
                out["examples"] = strip_value(told[:_MOST_EXAMPLES])
            if isinstance(part.get("properties"), dict):
                properties |= part["properties"]
            names = (n for n in _list(part, "required") if isinstance(n, str))
            required |= dict.fromkeys(map(strip_text, names))
            if "items" in part and (inner := kept.within(self._each)) is not None:
                out["items"] = self._convert(part["items"], inner)
        if out.get("description"):
            out["description"] = _begin(tidy_text(out["description"]))
        if properties:
            kinds = kinds or {"object"}
            out["properties"] = members = self._members(properties, required, kept)
            wanted = [n for n in required if n in members and self._stays(members[n], n, kept)]
            if wanted:
                out["required"] = wanted
        if kinds and nullable:
            kinds = kinds | {"null"}
        is_redacted = bool(kept.redact) and kinds - {"null"} not in ({"object"}, {"array"})
        if kinds and not is_redacted:
            ordered = [kind for kind in _KINDS if kind in kinds]
            out["type"] = ordered[0] if len(ordered) == 1 else ordered
        return out

    def _members(self, properties: Schema, required: Container[str], kept: Kept) -> Schema:
        members: Schema = {}
        for name, source in properties.items():
            inner, told = kept.within(name), strip_text(name)
            if inner is None or self._is_write_only(source):
                continue
            may_be_null = told not in required
            members[told] = (
                {} if told in _INHERITED else self._convert(source, inner, or_null=may_be_null)
            )
        return members

    def _stays(self, member: Schema, name: str, kept: Kept) -> bool:
        """Tell whether the fields that are kept leave a member, whatever form its value has."""
        inner = kept.within(name)
        if inner is None or inner.fields is None:
            return inner is not None
        lists = {path[0] == self._each for path in inner.fields}
        return {"array": True in lists, "object": False in lists}.get(
            str(member.get("type")), False
        )

    def _is_write_only(self, source: Any) -> bool:
        try:
            target = self._references.follow(source)
        except UnresolvableReference:
            return False
        return any(isinstance(s, dict) and s.get("writeOnly") is True for s in (source, target))

    def _kinds(self, source: Schema, depth: int = 0) -> set[str]:
        """Return the JSON types that a schema declares, empty if it does not declare them all."""
        declared = source.get("type")
        if isinstance(declared, str | list):
            given = [declared] if isinstance(declared, str) else declared
            kinds = {kind for kind in given if kind in _KINDS}
            return kinds - {"integer"} if "number" in kinds else kinds
        if isinstance(source.get("properties"), dict):
            return {"object"}
        forms, _ = self._forms(source)
        found: set[str] = set()
        for form in forms if len(forms) > 1 and depth < 5 else ():
            target = self._references.follow(form)
            kinds = self._kinds(target, depth + 1) if isinstance(target, dict) else set()
            if not kinds:
                return set()
            found |= kinds | ({"null"} if target.get("nullable") is True else set())
        return found


def _list(source: Schema, key: str) -> list[Any]:
    value = source.get(key)
    return value if isinstance(value, list) else []


def _is_null(form: Any) -> bool:
    return isinstance(form, dict) and (form.get("type") == "null" or form.get("enum") == [None])


def _merge_null(schema: Schema) -> Schema:
    """Write a choice between null and a schema that is not a reference as one schema."""
    merged = {key: map_inside(key, value, _merge_null) for key, value in schema.items()}
    forms = merged.get("anyOf", [])
    if len(forms) != 2 or forms[1] != _NULL or "$ref" in forms[0]:
        return merged
    kinds = forms[0].get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    return {**forms[0], "type": ["null", *kinds]} if kinds and "null" not in kinds else forms[0]


def _begin(text: str) -> str:
    """Return the first sentence of a text, or its first words."""
    sentence = text.partition("\n")[0].partition(". ")[0]
    if len(sentence) <= _LONGEST:
        return sentence
    return sentence[:_LONGEST].rpartition(" ")[0] + "…"
