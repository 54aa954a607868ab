"""Find the tools that a Markdown text names, and give them other names."""

import html
import re
import unicodedata
from collections.abc import Collection, Mapping

from mcp_gateway.text import strip_text

_DISTINCT = re.compile(r"[_0-9-]|[a-z][A-Z]")
"""What no ordinary English word has."""
_CODE = re.compile(
    r"(?P<mark>`+|~{3,})(?P<inside>.*?)(?:(?P=mark)|\Z)|^(?: {4}|\t)(?P<line>[^\n]*)$",
    re.DOTALL | re.MULTILINE,
)


def find_tools(text: str, names: Mapping[str, str]) -> set[str]:
    """Return the tools that a text names.

    A name that is an ordinary word, such as `search`, counts only in code; any other wherever it stands, in
    any case, with escapes and entities, but not as a part of a longer name.

    Args:
        text: Markdown.
        names: each present or former name of a tool, to the tool.
    """
    said = strip_text(unicodedata.normalize("NFKC", html.unescape(text))).replace("\\", "")
    code = "\n".join(found["inside"] or found["line"] or "" for found in _CODE.finditer(said))
    anywhere, in_code = said.casefold(), code.casefold()
    return {
        tool
        for name, tool in names.items()
        if _names(anywhere if _DISTINCT.search(name) else in_code, name.casefold())
    }


def prefix_tools(text: str, names: Collection[str], prefix: str) -> str:
    """Return a text with a prefix before the tools that it names; ordinary words in whole code spans only."""
    for marked, chosen in (
        (r"(?<![A-Za-z0-9/{{])(?<![A-Za-z0-9]_)(?<!\{{ )({})(?!_*[A-Za-z0-9])", True),
        (r"(?<=`)({})(?=[`(])", False),
    ):
        spelled = [
            re.escape(name).replace("_", r"\\?_")
            for name in sorted(names, key=len, reverse=True)
            if bool(_DISTINCT.search(name)) is chosen
        ]
        if spelled:
            pattern = marked.format("|".join(spelled))
            text = re.sub(pattern, lambda found: prefix + found[1], text)
    return text


def _names(text: str, name: str) -> bool:
    # Most texts name few of a thousand tools, and the first look is the cheap one.
    if name not in text:
        return False
    joint = "[_-]" if "-" in name else "_"
    whole = rf"(?<![a-z0-9])(?<![a-z0-9]{joint}){re.escape(name)}(?!{joint}*[a-z0-9])"
    return re.search(whole, text) is not None
