"""Schemas of OpenAPI 3.0 and 3.1 documents as JSON Schema 2020-12 for a model's arguments.

A converted schema refers to components as `#/$defs/Name`; each component is converted once for the
document. `publish` makes one of them self-contained: a component that is used once or is tiny takes
its place, a shared or recursive one stays in `$defs`. Sources: OpenAPI 3.0.4 §4.7.24, OpenAPI 3.1.1
§4.8.24, JSON Schema 2020-12.
"""

import hashlib
import re
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping
from itertools import combinations
from typing import Any

import jsonschema_rs

from mcp_gateway.tools.budget import (
    DEFS,
    MANY,
    NAMED,
    ONE,
    Schema,
    TooLarge,
    children,
    fit,
    relax,
    stub,
)
from mcp_gateway.tools.passwords import find_password
from mcp_gateway.tools.references import References

_TEXTS = ("description", "title", "format", "contentEncoding", "contentMediaType")
_NUMBERS = ("maximum", "minimum", "exclusiveMaximum", "exclusiveMinimum")
_COUNTS = (
    "maxLength", "minLength", "maxItems", "minItems", "maxProperties", "minProperties",
    "maxContains", "minContains",
)  # fmt: skip
ANNOTATIONS = frozenset({"description", "title", "default", "examples", "deprecated"})
TYPES = frozenset({"string", "number", "integer", "boolean", "array", "object", "null"})
# Properties left out because the upstream sets them; kept by name until the schema is published,
# since a part of an `allOf` may require what another part marks as read-only.
_LEFT_OUT = "readOnly"
_MOST_NODES = 3_000
_DEEPEST = 60
_LEGAL_KEY = re.compile(r"[a-zA-Z0-9_.-]{1,64}")
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
        self._tiny: dict[str, bool] = {}
        self._edges: dict[str, list[str]] = {}
        self._secret: dict[int, bool] = {}
        self._renamed: dict[int, dict[str, str]] = {}
        self._originals: dict[str, str] = {}

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
        if "$recursiveRef" in source:
            raise UnusableSchema("$recursiveRef is not supported")
        keyword = "$ref" if "$ref" in source else "$dynamicRef"
        if keyword in source:
            beside = {key: value for key, value in source.items() if key != keyword}
            if self._openapi_30:  # Where siblings carry no constraint.
                beside = {key: beside[key] for key in ANNOTATIONS & beside.keys()}
            ref = self._refer(source[keyword], is_dynamic=keyword == "$dynamicRef")
            return {**self._convert_keywords(beside), "$ref": ref}
        return self._merge_all_of(self._convert_nullable(source))

    def _refer(self, ref: object, *, is_dynamic: bool = False) -> str:
        find = self._references.find_dynamic if is_dynamic else self._references.find
        target = find(ref)
        text = f"dynamic {ref}" if is_dynamic else str(ref)
        if text not in self._names:
            last = re.sub(r"\.(json|ya?ml)$", "", re.split(r"[/#]|~1", text.rstrip("/#"))[-1])
            last = last or "Root"
            base = re.sub(r"[^A-Za-z0-9_.-]+", "_", last)[:60]
            name, number = base, 2
            while name in self._sources:
                name, number = f"{base}_{number}", number + 1
            self._names[text] = name
            self._sources[name] = target
        return DEFS + self._names[text]

    def _component(self, ref: str) -> Schema:
        name = ref.removeprefix(DEFS)
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
        says = source.get("nullable") is True or source.get("x-nullable") is True
        if not self._openapi_30 or not says:
            return self._convert_keywords(source)
        plain = {k: value for k, value in source.items() if k not in {"nullable", "x-nullable"}}
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
        if isinstance(kind, list) and kind and all(isinstance(name, str) for name in kind):
            out["type"] = list(dict.fromkeys(kind))
        elif isinstance(kind, str):
            out["type"] = kind
        elif kind is not None:
            raise UnusableSchema("a schema's type is neither a name nor a list of names")
        for keyword in _TEXTS:
            if isinstance(source.get(keyword), str) and source[keyword].strip():
                out[keyword] = tidy_text(source[keyword])
        if out.get("format") == "byte":
            del out["format"]
            out["contentEncoding"] = "base64"
        self._convert_numbers(source, out)
        for keyword in sorted(ONE & source.keys()):
            if isinstance(source[keyword], dict | bool):
                value = source[keyword]
                out[keyword] = value if isinstance(value, bool) else self.convert(value)
        if isinstance(source.get("items"), list) and source["items"]:  # A tuple before 2020-12.
            out["prefixItems"] = [self.convert(item) for item in source["items"]]
        for keyword in sorted(MANY & source.keys()):
            if isinstance(source[keyword], list) and source[keyword]:
                out[keyword] = [self.convert(item) for item in source[keyword]]
        self._convert_discriminator(source, out)
        for keyword in ("patternProperties", "dependentSchemas"):
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

    def _convert_discriminator(self, source: Schema, out: Schema) -> None:
        """Say of each form of a union which values of the discriminator stand for it.

        Only where a mapping says so: without one, documents name forms in many ways.
        """
        discriminator = source.get("discriminator")
        if not isinstance(discriminator, dict) or "defaultMapping" in discriminator:
            return
        name, mapping = discriminator.get("propertyName"), discriminator.get("mapping")
        keyword = "oneOf" if "oneOf" in out else "anyOf"
        if not isinstance(name, str) or not isinstance(mapping, dict) or keyword not in out:
            return
        key = self.key(name)
        for index, form in enumerate(source[keyword]):
            ref = form.get("$ref") if isinstance(form, dict) else None
            if not isinstance(ref, str):
                continue
            short = ref.rpartition("/")[2]
            values = [value for value, target in mapping.items() if target in (ref, short)]
            if values and not self._says_which(form, name):
                which = {"const": values[0]} if len(values) == 1 else {"enum": values}
                said = {"properties": {key: which}, "required": [key]}
                out[keyword][index] = {**out[keyword][index], **said}

    def _says_which(self, form: object, name: str) -> bool:
        target = self._references.follow(form)
        properties = target.get("properties") if isinstance(target, dict) else None
        own = properties.get(name) if isinstance(properties, dict) else None
        own = self._references.follow(own)
        return isinstance(own, dict) and bool({"enum", "const"} & own.keys())

    def key(self, name: str) -> str:
        """Answer the property key for an upstream name, legal for every client; its own nearly
        always, else one that no other name gets.
        """
        if _LEGAL_KEY.fullmatch(name):
            return name
        digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:4]
        words = re.sub(r"[^a-zA-Z0-9_.-]+", "_", name).strip("_.-")[:59]
        key = f"{words}_{digest}" if words else f"key_{digest}"
        while self._originals.setdefault(key, name) != name:
            key += "_"
        return key

    def original(self, key: str) -> str:
        """Answer the upstream's name for a property key."""
        return self._originals.get(key, key)

    def renamed(self, schemas: Iterable[Schema]) -> dict[str, str]:
        """List the keys inside converted schemas that are not the upstream's, to those that are."""
        if not self._originals:
            return {}
        found: dict[str, str] = {}
        for schema in schemas:
            found |= self._renamed_in(schema)
            for part in self.reachable(schema):
                if id(part) not in self._renamed:  # Components stay for as long as the document.
                    self._renamed[id(part)] = self._renamed_in(part)
                found |= self._renamed[id(part)]
        return found

    def _renamed_in(self, schema: Schema) -> dict[str, str]:
        keys = (key for node in walk(schema) for key in node.get("properties", ()))
        return {key: self._originals[key] for key in keys if key in self._originals}

    def reachable(self, schema: Schema) -> list[Schema]:
        """List the converted components that a converted schema leads to, each once."""
        found: dict[str, Schema] = {}
        queue = _references(schema)
        while queue:
            ref = queue.pop()
            if ref not in found:
                found[ref] = self._component(ref)
                if ref not in self._edges:
                    self._edges[ref] = _references(found[ref])
                queue += self._edges[ref]
        return list(found.values())

    def asks_for_password(self, key: str, schema: Schema) -> bool:
        """Tell whether an argument is a password, or holds one at any depth."""
        if find_password({"properties": {key: schema}}) is not None:
            return True
        for part in self.reachable(schema):
            if id(part) not in self._secret:
                self._secret[id(part)] = find_password(part) is not None
            if self._secret[id(part)]:
                return True
        return False

    def _convert_properties(self, source: Schema, out: Schema) -> None:
        left_out: set[str] = set()
        properties = source.get("properties")
        if isinstance(properties, dict):
            left_out = {
                self.key(name) for name, value in properties.items() if self._is_read_only(value)
            }
            out["properties"] = {
                key: without_echo(name, self.convert(value))
                for name, value in properties.items()
                if (key := self.key(name)) not in left_out
            }
        if left_out:
            out[_LEFT_OUT] = sorted(left_out)
        required = source.get("required")
        if isinstance(required, list):
            wanted = dict.fromkeys(self.key(name) for name in required if isinstance(name, str))
            if names := [name for name in wanted if name not in left_out]:
                out["required"] = names
        dependent = source.get("dependentRequired")
        if isinstance(dependent, dict):
            out["dependentRequired"] = {
                self.key(name): [self.key(other) for other in others if isinstance(other, str)]
                for name, others in dependent.items()
                if isinstance(others, list)
            }

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
        if part["$ref"].removeprefix(DEFS) in self._converting:
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
        """Make a converted schema self-contained, within the budget of one tool.

        Raises:
            UnusableSchema: it is too large whatever is cut, or is not valid 2020-12 after all.
            UnresolvableReference: a component it needs refers to nothing.
        """
        try:
            published = self._publish(root)
        except TooLarge as error:
            raise UnusableSchema(str(error)) from None
        except RecursionError:
            raise UnusableSchema("its schemas are nested too deeply") from None
        try:
            jsonschema_rs.meta.validate(published)
        except jsonschema_rs.ValidationError as error:
            where = "/".join(str(part) for part in error.instance_path)[:200]
            raise UnusableSchema(f"the schema is malformed at {where or 'its root'}") from None
        return published

    def _publish(self, root: Schema) -> Schema:
        uses: Counter[str] = Counter()
        edges: dict[str, list[str]] = {"": []}
        depths = {"": 0}
        deepest: int | None = None
        queue: deque[tuple[str, Schema, int]] = deque([("", root, 0)])
        nodes = 0
        while queue:
            owner, node, depth = queue.popleft()
            nodes += 1
            # Nearest first: what lies deeper than this is cut.
            if nodes > _MOST_NODES or depth > _DEEPEST:
                deepest = max(depth - 1, 1)
                break
            if "$ref" in node:
                name = node["$ref"].removeprefix(DEFS)
                uses[name] += 1
                edges[owner].append(name)
                if name not in edges:
                    edges[name] = []
                    depths[name] = depth + 1
                    queue.append((name, self._component(node["$ref"]), depth + 1))
            queue.extend((owner, child, depth + 1) for _, child in children(node))
        recursive = _recursive(edges)
        inlined = {
            name
            for name, count in uses.items()
            if name not in recursive and (count == 1 or self._is_tiny(name))
        }
        published = self._expand(root, inlined, 0, deepest)
        kept: dict[str, Schema] = {}
        unread = [published]
        while unread:
            for node in walk(unread.pop()):
                if "$ref" not in node:
                    continue
                name = node["$ref"].removeprefix(DEFS)
                if name not in kept:
                    whole = self._component(DEFS + name)
                    kept[name] = self._expand(whole, inlined, depths[name], deepest)
                    unread.append(kept[name])
        if kept:
            published["$defs"] = {name: kept[name] for name in sorted(kept)}
        return fit(published if deepest is None else relax(published))

    def _is_tiny(self, name: str) -> bool:
        """Tell whether repeating a component costs no more than referring to it."""
        if name not in self._tiny:
            schema = self._component(DEFS + name)
            holds = {*ONE, *MANY, *NAMED, "$ref"} & schema.keys()
            self._tiny[name] = not holds and len(str(schema)) < 300
        return self._tiny[name]

    def _expand(self, schema: Schema, inlined: set[str], depth: int, deepest: int | None) -> Schema:
        if deepest is not None and depth > deepest:
            return stub(schema)
        if "$ref" in schema and schema["$ref"].removeprefix(DEFS) in inlined:
            beside = {key: value for key, value in schema.items() if key != "$ref"}
            if not beside.keys() - ANNOTATIONS:
                schema = {**self._component(schema["$ref"]), **beside}
                return self._expand(schema, inlined, depth + 1, deepest)
        out: Schema = {}
        for keyword, value in schema.items():
            if keyword == _LEFT_OUT:
                continue
            if keyword in ONE and isinstance(value, dict):
                out[keyword] = self._expand(value, inlined, depth + 1, deepest)
            elif keyword in MANY:
                forms = [self._expand(item, inlined, depth + 1, deepest) for item in value]
                loose = keyword == "oneOf" and "anyOf" not in schema and not self._exclude(value)
                out["anyOf" if loose else keyword] = forms
            elif keyword in NAMED:
                out[keyword] = {
                    name: self._expand(item, inlined, depth + 1, deepest)
                    for name, item in value.items()
                }
            else:
                out[keyword] = value
        return out

    def _exclude(self, forms: list[Schema]) -> bool:
        """Tell whether no value fits two forms of a `oneOf`, or a rule is what is meant by it.

        Else it becomes an `anyOf`: documents say `oneOf` of forms that overlap, and a call that
        fits two of them is one that the upstream takes.
        """
        if all(not form.keys() - ANNOTATIONS - {"required", "not"} for form in forms):
            return True
        kinds = [self.types(form) for form in forms]
        kinds = [kind | {"integer"} if "number" in kind else kind for kind in kinds]
        return all(
            not kind & other or _told_apart(form, second)
            for (kind, form), (other, second) in combinations(zip(kinds, forms, strict=True), 2)
        )


def walk(schema: Schema) -> Iterator[Schema]:
    """Yield a converted schema and every schema inside it, references not followed."""
    stack = [schema]
    while stack:
        node = stack.pop()
        yield node
        stack.extend(child for _, child in children(node))


def _references(schema: Schema) -> list[str]:
    return [node["$ref"] for node in walk(schema) if "$ref" in node]


def tidy_text(text: str) -> str:
    """Take out what a reader can't see (control and formatting characters), and outer spaces."""
    return "".join(c for c in text if c.isprintable() or c in "\n\t").strip()


def without_echo(name: str, schema: Schema) -> Schema:
    """Drop a title that only repeats the name: it costs a model's attention and says nothing."""
    if _letters(str(schema.get("title", ""))) != _letters(name):
        return schema
    return {key: value for key, value in schema.items() if key != "title"}


def _told_apart(one: Schema, two: Schema) -> bool:
    """Tell whether a property that both require has different values in each."""
    for name in {*one.get("required", ())} & {*two.get("required", ())}:
        values = []
        for form in (one, two):
            said = form.get("properties", {}).get(name, {})
            values.append([said["const"]] if "const" in said else said.get("enum"))
        if values[0] and values[1] and not any(value in values[1] for value in values[0]):
            return True
    return False


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
