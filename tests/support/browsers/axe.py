"""axe-core, run on the page that a browser shows."""

from pathlib import Path

from playwright.sync_api import Page

AXE = Path(__file__).parents[2] / "node/node_modules/axe-core/axe.min.js"
# The whole result describes each element that passes, which takes much longer to move than to find.
RUN = """async rules => {
  const options = {resultTypes: ["violations"], ...(rules.length ? {runOnly: rules} : {})};
  const {passes, violations} = await axe.run(options);
  const lines = violations.flatMap(({id, nodes}) =>
    nodes.map(({target, html}) => `${id}: ${JSON.stringify(target)} ${html.slice(0, 120)}`));
  return [passes.length, lines];
}"""


def violations(page: Page, *rules: str) -> list[str]:
    """Run axe with these rules, or with its default rules; return a line for each finding."""
    if not page.evaluate("typeof axe !== 'undefined'"):
        page.evaluate(AXE.read_text(encoding="utf-8"))
    passes, found = page.evaluate(RUN, rules)
    assert passes
    lines: list[str] = found
    return lines
