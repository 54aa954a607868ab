"""Convert schemas of OpenAPI 3.0 and 3.1 documents to JSON Schema 2020-12 for a model's arguments.

A converted schema refers to components as `#/$defs/Name`; each component is converted once for the
document. `publish` makes a schema self-contained: a component that is used once or is tiny replaces
its reference, and a shared or recursive one stays in `$defs`. Sources: OpenAPI 3.0.4 §4.7.24, OpenAPI
3.1.1 §4.8.24, JSON Schema 2020-12.
"""

import hashlib
import re
from collections.abc import Iterable
from typing import Any

import jsonschema_rs

from mcp_gateway.documents.references import References
from mcp_gateway.schemas.all_of import ANNOTATIONS, LEFT_OUT, merge
from mcp_gateway.schemas.budget import DEFS, MANY, ONE, Schema, TooLarge, list_references, walk
from mcp_gateway.schemas.closed_parts import is_closed, open_parts
from mcp_gateway.schemas.keywords import (
    UnusableSchema,
    convert_bounds,
    convert_texts,
    convert_type,
    convert_values,
)
from mcp_gateway.schemas.passwords import find_password
from mcp_gateway.schemas.publishing import Publisher
from mcp_gateway.schemas.subtypes import Subtypes
from mcp_gateway.schemas.titles import without_echo

TYPES = frozenset({"string", "number", "integer", "boolean", "array", "object", "null"})
_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")
_COMBINING = frozenset({"allOf", "anyOf", "oneOf"})
_SUBSCHEMAS = ONE | MANY | {"patternProperties", "dependentSchemas"}
_DEEPEST_PARTS = 5
_LEGAL_KEY = re.compile(r"[a-zA-Z0-9_.-]{1,64}")


class Schemas:
    """The schemas of one document, each converted once, on demand."""

    def __init__(self, references: References, *, openapi_30: bool) -> None:
        """Take the document's references, and which of the two schema dialects it uses."""
        self._references = references
        self._openapi_30 = openapi_30
        self._names: dict[str, str] = {}
        self._sources: dict[str, Any] = {}
        self._converted: dict[str, Schema] = {}
        self._converting: set[str] = set()
        self._patterns: dict[str, bool] = {}
        self._edges: dict[str, list[str]] = {}
        self._harmless: set[str] = set()
        """References to components that ask for no password at any depth."""
        self._renamed: dict[int, dict[str, str]] = {}
        self._originals: dict[str, str] = {}
        self._subtypes = Subtypes(references)
        self._publisher = Publisher(self.component, self.types)

    # Conversion

    def convert(self, source: object, *, alone: bool = False) -> Schema:
        """Convert one schema to 2020-12, without read-only properties.

        Args:
            source: the schema of the document.
            alone: whether a reference means its target without the target's subtypes.

        Raises:
            UnusableSchema: it is not a schema, or can't be converted.
            UnresolvableReference: a reference in it can't be resolved.
        """
        if source is True:
            return {}
        if source is False:
            return {"not": {}}
        if not isinstance(source, dict):
            raise UnusableSchema("a schema is neither an object nor a boolean")
        keyword = next((key for key in _REFERENCES if key in source), None)
        if keyword is not None:
            beside = {key: value for key, value in source.items() if key != keyword}
            if self._openapi_30:  # Where siblings carry no constraint.
                beside = {key: beside[key] for key in ANNOTATIONS & beside.keys()}
            target, is_dynamic = source[keyword], keyword == "$dynamicRef"
            if target == "#":
                target, is_dynamic = self._references.find_own_root(source), False
            elif keyword == "$recursiveRef":
                raise UnusableSchema("$recursiveRef is only defined for '#'")
            ref = self._refer(target, is_dynamic=is_dynamic, alone=alone)
            return {**self._convert_keywords(beside), "$ref": ref}
        return self._merge_all_of(self._convert_nullable(source))

    def _refer(self, ref: object, *, is_dynamic: bool = False, alone: bool = False) -> str:
        find = self._references.find_dynamic if is_dynamic else self._references.find
        target = find(ref)
        text = f"dynamic {ref}" if is_dynamic else str(ref)
        union = None if is_dynamic or alone else self._subtypes.union_of(text, target)
        if union is not None:
            text, target = f"any {text}", union
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

    def component(self, ref: str) -> Schema:
        """Return the converted component of a reference below `#/$defs`."""
        name = ref.removeprefix(DEFS)
        if name not in self._converted:
            source = self._sources[name]
            self._references.follow(source)  # Refuses a circular chain.
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
        """Convert each keyword to its 2020-12 form, and drop unknown ones."""
        out: Schema = {}
        convert_type(source.get("type"), out)
        convert_texts(source, out)
        convert_bounds(source, out)
        self._convert_subschemas(source, out)
        self._convert_properties(source, out)
        convert_values(source, out)
        if isinstance(source.get("pattern"), str) and self._compiles(source["pattern"]):
            out["pattern"] = source["pattern"]
        return out

    def _convert_subschemas(self, source: Schema, out: Schema) -> None:
        """Convert the schemas inside this one, except its properties."""
        if _SUBSCHEMAS.isdisjoint(source):
            return
        for keyword in sorted(ONE & source.keys()):
            if isinstance(source[keyword], dict | bool):
                value = source[keyword]
                out[keyword] = value if isinstance(value, bool) else self.convert(value)
        if isinstance(source.get("items"), list) and source["items"]:  # A tuple before 2020-12.
            out["prefixItems"] = [self.convert(item) for item in source["items"]]
        for keyword in sorted(MANY & source.keys()):
            if isinstance(source[keyword], list) and source[keyword]:
                alone = keyword == "allOf" and self._subtypes.extends(source)
                out[keyword] = [self.convert(item, alone=alone) for item in source[keyword]]
        self._convert_discriminator(source, out)
        for pattern in source.get("patternProperties") or ():
            if not self._compiles(pattern):
                raise UnusableSchema(f"the pattern {pattern[:80]!r} of its properties is malformed")
        for keyword in ("patternProperties", "dependentSchemas"):
            if isinstance(source.get(keyword), dict):
                out[keyword] = {k: self.convert(v) for k, v in source[keyword].items()}

    def _convert_discriminator(self, source: Schema, out: Schema) -> None:
        """Add to each form of a union the values of the discriminator that select it.

        This needs a mapping, since documents without one name forms in many ways.
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
        """Return a property key that every client accepts: the upstream name, or a unique one."""
        if _LEGAL_KEY.fullmatch(name):
            return name
        digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:4]
        words = re.sub(r"[^a-zA-Z0-9_.-]+", "_", name).strip("_.-")[:59]
        key = f"{words}_{digest}" if words else f"key_{digest}"
        while self._originals.setdefault(key, name) != name:
            key += "_"
        return key

    def original(self, key: str) -> str:
        """Return the upstream's name of a property key."""
        return self._originals.get(key, key)

    def renamed(self, schemas: Iterable[Schema]) -> dict[str, str]:
        """Map the renamed keys inside converted schemas to the upstream's names."""
        if not self._originals:
            return {}
        found: dict[str, str] = {}
        for schema in schemas:
            found |= self._renamed_in(schema)
            for part in self.reachable(schema):
                if id(part) not in self._renamed:  # Components live as long as the document.
                    self._renamed[id(part)] = self._renamed_in(part)
                found |= self._renamed[id(part)]
        return found

    def _renamed_in(self, schema: Schema) -> dict[str, str]:
        keys = (key for node in walk(schema) for key in node.get("properties", ()))
        return {key: self._originals[key] for key in keys if key in self._originals}

    def reachable(self, schema: Schema) -> list[Schema]:
        """Return the converted components that a converted schema refers to, each once."""
        found: dict[str, Schema] = {}
        queue = list_references(schema)
        while queue:
            ref = queue.pop()
            if ref not in found:
                found[ref] = self.component(ref)
                queue += self._references_of(ref)
        return list(found.values())

    def _references_of(self, ref: str) -> list[str]:
        """Return the references in a converted component."""
        if ref not in self._edges:
            self._edges[ref] = list_references(self.component(ref))
        return self._edges[ref]

    def asks_for_password(self, key: str, schema: Schema) -> bool:
        """Tell whether an argument is a password, or contains one at any depth."""
        if find_password({"properties": {key: schema}}) is not None:
            return True
        waiting = list_references(schema)
        seen: set[str] = set()
        while waiting:
            ref = waiting.pop()
            if ref in seen or ref in self._harmless:
                continue
            seen.add(ref)
            if find_password(self.component(ref)) is not None:
                return True
            waiting += self._references_of(ref)
        self._harmless |= seen  # Everything that they refer to was seen too.
        return False

    def _convert_properties(self, source: Schema, out: Schema) -> None:
        left_out: set[str] = set()
        properties = source.get("properties")
        if isinstance(properties, dict) and isinstance(properties.get("$ref"), str):
            properties = self._references.follow(properties)  # As documents of many files write.
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
            out[LEFT_OUT] = sorted(left_out)
        required = source.get("required")
        if isinstance(required, list):
            wanted = dict.fromkeys(self.key(name) for name in required if isinstance(name, str))
            if names := [name for name in wanted if name not in left_out]:
                out["required"] = names
        dependent = source.get("dependentRequired")
        if isinstance(dependent, dict):
            out["dependentRequired"] = {
                self.key(name): list(
                    dict.fromkeys(self.key(other) for other in others if isinstance(other, str))
                )
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
                # A pattern of another dialect can't be in the schema; the upstream checks it.
                self._patterns[pattern] = False
            else:
                self._patterns[pattern] = True
        return self._patterns[pattern]

    # allOf

    def _merge_all_of(self, schema: Schema) -> Schema:
        """Merge `allOf` into the schema if the result is equivalent, else keep it.

        Parts that forbid each other's properties are joined as their author means them.
        """
        if _COMBINING.isdisjoint(schema):
            return schema
        schema, opened = open_parts(schema, self._inlined, self._may_be_closed)
        merged = self._merge_parts(schema)
        if not opened:
            return merged
        is_plain = _COMBINING.isdisjoint(merged)
        return {**merged, "additionalProperties" if is_plain else "unevaluatedProperties": False}

    def _merge_parts(self, schema: Schema) -> Schema:
        parts = schema.get("allOf")
        if parts is None:
            return schema
        base = {key: value for key, value in schema.items() if key != "allOf"}
        if len(parts) == 1 and not base.keys() - ANNOTATIONS:
            return {**parts[0], **base}
        merged: Schema | None = {}
        for part in [*parts, base]:
            whole = self._inlined(part)
            merged = None if whole is None or merged is None else merge(merged, whole)
        return schema if merged is None else merged

    def _may_be_closed(self, part: Schema) -> bool:
        """Tell from the document whether a part may forbid properties that it doesn't name."""
        source: Any = part
        if "$ref" in part:
            source = self._references.follow(self._sources[part["$ref"].removeprefix(DEFS)])
        return self._source_may_be_closed(source)

    def _source_may_be_closed(self, source: object, depth: int = 0) -> bool:
        if not isinstance(source, dict) or depth > _DEEPEST_PARTS:
            return False
        parts = source.get("allOf")
        return is_closed(source) or any(
            self._source_may_be_closed(self._references.follow(part), depth + 1)
            for part in (parts if isinstance(parts, list) else ())
        )

    def _inlined(self, part: Schema) -> Schema | None:
        """Return a part with its reference resolved, or None if the reference is recursive."""
        if "$ref" not in part:
            return part
        if part["$ref"].removeprefix(DEFS) in self._converting:
            return None
        beside = {key: value for key, value in part.items() if key != "$ref"}
        target = self._inlined(self.component(part["$ref"]))
        return None if target is None else merge(target, beside)

    # Reading converted schemas

    def resolve(self, schema: Schema) -> Schema:
        """Return a converted schema with a reference at its root resolved."""
        whole = self._inlined(schema)
        return schema if whole is None else whole

    def types(self, schema: Schema, depth: int = 0) -> frozenset[str]:
        """Return the JSON types that a converted schema allows, as far as it declares them."""
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
        """Return a converted schema that does not allow `null` at its root."""
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
                elif (merged := merge(kept[0], schema)) is not None:
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
            UnusableSchema: it is too large even after every cut, or is not valid 2020-12.
            UnresolvableReference: a reference of a component can't be resolved.
        """
        try:
            published = self._publisher.publish(root)
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


def _type_of(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    names = ((str, "string"), (int, "integer"), (float, "number"), (list, "array"))
    return next((name for kind, name in names if isinstance(value, kind)), "object")
