"""Find the subtypes of a schema with a discriminator, which documents often name nowhere.

A subtype extends its base in an `allOf`, or is in the mapping of the base's discriminator. Where a
document refers to the base, any of its subtypes may be sent (OpenAPI 3.1.1 §4.8.25).
"""

from collections.abc import Iterator, Mapping
from typing import Any

from mcp_gateway.documents.references import References, UnresolvableReference
from mcp_gateway.documents.sources import FILES

_MOST = 40
_CONTAINERS = (("components", "schemas"), ("definitions",), ("$defs",))


class Subtypes:
    """The schemas of one document that extend others, found on demand."""

    def __init__(self, references: References) -> None:
        """Take the references, which know the document."""
        self._references = references
        self._extending: dict[int, list[str]] | None = None
        self._extends: set[int] = set()
        self._kept: list[Any] = []
        self._unions: dict[int, dict[str, Any] | None] = {}
        self._by_ref: dict[str, str] = {}
        """References to the named schemas, by themselves and by their last part."""

    def extends(self, schema: object) -> bool:
        """Tell whether a schema is a subtype, so that its `allOf` means the base alone."""
        self._index()
        return id(schema) in self._extends

    def union_of(self, ref: str, base: object) -> dict[str, Any] | None:
        """Return the union of a base's subtypes as an unconverted schema; None if it has none."""
        if id(base) not in self._unions:
            self._unions[id(base)] = self._join(ref, base)
        return self._unions[id(base)]

    def _join(self, ref: str, base: object) -> dict[str, Any] | None:
        if not isinstance(base, dict) or "oneOf" in base or "anyOf" in base:
            return None
        said = base.get("discriminator")
        said = {"propertyName": said} if isinstance(said, str) else said  # Swagger 2.0
        name = said.get("propertyName") if isinstance(said, dict) else None
        if not isinstance(said, dict) or not isinstance(name, str):
            return None
        mapping = said.get("mapping")
        targets = {
            value: target
            for value, named in (mapping.items() if isinstance(mapping, dict) else ())
            if isinstance(named, str) and (target := self._target(named)) is not None
        }
        forms: dict[int, str] = {}
        for target in (*self._descendants(base), *targets.values()):
            schema = self._references.find(target)
            self._extends.add(id(schema))
            if schema is not base:
                forms.setdefault(id(schema), target)
        if not forms:
            return None
        values = {
            value: form
            for value, target in targets.items()
            if (form := forms.get(id(self._references.find(target)))) is not None
        }
        if values:  # The others are selected by their names.
            unmapped = {_last(form): form for form in forms.values() if form not in values.values()}
            values = {**{name: f for name, f in unmapped.items() if name not in targets}, **values}
        left = [value for value in (*targets, *self._enum(base, name)) if value not in values]
        union: list[dict[str, Any]] = [
            {"$ref": form} if values else {"$ref": form, "title": _last(form)}
            for form in list(forms.values())[:_MOST]
        ]
        if left or not values or len(forms) > _MOST:
            any_value = not values or len(forms) > _MOST
            union.append(self._alone(ref, name, [] if any_value else left))
        return {"oneOf": union, "discriminator": {"propertyName": name, "mapping": values}}

    def _enum(self, base: dict[str, Any], name: str) -> list[str]:
        """Return the values that the base lists for its discriminator."""
        properties = base.get("properties")
        try:
            said = self._references.follow(
                properties.get(name) if isinstance(properties, dict) else None
            )
        except UnresolvableReference:
            return []
        values = said.get("enum") if isinstance(said, dict) else None
        return [v for v in values if isinstance(v, str)] if isinstance(values, list) else []

    def _alone(self, ref: str, name: str, values: list[str]) -> dict[str, Any]:
        """Return the base itself as one form of the union."""
        form: dict[str, Any] = {"allOf": [{"$ref": ref}]}
        if values:
            form |= {"properties": {name: {"enum": values}}, "required": [name]}
        self._kept.append(form)  # Its id stays its own.
        self._extends.add(id(form))
        return form

    def _target(self, named: str) -> str | None:
        """Return the reference to a schema that a mapping names in any of the usual ways."""
        self._index()
        known = self._by_ref.get(named) or self._by_ref.get(_last(named))
        if known is not None:
            return known
        try:
            self._references.find(named)
        except UnresolvableReference:
            return None
        return named

    def _descendants(self, base: object) -> Iterator[str]:
        extending = self._index()
        seen: set[str] = set()
        queue = list(extending.get(id(base), ()))
        while queue:
            ref = queue.pop(0)
            if ref not in seen:
                seen.add(ref)
                yield ref
                queue += extending.get(id(self._references.find(ref)), ())

    def _index(self) -> dict[int, list[str]]:
        """Map the id of each schema to the references to those that extend it."""
        if self._extending is None:
            self._extending = {}
            for ref, schema in _schemas(self._references.document):
                self._by_ref[ref] = ref
                self._by_ref.setdefault(_last(ref), ref)
                parts = schema.get("allOf") if isinstance(schema, dict) else None
                for part in parts if isinstance(parts, list) else ():
                    if not isinstance(part, dict) or "$ref" not in part:
                        continue
                    try:
                        base = self._references.follow(part)
                    except UnresolvableReference:
                        continue
                    if isinstance(base, dict) and "discriminator" in base:
                        self._extends.add(id(schema))
                    self._extending.setdefault(id(base), []).append(ref)
        return self._extending


def _schemas(document: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the named schemas of a document and of its files, each with a reference to it."""
    places: list[tuple[str, Any]] = [("#", document)]
    files = document.get(FILES)
    for name, content in files.items() if isinstance(files, dict) else ():
        places.append((f"#/{FILES}/{_escape(name)}", content))
        yield places[-1]
    for pointer, content in places:
        for path in _CONTAINERS:
            node = content
            for key in path:
                node = node.get(key) if isinstance(node, dict) else None
            for name, schema in node.items() if isinstance(node, dict) else ():
                yield f"{pointer}/{'/'.join(path)}/{_escape(name)}", schema


def _escape(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1").replace("%", "%25")


def _last(ref: str) -> str:
    return ref.replace("~1", "/").rpartition("/")[2]
