"""The alert rules and the Grafana board name metrics that exist, and Prometheus takes them."""

import json
import re
import subprocess
from collections.abc import Iterator

import pytest

from auth_server.metrics.names import METRICS as OF_AUTH_SERVER
from gatepost.metrics.series import Metric
from mcp_gateway.metrics.names import METRICS as OF_GATEWAY
from support.markdown import ROOT, read, spans

FOLDER = ROOT / "deploy" / "observability"
NAMES = {one.name: one for one in (*OF_AUTH_SERVER, *OF_GATEWAY)}
NAME = re.compile(r"\b(?:gatepost|mcp_server|process)_\w+")
SELECTED = re.compile(r"\b((?:gatepost|mcp|process)_\w+)\{([^}]*)\}")
BY = re.compile(r"\bby \(([^)]*)\)")


def metric_of(name: str) -> Metric | None:
    """Find a metric by its name, or by that of a series of a histogram."""
    base = re.sub(r"_(bucket|sum|count)$", "", name)
    if base in NAMES and NAMES[base].kind == "histogram":
        return NAMES[base] if base != name else None
    return NAMES.get(name)


def rules() -> Iterator[str]:
    """Each expression of a rule."""
    said = (FOLDER / "alerts.yaml").read_text()
    yield from re.findall(r"expr: (?:>-)?(.*?)\n +(?:for|labels):", said, re.DOTALL)


def board() -> Iterator[str]:
    """Each expression of the board."""
    for panel in json.loads((FOLDER / "board.json").read_text())["panels"]:
        for target in panel.get("targets", ()):
            yield target["expr"]


EXPRESSIONS = [*rules(), *board()]


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_every_metric_and_label_in_an_expression_exists(expression: str) -> None:
    named = NAME.findall(expression)
    assert named
    labels = {"instance", "job", "le"}
    for name in named:
        metric = metric_of(name)
        assert metric is not None, name
        labels |= {*metric.labels}
    for name, selected in SELECTED.findall(expression):
        metric = metric_of(name)
        assert metric is not None
        known = {*metric.labels, "instance", "job"}
        assert set(re.findall(r"(\w+)(?:=|!|=~)", selected)) <= known, expression
    for grouped in BY.findall(expression):
        assert set(grouped.split(", ")) <= labels, expression


def test_every_metric_is_on_the_board_or_has_an_alert() -> None:
    shown = {
        metric.name
        for text in EXPRESSIONS
        for name in NAME.findall(text)
        if (metric := metric_of(name))
    }
    # These are for queries of a moment.
    assert NAMES.keys() - shown == {
        "gatepost_revocations_numbered",
        "gatepost_tools",
        "process_start_time_seconds",
    }


@pytest.mark.parametrize(
    "command", [("check", "rules", "alerts.yaml"), ("test", "rules", "alerts_test.yaml")]
)
def test_prometheus_takes_the_rules_and_they_fire_as_they_should(command: tuple[str, ...]) -> None:
    done = subprocess.run(
        ["promtool", *command], cwd=FOLDER, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_takes_every_expression_of_the_board() -> None:
    taken = [text.replace("$__rate_interval", "5m").replace("$instance", ".*") for text in board()]
    rules = [{"record": f"panel:{n}", "expr": text} for n, text in enumerate(taken)]
    done = subprocess.run(
        ["promtool", "check", "rules", "/dev/stdin"],
        input=json.dumps({"groups": [{"name": "board", "rules": rules}]}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_operators_read_what_to_do_at_each_alert() -> None:
    alerts = re.findall(r"- alert: (\w+)", (FOLDER / "alerts.yaml").read_text())
    told = [span for span in spans(read("docs/operate.md")) if span.startswith("Gatepost")]

    assert sorted(told) == sorted(alerts)
