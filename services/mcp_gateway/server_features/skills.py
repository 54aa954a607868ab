"""List skills, which are instructions for a model (MCP Skills, `io.modelcontextprotocol/skills`)."""

import hashlib
from collections.abc import Iterator
from typing import Any

from mcp_gateway.catalogue.catalogue import Catalogue
from mcp_gateway.catalogue.resources import McpResource, Skill

SKILLS = "io.modelcontextprotocol/skills"
"""The extension's identifier."""


def allowed_skills(catalogue: Catalogue, allowed: frozenset[str]) -> Iterator[Skill]:
    """Yield the skills whose tools are all allowed, in order."""
    for skill in catalogue.skills.values():
        if catalogue.usable(allowed).issuperset(skill.tools):
            yield skill


def describe_skill(skill: Skill) -> dict[str, Any]:
    """Describe a skill with the digest of its one file (Skill Entries)."""
    content = skill.text.encode()
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    return {
        "uri": skill.uri,
        "frontmatter": {"name": skill.name, "description": skill.description},
        "resources": [{"uri": skill.uri, "digest": digest, "size": len(content)}],
    }


def skill_resource(skill: Skill) -> McpResource:
    """Return a skill's file as a resource (Resource Metadata)."""
    return McpResource(
        name=skill.name,
        title=skill.name,
        description=skill.description,
        mime_type="text/markdown",
        text=skill.text,
        uri=skill.uri,
    )
