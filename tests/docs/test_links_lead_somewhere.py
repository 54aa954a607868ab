"""Links in documents lead to existing files and headings."""

from pathlib import Path

import pytest

from support.markdown import ROOT, anchors, links, markdown_files, read


@pytest.mark.parametrize("path", markdown_files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_of_a_document_leads_somewhere(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    broken = []
    for link in links(text):
        if link.startswith(("https://", "http://", "mailto:")):
            continue
        name, _, fragment = link.partition("#")
        target = (path.parent / name).resolve() if name else path
        found = target.is_relative_to(ROOT) and target.exists()
        if found and fragment:
            found = fragment in anchors(target.read_text(encoding="utf-8"))
        if not found:
            broken.append(link)
    assert not broken


def test_every_decision_is_once_in_the_list_of_decisions_in_order() -> None:
    listed = [link for link in links(read("docs/decisions/README.md")) if link[:4].isdigit()]
    written = sorted(path.name for path in (ROOT / "docs/decisions").glob("[0-9]*.md"))
    assert written
    assert listed == written


def test_every_picture_is_shown_somewhere_and_is_small() -> None:
    shown = {
        (path.parent / link).resolve()
        for path in markdown_files()
        for link in links(path.read_text(encoding="utf-8"))
        if not link.startswith("http")
    }
    pictures = sorted((ROOT / "docs/pictures").iterdir())
    assert pictures
    assert [picture.name for picture in pictures if picture not in shown] == []
    assert [picture.name for picture in pictures if picture.stat().st_size > 150 * 1024] == []
