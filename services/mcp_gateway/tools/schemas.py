"""Schemas of OpenAPI 3.0 and 3.1 documents as JSON Schema 2020-12 for a model's arguments.

A converted schema refers to components as `#/$defs/Name`; each component is converted once for the
document. `publish` makes one of them self-contained: a component that is used once or is tiny takes
its place, a shared or recursive one stays in `$defs`. Sources: OpenAPI 3.0.4 §4.7.24, OpenAPI 3.1.1
§4.8.24, JSON Schema 2020-12.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import jsonschema_rs

from mcp_gateway.tools.references import References

Schema = dict[str, Any]

_ONE = (
    "items", "not", "if", "then", "else", "contains", "propertyNames", "additionalProperties",
    "unevaluatedItems", "unevaluatedProperties",
)  # fmt: skip
_MANY = ("allOf", "anyOf", "oneOf", "prefixItems")
_NAMED = ("properties", "patternProperties", "dependentSchemas")
_TEXTS = ("description", "title", "format", "contentEncoding", "contentMediaType")
_NUMBERS = ("maximum", "minimum", "exclusiveMaximum", "exclusiveMinimum")
_COUNTS = (
    "maxLength", "minLength", "maxItems", "minItems", "maxProperties", "minProperties",
    "maxContains", "minContains",
)  # fmt: skip
ANNOTATIONS = frozenset({"description", "title", "default", "examples", "deprecated"})
TYPES = frozenset({"string", "number", "integer", "boolean", "array", "object", "null"})
_DEFS = "#/$defs/"
# Properties left out because the upstream sets them; kept by name until the schema is published,
# since a part of an `allOf` may require what another part marks as read-only.
_LEFT_OUT = "readOnly"
_MOST_NODES = 20_000
_LONGEST_EXAMPLE = 200


class UnusableSchema(Exception):
    """A schema can't be brought to 2020-12, or is too large; the message says why."""


class Schemas:
    """The schemas of one document, converted on demand and once."""

    def __init__(self, references: References, *, openapi_30: bool) -> None:
        """Take the document's references and which of the two schema dialects it speaks."""
        self._references = references
        self._openapi_30 = openapi_30
        self._names: dict[str, str] = {}
        self._sources: dict[str, Any] = {}
        self._converted: dict[str, Schema] = {}
        self._converting: set[str] = set()
        self._patterns: dict[str, bool] = {}

    # Conversion

    def convert(self, source: object) -> Schema:
        """Bring one schema to 2020-12, without what the upstream marks as read-only.

        Raises:
            UnusableSchema: it is no schema, or uses what can't be converted.
            UnresolvableReference: a reference in it leads nowhere.
        """
        if source is True:
            return {}
        if source is False:
            return {"not": {}}
        if not isinstance(source, dict):
            raise UnusableSchema("a schema is neither an object nor a boolean")
        if "$dynamicRef" in source or "$recursiveRef" in source:
            raise UnusableSchema("$dynamicRef is not supported")
        if "$ref" in source:
            beside = {key: value for key, value in source.items() if key != "$ref"}
            if self._openapi_30:  # Where siblings carry no constraint.
                beside = {key: beside[key] for key in ANNOTATIONS & beside.keys()}
            return {**self._convert_keywords(beside), "$ref": self._refer(source["$ref"])}
        return self._merge_all_of(self._convert_nullable(source))

    def _refer(self, ref: object) -> str:
        target = self._references.find(ref)
        text = str(ref)
        if text not in self._names:
            last = text.rstrip("/").rpartition("/")[2] or "Root"
            base = re.sub(r"[^A-Za-z0-9_.-]+", "_", last)[:60]
            name, number = base, 2
            while name in self._sources:
                name, number = f"{base}_{number}", number + 1
            self._names[text] = name
            self._sources[name] = target
        return _DEFS + self._names[text]

    def _component(self, ref: str) -> Schema:
        name = ref.removeprefix(_DEFS)
        if name not in self._converted:
            source = self._sources[name]
            self._references.follow(source)  # Refuses a chain that comes back to itself.
            self._converting.add(name)
            try:
                converted = self.convert(source)
            finally:
                self._converting.discard(name)
            self._converted[name] = without_echo(name, converted)
        return self._converted[name]

    def _convert_nullable(self, source: Schema) -> Schema:
        """Write `nullable: true` of OpenAPI 3.0 with the type `null`."""
        if not self._openapi_30 or source.get("nullable") is not True:
            return self._convert_keywords(source)
        plain = {key: value for key, value in source.items() if key != "nullable"}
        converted = self._convert_keywords(plain)
        if isinstance(converted.get("type"), str):
            converted["type"] = [converted["type"], "null"]
            if "enum" in converted and None not in converted["enum"]:
                converted["enum"] = [*converted["enum"], None]
            return converted
        if not {"allOf", "anyOf", "oneOf", "enum", "not"} & converted.keys():
            return converted
        beside = {key: converted.pop(key) for key in ANNOTATIONS & converted.keys()}
        return {"anyOf": [self._merge_all_of(converted), {"type": "null"}], **beside}

    def _convert_keywords(self, source: Schema) -> Schema:
        """Keep what 2020-12 knows, each keyword in its 2020-12 form; drop the rest."""
        out: Schema = {}
        kind = source.get("type")
        if isinstance(kind, list):
            out["type"] = list(dict.fromkeys(kind))
        elif kind is not None:
            out["type"] = kind
        for keyword in _TEXTS:
            if isinstance(source.get(keyword), str) and source[keyword].strip():
                out[keyword] = tidy_text(source[keyword])
        if out.get("format") == "byte":
            del out["format"]
            out["contentEncoding"] = "base64"
        self._convert_numbers(source, out)
        for keyword in _ONE:
            if isinstance(source.get(keyword), dict | bool):
                value = source[keyword]
                out[keyword] = value if isinstance(value, bool) else self.convert(value)
        if isinstance(source.get("items"), list) and source["items"]:  # A tuple before 2020-12.
            out["prefixItems"] = [self.convert(item) for item in source["items"]]
        for keyword in _MANY:
            if isinstance(source.get(keyword), list) and source[keyword]:
                out[keyword] = [self.convert(item) for item in source[keyword]]
        for keyword in _NAMED[1:]:
            if isinstance(source.get(keyword), dict):
                out[keyword] = {k: self.convert(v) for k, v in source[keyword].items()}
        self._convert_properties(source, out)
        for keyword in ("enum", "examples"):
            if isinstance(source.get(keyword), list) and source[keyword]:
                out[keyword] = source[keyword]
        if "example" in source and "examples" not in out:
            out["examples"] = [source["example"]]
        if len(str(out.get("examples", ""))) > _LONGEST_EXAMPLE:
            del out["examples"]
        for keyword in ("const", "default"):
            if keyword in source:
                out[keyword] = source[keyword]
        for keyword in ("uniqueItems", "deprecated"):
            if source.get(keyword) is True:
                out[keyword] = True
        if isinstance(source.get("pattern"), str) and self._compiles(source["pattern"]):
            out["pattern"] = source["pattern"]
        return out

    def _convert_numbers(self, source: Schema, out: Schema) -> None:
        for keyword in _NUMBERS:
            value = source.get(keyword)
            if isinstance(value, int | float) and not isinstance(value, bool):
                out[keyword] = value
        for bound in ("Maximum", "Minimum"):  # Booleans beside the bound in OpenAPI 3.0.
            if source.get(f"exclusive{bound}") is True and bound.lower() in out:
                out[f"exclusive{bound}"] = out.pop(bound.lower())
        for keyword in _COUNTS:
            value = source.get(keyword)
            if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
                out[keyword] = value
        multiple = source.get("multipleOf")
        if isinstance(multiple, int | float) and not isinstance(multiple, bool) and multiple > 0:
            out["multipleOf"] = multiple

    def _convert_properties(self, source: Schema, out: Schema) -> None:
        left_out: set[str] = set()
        properties = source.get("properties")
        if isinstance(properties, dict):
            left_out = {name for name, value in properties.items() if self._is_read_only(value)}
            out["properties"] = {
                name: without_echo(name, self.convert(value))
                for name, value in properties.items()
                if name not in left_out
            }
        if left_out:
            out[_LEFT_OUT] = sorted(left_out)
        required = source.get("required")
        if isinstance(required, list):
            wanted = dict.fromkeys(name for name in required if isinstance(name, str))
            if names := [name for name in wanted if name not in left_out]:
                out["required"] = names
        dependent = source.get("dependentRequired")
        if isinstance(dependent, dict):
            out["dependentRequired"] = dependent

    def _is_read_only(self, source: object) -> bool:
        target = self._references.follow(source)
        return any(isinstance(s, dict) and s.get("readOnly") is True for s in (source, target))

    def _compiles(self, pattern: str) -> bool:
        if pattern not in self._patterns:
            try:
                jsonschema_rs.Draft202012Validator({"pattern": pattern}, offline=True)
            except ValueError:
                # Another dialect's pattern: the upstream checks it, the schema can't say it.
                self._patterns[pattern] = False
            else:
                self._patterns[pattern] = True
        return self._patterns[pattern]

    # allOf

    def _merge_all_of(self, schema: Schema) -> Schema:
        """Fold `allOf` into the schema where that says exactly the same, else leave it."""
        parts = schema.get("allOf")
        if parts is None:
            return schema
        base = {key: value for key, value in schema.items() if key != "allOf"}
        if len(parts) == 1 and not base.keys() - ANNOTATIONS:
            return {**parts[0], **base}
        merged: Schema | None = {}
        for part in [*parts, base]:
            whole = self._inlined(part)
            merged = None if whole is None or merged is None else _merge(merged, whole)
        return schema if merged is None else merged

    def _inlined(self, part: Schema) -> Schema | None:
        """Answer a part with its reference replaced; None where that would never end."""
        if "$ref" not in part:
            return part
        if part["$ref"].removeprefix(_DEFS) in self._converting:
            return None
        beside = {key: value for key, value in part.items() if key != "$ref"}
        target = self._inlined(self._component(part["$ref"]))
        return None if target is None else _merge(target, beside)

    # Reading converted schemas

    def resolve(self, schema: Schema) -> Schema:
        """Answer a converted schema with a reference at its root replaced by what it names."""
        whole = self._inlined(schema)
        return schema if whole is None else whole

    def types(self, schema: Schema, depth: int = 0) -> frozenset[str]:
        """Tell which JSON types a converted schema lets through, as far as it says."""
        if depth > 20:
            return TYPES
        schema = self.resolve(schema)
        kinds = TYPES
        if "type" in schema:
            declared = schema["type"]
            kinds = frozenset([declared] if isinstance(declared, str) else declared)
        elif "const" in schema or "enum" in schema:
            values = schema.get("enum", [schema.get("const")])
            kinds = frozenset(_type_of(value) for value in values)
        elif "properties" in schema:
            kinds = frozenset({"object"})
        for keyword in ("anyOf", "oneOf"):
            if keyword in schema:
                kinds &= frozenset().union(*(self.types(s, depth + 1) for s in schema[keyword]))
        for part in schema.get("allOf", ()):
            kinds &= self.types(part, depth + 1)
        return kinds

    def without_null(self, schema: Schema) -> Schema:
        """Take `null` out of what a converted schema lets through at its root."""
        if "null" not in self.types(schema):
            return schema
        schema = dict(self.resolve(schema))
        if isinstance(schema.get("type"), list):
            kinds = [kind for kind in schema["type"] if kind != "null"]
            schema["type"] = kinds[0] if len(kinds) == 1 else kinds
        for keyword in ("anyOf", "oneOf"):
            if keyword in schema:
                kept = [s for s in schema.pop(keyword) if s.get("type") != "null"]
                if len(kept) != 1:
                    schema[keyword] = kept
                elif (merged := _merge(kept[0], schema)) is not None:
                    schema = merged
                else:
                    schema["allOf"] = [*schema.get("allOf", ()), *kept]
        if "enum" in schema:
            schema["enum"] = [value for value in schema["enum"] if value is not None]
        if "default" in schema and schema["default"] is None:
            del schema["default"]
        return schema

    # Publishing

    def publish(self, root: Schema) -> Schema:
        """Make a converted schema self-contained.

        Raises:
            UnusableSchema: it unfolds to too much, or is not valid 2020-12 after all.
            UnresolvableReference: a component it needs refers to nothing.
        """
        uses: Counter[str] = Counter()
        edges: dict[str, list[str]] = {"": []}
        queue: list[tuple[str, Schema]] = [("", root)]
        nodes = 0
        while queue:
            owner, schema = queue.pop()
            for node in walk(schema):
                nodes += 1
                if nodes > _MOST_NODES:
                    raise UnusableSchema(f"the schema unfolds to more than {_MOST_NODES} parts")
                if "$ref" in node:
                    name = node["$ref"].removeprefix(_DEFS)
                    uses[name] += 1
                    edges[owner].append(name)
                    if name not in edges:
                        edges[name] = []
                        queue.append((name, self._component(node["$ref"])))
        recursive = _recursive(edges)
        inlined = {
            name
            for name, count in uses.items()
            if name not in recursive and (count == 1 or _is_tiny(self._component(_DEFS + name)))
        }
        published = self._expand(root, inlined)
        kept = sorted(_kept(published, self, inlined))
        if kept:
            published["$defs"] = {
                name: self._expand(self._component(_DEFS + name), inlined) for name in kept
            }
        try:
            jsonschema_rs.meta.validate(published)
        except jsonschema_rs.ValidationError as error:
            where = "/".join(str(part) for part in error.instance_path)[:200]
            raise UnusableSchema(f"the schema is malformed at {where or 'its root'}") from None
        return published

    def _expand(self, schema: Schema, inlined: set[str]) -> Schema:
        if "$ref" in schema and schema["$ref"].removeprefix(_DEFS) in inlined:
            beside = {key: value for key, value in schema.items() if key != "$ref"}
            if not beside.keys() - ANNOTATIONS:
                schema = {**self._component(schema["$ref"]), **beside}
                return self._expand(schema, inlined)
        out: Schema = {}
        for keyword, value in schema.items():
            if keyword == _LEFT_OUT:
                continue
            if keyword in _ONE and isinstance(value, dict):
                out[keyword] = self._expand(value, inlined)
            elif keyword in _MANY:
                out[keyword] = [self._expand(item, inlined) for item in value]
            elif keyword in _NAMED:
                out[keyword] = {name: self._expand(item, inlined) for name, item in value.items()}
            else:
                out[keyword] = value
        return out


def walk(schema: Schema) -> Iterator[Schema]:
    """Yield a converted schema and every schema inside it, references not followed."""
    stack: list[Any] = [schema]
    while stack:
        node = stack.pop()
        if not isinstance(node, dict):
            continue
        yield node
        for keyword in _ONE:
            if keyword in node:
                stack.append(node[keyword])
        for keyword in _MANY:
            stack.extend(node.get(keyword, ()))
        for keyword in _NAMED:
            stack.extend(node.get(keyword, {}).values())


def tidy_text(text: str) -> str:
    """Take out what a reader can't see (control and formatting characters), and outer spaces."""
    return "".join(c for c in text if c.isprintable() or c in "\n\t").strip()


def without_echo(name: str, schema: Schema) -> Schema:
    """Drop a title that only repeats the name: it costs a model's attention and says nothing."""
    if _letters(str(schema.get("title", ""))) != _letters(name):
        return schema
    return {key: value for key, value in schema.items() if key != "title"}


def _kept(published: Schema, schemas: Schemas, inlined: set[str]) -> set[str]:
    """Find the components that a published schema still refers to, theirs included."""
    found: set[str] = set()
    queue = [published]
    while queue:
        for node in walk(queue.pop()):
            if "$ref" in node:
                name = node["$ref"].removeprefix(_DEFS)
                if name not in found:
                    found.add(name)
                    queue.append(schemas._expand(schemas._component(node["$ref"]), inlined))
    return found


def _recursive(edges: Mapping[str, list[str]]) -> set[str]:
    """Find, on every cycle, at least one component: those a depth-first walk comes back to."""
    found: set[str] = set()
    open_, done = {""}, set()
    stack = [("", iter(edges[""]))]
    while stack:
        name, rest = stack[-1]
        following = next(rest, None)
        if following is None:
            stack.pop()
            open_.discard(name)
            done.add(name)
        elif following in open_:
            found.add(following)
        elif following not in done:
            open_.add(following)
            stack.append((following, iter(edges[following])))
    return found


def _is_tiny(schema: Schema) -> bool:
    """Tell whether repeating a schema costs no more than referring to it."""
    holds = {*_ONE, *_MANY, *_NAMED, "$ref"} & schema.keys()
    return not holds and len(str(schema)) < 300


def _merge(one: Schema, two: Schema) -> Schema | None:
    """Join two schemas that must both hold; the second's words win. None where words can't."""
    if not one.keys() - ANNOTATIONS or not two.keys() - ANNOTATIONS:
        return {**one, **two}
    merged = dict(one)
    left_out = {*one.get(_LEFT_OUT, ()), *two.get(_LEFT_OUT, ())}
    for schema, other in ((one, two), (two, one)):
        closed = schema.get("additionalProperties", True)
        mine = schema.get("properties", {}).keys()
        # A closed part speaks of its own properties alone; joined, it would speak of both.
        if closed is not True and closed != {} and other.get("properties", {}).keys() - mine:
            return None
        if "patternProperties" in schema and "additionalProperties" in other:
            return None
        if "unevaluatedProperties" in schema and "unevaluatedProperties" not in other:
            return None
    for keyword, value in two.items():
        if keyword not in merged or keyword in ANNOTATIONS or merged[keyword] == value:
            merged[keyword] = value
        elif keyword == "properties":
            merged[keyword] = {**merged[keyword]}
            for name, schema in value.items():
                mine = merged[keyword].get(name, schema)
                merged[keyword][name] = (
                    schema if mine == schema else _merge(mine, schema) or {"allOf": [mine, schema]}
                )
        elif keyword in {"required", _LEFT_OUT}:
            merged[keyword] = list(dict.fromkeys([*merged[keyword], *value]))
        elif keyword == "allOf":
            merged[keyword] = [*merged[keyword], *value]
        else:
            return None
    if left_out:
        merged["properties"] = {
            name: schema
            for name, schema in merged.get("properties", {}).items()
            if name not in left_out
        }
        merged["required"] = [n for n in merged.get("required", ()) if n not in left_out]
        if not merged["required"]:
            del merged["required"]
    return merged


def _type_of(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    names = ((str, "string"), (int, "integer"), (float, "number"), (list, "array"))
    return next((name for kind, name in names if isinstance(value, kind)), "object")


def _letters(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())
