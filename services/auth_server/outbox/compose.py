"""Compose a mail from its template: subject, plain text and HTML, in the recipient's language."""

import re
import unicodedata
from collections.abc import Mapping

from auth_server.mail.port import Message
from auth_server.rendering.render import Pages

Value = str | int
_LONGEST = 600
_PARAGRAPH = re.compile(r"\n\s*\n")
_BUTTON = "button"
PATH = "path"
"""The value that names a mail's link, as a path of this server such as `/account/security`."""


def compose(
    pages: Pages,
    issuer: str,
    template: str,
    *,
    mail_id: str,
    to: str,
    language: str,
    values: Mapping[str, Value],
) -> Message:
    """Render a mail.

    Args:
        pages: the pages, which hold the templates of every language.
        issuer: the configured issuer, with which every link begins.
        template: its name, the file `mail/NAME.txt` among the templates.
        mail_id: the mail's id.
        to: the recipient's address.
        language: the recipient's language; English if it is unknown.
        values: the template's values.
    """
    found = pages.for_languages([language])
    environment = found.environments[found.language]
    source = environment.get_template(f"mail/{template}.txt")
    plain = {
        name: value if isinstance(value, int) else _one_line(value)
        for name, value in values.items()
    }
    context = source.new_context({**plain, "issuer": issuer})
    blocks = {name: "".join(render(context)).strip() for name, render in source.blocks.items()}
    subject = _one_line(blocks["subject"])
    button = _one_line(blocks[_BUTTON]) if _BUTTON in blocks else ""
    url = f"{issuer}{plain[PATH]}" if button else ""
    layout = {
        "subject": subject,
        "before": _paragraphs(blocks["text"]),
        "button": button,
        "url": url,
        "after": _paragraphs(blocks.get("after", "")),
        "issuer": issuer,
    }
    return Message(
        mail_id=mail_id,
        template=template,
        to=to,
        subject=subject,
        text=found.render("mail/_layout.txt", **layout).strip() + "\n",
        html=found.render("mail/_layout.html", **layout),
    )


def _one_line(value: str) -> str:
    """Bring a value to one line, so that it can add neither a header nor a paragraph."""
    kept = (" " if unicodedata.category(c)[0] in "CZ" else c for c in value[:_LONGEST])
    return " ".join("".join(kept).split())


def _paragraphs(text: str) -> list[str]:
    return [" ".join(part.split()) for part in _PARAGRAPH.split(text) if part.strip()]
