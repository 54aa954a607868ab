"""Convert a Swagger 2.0 document to an equivalent OpenAPI 3.0 document.

The conversion moves only the parts that OpenAPI 3 puts elsewhere: servers, bodies, forms, styles,
responses and credentials. `definitions` and similar members stay in place, so that every reference
remains valid. Malformed parts stay as they are, for the reader to report. Sources: Swagger 2.0,
OpenAPI 3.0.4.
"""

from collections.abc import Mapping
from typing import Any

from mcp_gateway.documents.references import References, UnresolvableReference

_METHODS = ("get", "put", "post", "delete", "options", "head", "patch")
_FORM = "application/x-www-form-urlencoded"
_MULTIPART = "multipart/form-data"
_ABOUT = ("name", "in", "required", "description", "allowEmptyValue", "deprecated")
_STYLES: Mapping[str, tuple[str, bool]] = {
    "csv": ("form", False),
    "ssv": ("spaceDelimited", False),
    "pipes": ("pipeDelimited", False),
    "multi": ("form", True),
    # OpenAPI 3 does not have a style for tabs; the reader refuses this name.
    "tsv": ("tabDelimited", False),
}
_FLOWS = {
    "implicit": "implicit",
    "password": "password",
    "application": "clientCredentials",
    "accessCode": "authorizationCode",
}


def upgrade(root: Mapping[str, Any], problems: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Convert a Swagger 2.0 document to OpenAPI 3.0.

    Args:
        root: the document; it is not modified.
        problems: as for `References`.
    """
    converter = _Converter(root, References(root, problems))
    paths = converter.follow(root.get("paths"))
    upgraded: dict[str, Any] = {k: v for k, v in root.items() if k not in _MOVED}
    upgraded["openapi"] = "3.0.3"
    upgraded["servers"] = _servers(root)
    upgraded["components"] = {"securitySchemes": _security_schemes(root)}
    if isinstance(paths, dict):
        upgraded["paths"] = {
            path: item if path.startswith("x-") else converter.path_item(item)
            for path, item in paths.items()
        }
    return upgraded


_MOVED = ("swagger", "host", "basePath", "schemes", "paths", "components")


class _Converter:
    def __init__(self, root: Mapping[str, Any], references: References) -> None:
        self._references = references
        self._consumes = _texts(root.get("consumes"))
        self._produces = _texts(root.get("produces"))

    def path_item(self, source: Any) -> Any:
        item = self.follow(source)
        if not isinstance(item, dict):
            return source
        shared = [self.follow(p) for p in _list(self.follow(item.get("parameters")))]
        # Swagger can share a body or form among a path's operations; OpenAPI 3 repeats it in each.
        sent = [p for p in shared if _place(p)[0] in {"body", "formData"}]
        upgraded = {k: v for k, v in item.items() if k not in {"parameters", *_METHODS}}
        upgraded["parameters"] = [self._parameter(p) for p in shared if p not in sent]
        for method in _METHODS:
            if method in item:
                upgraded[method] = self._operation(item[method], sent)
        return upgraded

    def _operation(self, reference: Any, shared: list[Any]) -> Any:
        source = self.follow(reference)
        if not isinstance(source, dict) or "$ref" in source:
            return reference
        own = [self.follow(p) for p in _list(self.follow(source.get("parameters")))]
        taken = {_place(p) for p in own}
        parameters = own + [p for p in shared if _place(p) not in taken]
        upgraded = {k: v for k, v in source.items() if k not in {"parameters", "responses"}}
        bodies = [p for p in parameters if _place(p)[0] == "body"]
        fields = [p for p in parameters if _place(p)[0] == "formData"]
        upgraded["parameters"] = [
            self._parameter(p) for p in parameters if p not in bodies and p not in fields
        ]
        consumes = _texts(source.get("consumes")) or self._consumes
        if bodies:
            upgraded["requestBody"] = _body(bodies[0], consumes)
        elif fields:
            upgraded["requestBody"] = self._form(fields, consumes)
        responses = self.follow(source.get("responses"))
        if isinstance(responses, dict):
            produces = _texts(source.get("produces")) or self._produces
            upgraded["responses"] = {
                str(status): _response(self.follow(response), produces)
                for status, response in responses.items()
            }
        return upgraded

    def _parameter(self, source: Any) -> Any:
        if not isinstance(source, dict):
            return source
        parameter = {k: source[k] for k in _ABOUT if k in source}
        parameter |= {k: v for k, v in source.items() if k.startswith("x-") and k != "x-nullable"}
        parameter["schema"] = _schema_of(source)
        if source.get("type") == "array":
            style, explode = _STYLES.get(
                str(source.get("collectionFormat", "csv")), ("form", False)
            )
            if _place(source)[0] in {"path", "header"}:
                style = "simple" if style == "form" else style
            parameter |= {"style": style, "explode": explode}
        return parameter

    def _form(self, fields: list[dict[str, Any]], consumes: list[str]) -> dict[str, Any]:
        has_file = any(field.get("type") == "file" for field in fields)
        kinds = [kind for kind in consumes if kind in {_FORM, _MULTIPART}] or [_FORM]
        if has_file:
            kinds = [_MULTIPART]
        encoding: dict[str, Any] = {}
        properties: dict[str, Any] = {}
        for field in fields:
            name = str(field.get("name"))
            properties[name] = _schema_of(field)
            if "description" in field:
                properties[name]["description"] = field["description"]
            if field.get("type") == "array":
                style, explode = _STYLES.get(
                    str(field.get("collectionFormat", "csv")), ("form", False)
                )
                encoding[name] = {"style": style, "explode": explode}
        required = [str(f.get("name")) for f in fields if f.get("required") is True]
        schema: dict[str, Any] = {"type": "object", "properties": properties}
        if required:
            schema["required"] = required
        media = {"schema": schema, **({"encoding": encoding} if encoding else {})}
        return {"content": dict.fromkeys(kinds, media), "required": bool(required)}

    def follow(self, source: Any) -> Any:
        """Return the target of a reference, or the reference itself if it can't be resolved."""
        try:
            return self._references.follow(source)
        except UnresolvableReference:
            return source


def _schema_of(source: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of a parameter, which in Swagger 2.0 may be the parameter itself."""
    if isinstance(source.get("schema"), dict):
        return dict(source["schema"])
    about = {*_ABOUT, "collectionFormat"}
    schema = {k: v for k, v in source.items() if k not in about}
    if schema.get("type") == "file":
        schema |= {"type": "string", "format": "binary"}
    if source.get("type") == "array" and isinstance(source.get("items"), dict):
        schema["items"] = _schema_of(source["items"])
    return schema


def _body(source: Mapping[str, Any], consumes: list[str]) -> dict[str, Any]:
    media = {"schema": source.get("schema", {})}
    body = {"content": dict.fromkeys(consumes or ["application/json"], media)}
    about = {k: source[k] for k in ("description", "required") if k in source}
    return {**body, **about}


def _response(source: Any, produces: list[str]) -> Any:
    if not isinstance(source, dict):
        return source
    response = {k: v for k, v in source.items() if k not in {"schema", "examples"}}
    if "schema" in source:
        media = {"schema": source["schema"]}
        response["content"] = dict.fromkeys(produces or ["application/json"], media)
    return response


def _servers(root: Mapping[str, Any]) -> list[dict[str, Any]]:
    host, base = root.get("host"), root.get("basePath")
    path = "/" + base.strip("/") if isinstance(base, str) else "/"
    if not isinstance(host, str) or not host:
        return [{"url": path}]
    schemes = _texts(root.get("schemes")) or ["https"]
    ordered = sorted(schemes, key=lambda scheme: scheme != "https")
    return [{"url": f"{scheme}://{host}{path}"} for scheme in ordered]


def _security_schemes(root: Mapping[str, Any]) -> dict[str, Any]:
    definitions = root.get("securityDefinitions")
    found: dict[str, Any] = {}
    for name, source in definitions.items() if isinstance(definitions, dict) else ():
        if not isinstance(source, dict):
            continue
        if source.get("type") == "basic":
            found[name] = {"type": "http", "scheme": "basic"}
        elif source.get("type") == "oauth2":
            flow = {"tokenUrl": source.get("tokenUrl", ""), "scopes": source.get("scopes", {})}
            found[name] = {"type": "oauth2", "flows": {_FLOWS.get(str(source.get("flow"))): flow}}
        else:
            found[name] = source
    return found


def _place(parameter: Any) -> tuple[str, str]:
    """Return a parameter's location and name; both are empty if it is not a parameter."""
    if not isinstance(parameter, dict):
        return "", ""
    return str(parameter.get("in")), str(parameter.get("name"))


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _texts(value: Any) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
