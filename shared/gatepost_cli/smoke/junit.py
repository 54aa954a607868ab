"""The steps as a JUnit file, which CI systems show as tests."""

import re
from xml.sax.saxutils import escape, quoteattr

from gatepost_cli.smoke.steps import Step

# Characters that XML 1.0 can't hold, even escaped (section 2.2).
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write_junit(steps: list[Step], url: str) -> str:
    """Write the file: one test case for each step."""
    failures = sum(step.state == "fails" for step in steps)
    skipped = sum(step.state == "skip" for step in steps)
    total = sum(step.seconds for step in steps)
    suite = (
        f'<testsuite name={_attribute(f"gatepost smoke {url}")} tests="{len(steps)}"'
        f' failures="{failures}" errors="0" skipped="{skipped}" time="{total:.3f}">'
    )
    cases = "\n".join(_case(step) for step in steps)
    head = '<?xml version="1.0" encoding="UTF-8"?>'
    return f"{head}\n<testsuites>\n{suite}\n{cases}\n</testsuite>\n</testsuites>\n"


def _case(step: Step) -> str:
    start = (
        f'<testcase classname="gatepost.smoke" name={_attribute(step.name)}'
        f' time="{step.seconds:.3f}">'
    )
    if step.state == "fails":
        text = escape(_clean(f"{step.wrong}\nFix: {step.fix}"))
        return f"{start}<failure message={_attribute(step.wrong)}>{text}</failure></testcase>"
    if step.state == "skip":
        return f"{start}<skipped message={_attribute(step.seen)}/></testcase>"
    return f"{start}<system-out>{escape(_clean(step.seen))}</system-out></testcase>"


def _attribute(text: str) -> str:
    return quoteattr(_clean(text))


def _clean(text: str) -> str:
    return _NOT_XML.sub("?", text)
