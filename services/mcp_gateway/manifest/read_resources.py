"""Read the MCP resources of a manifest, and the files they name."""

from base64 import b64encode
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mcp_gateway.catalogue.resources import VARIABLE, McpResource, McpResourceTemplate
from mcp_gateway.manifest.appearance import read_icons, title_of
from mcp_gateway.manifest.read_prompts import read_listed
from mcp_gateway.text import tidy_text

_LARGEST = 1 << 20
_TEXTS = frozenset({"json", "xml", "yaml", "toml", "graphql", "javascript"})


def read_resources(
    source: Mapping[str, Any], folder: Path
) -> tuple[tuple[McpResource, ...], tuple[McpResourceTemplate, ...], list[str]]:
    """Read the resources of a manifest that matches the schema, and the files they name.

    Returns:
        The resources, the templates that a tool reads, and the problems, each as
        `resources.NAME.key: the fix`.
    """
    resources: list[McpResource] = []
    templates: list[McpResourceTemplate] = []
    problems: list[str] = []
    for name, value in source.items():
        title, description = title_of(name, value), tidy_text(value.get("description", ""))
        uri, icons = value.get("uri", usual_uri(name)), read_icons(value)
        if "tool" in value:
            templates.append(
                McpResourceTemplate(
                    name,
                    title,
                    description,
                    uri,
                    value["tool"],
                    {key: read_listed(said) for key, said in value.get("complete", {}).items()},
                    icons,
                )
            )
            continue
        mime_type = value.get("mime_type", "text/markdown")
        try:
            data = read_file(folder, value["file"]) if "file" in value else b""
            binary = "file" in value and not _is_text(mime_type)
            text = value["text"] if "text" in value else "" if binary else decode_text(data)
        except ValueError as error:
            problems.append(f"resources.{name}.file: {value['file']} {error}")
            continue
        blob = b64encode(data).decode() if binary else ""
        resources.append(McpResource(name, title, description, mime_type, text, uri, blob, icons))
    return tuple(resources), tuple(templates), problems


def usual_uri(name: str) -> str:
    """Return the URI of a resource for which the manifest sets none."""
    return f"gatepost:resources/{name}"


def resource_problems(source: Mapping[str, Any]) -> Iterator[str]:
    """Find names in resources that do not exist, each as `resources.NAME.key: …`."""
    tools = source["tools"]
    uris: dict[str, str] = {}
    for name, value in source.get("resources", {}).items():
        if "tool" in value:
            if value["tool"] not in tools:
                yield f"resources.{name}.tool: there is no tool {value['tool']}"
            if not VARIABLE.search(value.get("uri", "")):
                yield f"resources.{name}.uri: name the tool's arguments, such as orbit://tasks/{{id}}"
        elif "complete" in value:
            yield f"resources.{name}.complete: only a resource with a `tool` has arguments; remove it"
        elif "uri" in value and "{" in value["uri"]:
            yield f"resources.{name}.uri: only a resource with a `tool` has arguments in its URI"
        if value.get("uri") in uris:
            yield f"resources.{name}.uri: {uris[value['uri']]} has the same"
        uris[value.get("uri", name)] = name


def _is_text(mime_type: str) -> bool:
    kind, _, name = mime_type.partition("/")
    return kind == "text" or name in _TEXTS or name.endswith(("+json", "+xml", "+yaml"))


def read_file(folder: Path, file: str) -> bytes:
    """Read a file beside the manifest.

    Raises:
        ValueError: it is elsewhere, can't be read or is too large; the message says so.
    """
    path = (folder / file).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise ValueError("must be beside the manifest or below it")
    try:
        with path.open("rb") as opened:
            data = opened.read(_LARGEST + 1)
    except OSError as error:
        raise ValueError(f"can't be read: {error.strerror}") from None
    if len(data) > _LARGEST:
        raise ValueError(f"is larger than {_LARGEST >> 20} MiB")
    return data


def decode_text(data: bytes) -> str:
    """Return the text of a file.

    Raises:
        ValueError: it is not UTF-8.
    """
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise ValueError("is not UTF-8 text; set its type with `mime_type`") from None
