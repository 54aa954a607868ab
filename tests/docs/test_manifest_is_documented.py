"""docs/manifest.md explains every key, and its excerpts load."""

import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from mcp_gateway.manifest.load import load_catalogue
from mcp_gateway.manifest.schema import SCHEMA
from support.markdown import fences, read, spans

PAGE = read("docs/manifest.md")
HEAD = "version: 1\nname: Orbit\nopenapi: openapi.json\n"
EXCERPTS = [("manifest.md", text) for text in fences(PAGE, "yaml")] + [
    (page, text)
    for page in ("connect-your-api.md", "apps.md")
    for text in fences(read(f"docs/{page}"), "yaml")
]


def keys(schema: Any) -> Iterator[str]:
    """Name every key of the manifest, at any depth."""
    for name, child in schema.get("properties", {}).items():
        yield name
        yield from keys(child)
    for inner in ("additionalProperties", "items"):
        if isinstance(schema.get(inner), dict):
            yield from keys(schema[inner])


@pytest.mark.parametrize(("page", "text"), EXCERPTS)
def test_an_excerpt_loads(page: str, text: str, tmp_path: Path) -> None:
    (tmp_path / "openapi.json").write_bytes((files("demo_saas") / "openapi.json").read_bytes())
    manifest = tmp_path / "tools.yaml"
    manifest.write_text(text if "version: 1\n" in text else HEAD + text)
    assert load_catalogue(manifest).name == "Orbit"


@pytest.mark.parametrize("key", sorted(set(keys(SCHEMA))))
def test_a_key_is_explained_and_shown(key: str) -> None:
    explained = any(re.search(rf"\b{key}\b", span) for span in spans(PAGE))
    shown = any(re.search(rf"\b{key}:", text) for text in fences(PAGE, "yaml"))
    # A table row is enough for a key that does not need an example.
    assert explained
    assert shown or f"`{key}`" in PAGE
