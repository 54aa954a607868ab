"""The manifests of all APIs of a gateway, read into one catalogue."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from mcp_gateway.apis.api import Api
from mcp_gateway.catalogue.catalogue import ApiPart, Catalogue
from mcp_gateway.catalogue.meta_tools import META_TOOLS
from mcp_gateway.catalogue.tool import Tool
from mcp_gateway.manifest.entries import ManifestError
from mcp_gateway.manifest.load import (
    Manifest,
    load_document,
    load_manifest,
    make_tools,
    raise_all,
)
from mcp_gateway.manifest.several.prefix_names import prefix_names
from mcp_gateway.openapi.document import OpenApiDocument

LONGEST_NAME = 64
"""Characters of a tool's name that every client accepts."""
Note = Callable[[Iterable[Path]], None]
"""Is told of files before they are read."""


def load_apis(apis: Sequence[Api], *, name: str = "", note: Note = lambda files: None) -> Catalogue:
    """Read the manifests and documents of all APIs into the catalogue to serve.

    Args:
        apis: the APIs; a single one without a name is served as its manifest is.
        name: the product's name; by default that of the first manifest.
        note: is told of the files.

    Raises:
        ManifestError: the catalogue can't be served; the message lists every problem and its API.
    """
    manifests: list[Manifest] = []
    documents: list[OpenApiDocument] = []
    parts: list[list[Tool]] = []
    problems: list[str] = []
    for api in apis:
        try:
            note((api.manifest,))
            manifest = load_manifest(api.manifest)
            note(manifest.files)
            if api.name:
                manifest = prefix_names(manifest, api)
            document = load_document(manifest)
            parts.append(make_tools(manifest, document))
        except ManifestError as error:
            problems += [_say(api, line) for line in str(error).splitlines()]
        else:
            manifests.append(manifest)
            documents.append(document)
    if len(manifests) == len(apis):
        problems += _collisions(manifests)
    raise_all(problems)
    searching = [one.search_above for one in manifests if one.search_above is not None]
    return Catalogue.of(
        name or manifests[0].name,
        [tool for part in parts for tool in part],
        prompts=[prompt for one in manifests for prompt in one.prompts],
        resources=[resource for one in manifests for resource in one.resources],
        templates=[template for one in manifests for template in one.templates],
        skills=[skill for one in manifests for skill in one.skills],
        search_above=min(searching, default=None),
        apis={
            one.api: ApiPart(
                one.name,
                document.security_schemes,
                document.is_mcp,
                one.webhooks,
                one.appearance,
            )
            for one, document in zip(manifests, documents, strict=True)
        },
    )


def _say(api: Api, problem: str) -> str:
    return f"apis.{api.name}: {problem}" if api.name else problem


def _collisions(manifests: Sequence[Manifest]) -> Iterator[str]:
    """Find names that can't stand beside each other, with their files."""
    seen: dict[tuple[str, str], Manifest] = {}
    apis = {one.api for one in manifests if one.api}
    searched = any(one.search_above is not None for one in manifests)
    for manifest in manifests:
        for kind, name, place in _names(manifest):
            where = f"{manifest.path}: {place}"
            if (other := seen.setdefault((kind, name), manifest)) is not manifest:
                fix = "set another uri"
                if kind != "uri":
                    fix = f"give one of the APIs another prefix (apis.{manifest.api}.prefix)"
                yield f"{where}: {other.path} also has {name}; {fix}"
            if kind == "tools" and len(name) > LONGEST_NAME:
                yield (
                    f"{where}: {name} is longer than {LONGEST_NAME} characters; shorten the name or "
                    f"apis.{manifest.api}.prefix"
                )
            if kind == "tools" and searched and name in META_TOOLS:
                yield f"{where}: the name {name} is taken by search_above; give the tool another"
        for entry in manifest.tools:
            for toolset in (apis - {manifest.api}).intersection(entry.toolsets or ()):
                yield (
                    f"{manifest.path}: tools.{entry.name.removeprefix(manifest.prefix)}.toolsets: "
                    f"{toolset} is the name of another API, whose tools that toolset has"
                )


def _names(manifest: Manifest) -> Iterator[tuple[str, str, str]]:
    """Yield each name with its kind and its place in the file."""

    def place(kind: str, name: str) -> str:
        return f"{kind}.{name.removeprefix(manifest.prefix)}"

    for entry in manifest.tools:
        if entry.expose:
            where = place("tools", entry.name)
            yield "tools", entry.name, where
            for number, former in enumerate(entry.former):
                yield "tools", former.name, f"{where}.former[{number}].name"
    for prompt in manifest.prompts:
        yield "prompts", prompt.name, place("prompts", prompt.name)
    for skill in manifest.skills:
        yield "skills", skill.name, place("skills", skill.name)
    for webhook in manifest.webhooks:
        yield "events", webhook.name, place("events", webhook.name)
    uris = [(one.name, one.uri) for one in manifest.resources]
    uris += [(one.name, one.uri_template) for one in manifest.templates]
    for name, uri in uris:
        yield "resources", name, place("resources", name)
        yield "uri", uri, f"{place('resources', name)}.uri"
