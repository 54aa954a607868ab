"""HTML in a document's texts becomes plain text, and nothing else changes."""

import html
import re

import hypothesis.strategies as st
import pytest
from hypothesis import given

from mcp_gateway.documents.markup import plain_text

WORDS = st.text(alphabet="abcxyz", min_size=1, max_size=5)
INLINE = ("b", "i", "em", "strong", "span", "a", "u")
BLOCKS = ("p", "div", "h2", "blockquote")


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        (
            "<p>Creates a <b>task</b>.</p>\n<p>Then <em>stops</em>.</p>",
            "Creates a task.\n\nThen stops.",
        ),
        ('<p>See <a href="/docs#x">tasks</a>.</p>', "See tasks."),
        ("Returns a list<br>of tasks<br/>", "Returns a list\nof tasks"),
        ("<ul><li>One</li><li>Two<ol><li>a</li></ol></li></ul>", "- One\n- Two\n  1. a"),
        ("<p>Use <code>limit</code></p><pre>a\n  b</pre>", "Use `limit`\n\n```\na\n  b\n```"),
        (
            "<table><tr><th>a</th><th>b</th></tr><tr><td>1</td><td>2</td></tr></table>",
            "a | b\n1 | 2",
        ),
        ("Terms &amp; &quot;rules&quot;", 'Terms & "rules"'),
        ("<p>a</p><!-- hidden --><p>b</p>", "a\n\nb"),
        ("[Tasks](https://a.example/b) and [more](#more)![x](/y.png)", "Tasks and more"),
        # No HTML.
        ("Bearer <token> and /users/<id>/", "Bearer <token> and /users/<id>/"),
        ("Exchange the <code> for a token", "Exchange the <code> for a token"),
        ("a < b and b > c, A&B", "a < b and b > c, A&B"),
        ("Write `<p>` and <br>`&amp;`", "Write `<p>` and\n`&amp;`"),
        ("filter[name](text) stays", "filter[name](text) stays"),
        ("1. a\n   - b\n\n```\n<p>\n```", "1. a\n   - b\n\n```\n<p>\n```"),
    ],
)
def test_html_is_written_as_plain_text(text: str, plain: str) -> None:
    assert plain_text(text) == plain


@st.composite
def markup(draw: st.DrawFn) -> tuple[str, list[str]]:
    """Draw HTML, with the words that it shows."""
    written, words = [], []
    for _ in range(draw(st.integers(1, 6))):
        word = draw(WORDS)
        words.append(word)
        inline, block = draw(st.sampled_from(INLINE)), draw(st.sampled_from(BLOCKS))
        written.append(f'<{block} class="x">\n  <{inline}>{word}</{inline}>\n</{block}>')
    return "".join(written), words


@given(markup())
def test_every_word_of_html_stays_and_no_tag_does(drawn: tuple[str, list[str]]) -> None:
    text, words = drawn
    plain = plain_text(text)
    assert re.findall(r"\w+", plain) == words
    assert "<" not in plain


@given(st.text(max_size=200))
def test_any_text_is_read_and_a_text_without_markup_does_not_change(text: str) -> None:
    plain = plain_text(text)
    if not re.search(r"[<&]|\]\(", text):
        assert plain == text
    assert len(plain) <= 2 * len(text) + 8


@given(st.text(alphabet="ab <>/&;`p!-\n\"'=[]", max_size=60))
def test_any_malformed_markup_is_read_without_an_error(text: str) -> None:
    assert html.unescape(plain_text(f"<p>{text}</p>")).count("<p>") <= text.count("<p") + 1
