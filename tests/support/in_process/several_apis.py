"""Two small APIs for one gateway: their documents, their manifests and the gateway's settings."""

import json
from pathlib import Path
from typing import Any

SCHEMES = {"key": {"type": "apiKey", "in": "header", "name": "X-Api-Key"}}
ALL = ["@read", "@write"]


def write_api(folder: Path, name: str, tools: str = "", *, head: str = "") -> Path:
    """Write the document and the manifest of an API with the operations `list`, `get` and `pay`."""
    folder = folder / name
    folder.mkdir(exist_ok=True)
    org = {"name": "org", "in": "query", "schema": {"type": "string"}}
    number = {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}
    document = {
        "openapi": "3.1.0",
        "security": [{"key": []}],
        "components": {"securitySchemes": SCHEMES},
        "paths": {
            "/things": {
                "get": {"operationId": "list", "parameters": [org]},
                "post": {"operationId": "pay"},
            },
            "/things/{id}": {"get": {"operationId": "get", "parameters": [number]}},
            "/elsewhere": {
                "servers": [{"url": "https://other.example"}],
                "get": {"operationId": "elsewhere"},
            },
        },
    }
    (folder / "openapi.json").write_text(json.dumps(document))
    tools = tools or (
        "  list: {operation: list, title: List things, bind: {org: tenant_id}}\n"
        "  get: {operation: get}\n"
        "  pay: {operation: pay}\n"
    )
    manifest = folder / "tools.yaml"
    title = name.capitalize()
    manifest.write_text(f"version: 1\nname: {title}\nopenapi: openapi.json\n{head}tools:\n{tools}")
    return manifest


def two_apis(folder: Path, **changes: dict[str, Any]) -> dict[str, Any]:
    """Return settings of the APIs `orbit` and `billing` at one host, each with its own secret."""
    apis = {
        name: {
            "url": f"https://api.example/{name}",
            "manifest": write_api(folder, name),
            "headers": {"X-Service": f"service-of-{name}"},
            "credentials": {"key": {"mode": "static", "value": f"secret-of-{name}"}},
        }
        for name in ("orbit", "billing")
    }
    for name, change in changes.items():
        apis[name] |= change
    return {"manifest": None, "upstream_url": "", "apis": apis}
