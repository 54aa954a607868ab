"""Reading the project's Markdown: links, headings, fenced code and code spans."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)|(?:src|href|srcset)=\"([^\"]+)\"")
_SPAN = re.compile(r"`([^`\n]+)`")
_HEADING = re.compile(r"^#+ +(.+)$", re.MULTILINE)


def markdown_files() -> list[Path]:
    """Every Markdown file that is written by hand."""
    return [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]


def read(name: str) -> str:
    """The text of a document, by its path in the repository."""
    return (ROOT / name).read_text(encoding="utf-8")


def fences(text: str, language: str) -> list[str]:
    """The contents of fenced code blocks in one language."""
    return [content for name, content in _FENCE.findall(text) if name == language]


def prose(text: str) -> str:
    """A document without its fenced code."""
    return _FENCE.sub("", text)


def spans(text: str) -> list[str]:
    """The contents of the code spans in the prose, in order."""
    return _SPAN.findall(prose(text))


def links(text: str) -> list[str]:
    """Where the prose's links and pictures lead."""
    return [first or second for first, second in _LINK.findall(prose(text))]


def anchors(text: str) -> set[str]:
    """The fragments that headings can be linked by, as code hosts write them."""
    headings = _HEADING.findall(prose(text))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def section(text: str, heading: str) -> str:
    """Return the text under a heading, up to the next one of its level or above."""
    lines = text.splitlines()
    start = lines.index(heading)
    level = len(heading) - len(heading.lstrip("#"))
    for number, line in enumerate(lines[start + 1 :], start + 1):
        if re.match(rf"#{{1,{level}}} ", line):
            return "\n".join(lines[start:number])
    return "\n".join(lines[start:])
