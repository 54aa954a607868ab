"""Read the skills of a manifest, and the files they name."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mcp_gateway.catalogue.resources import Skill
from mcp_gateway.manifest.read_resources import decode_text, read_file
from mcp_gateway.text import tidy_text


def read_skills(source: Mapping[str, Any], folder: Path) -> tuple[tuple[Skill, ...], list[str]]:
    """Read the skills of a manifest that matches the schema, and the files they name.

    Returns:
        The skills, and their problems, each as `skills.NAME.key: the fix`.
    """
    skills: list[Skill] = []
    problems: list[str] = []
    for name, value in source.items():
        key = "file" if "file" in value else "text"
        try:
            text = value["text"] if key == "text" else decode_text(read_file(folder, value["file"]))
        except ValueError as error:
            problems.append(f"skills.{name}.file: {value['file']} {error}")
            continue
        body = tidy_text(text)
        if body.startswith("---\n"):
            problems.append(f"skills.{name}.{key}: begin after the frontmatter, which is made here")
        description = tidy_text(value["description"])
        skills.append(Skill(name, description, body, tuple(value.get("tools", ()))))
    return tuple(skills), problems


def skill_problems(source: Mapping[str, Any]) -> Iterator[str]:
    """Find tools of skills that do not exist, each as `skills.NAME.tools: …`."""
    for name, value in source.get("skills", {}).items():
        for tool in value.get("tools", ()):
            if tool not in source["tools"]:
                yield f"skills.{name}.tools: there is no tool {tool}"
