"""`docs/metrics.md` lists every metric with its kind, labels and meaning, and no other."""

import re

import pytest

from auth_server.metrics.names import METRICS as OF_AUTH_SERVER
from gatepost.metrics.process import METRICS as OF_PROCESS
from gatepost.metrics.series import Metric
from mcp_gateway.metrics.names import METRICS as OF_GATEWAY
from support.markdown import read, section

ROW = re.compile(r"^\| `(\w+)` \| (\w+) \| ([^|]*?) ?\| ([^|]+) \|$", re.MULTILINE)
SECTIONS = {
    "## Both services": OF_PROCESS,
    "## The authorization server": [one for one in OF_AUTH_SERVER if one not in OF_PROCESS],
    "## The MCP gateway": [one for one in OF_GATEWAY if one not in OF_PROCESS],
}


@pytest.mark.parametrize("heading", SECTIONS)
def test_every_metric_is_documented_and_no_other(heading: str) -> None:
    told = [
        (name, kind, tuple(re.findall(r"`(\w+)`", labels)), text)
        for name, kind, labels, text in ROW.findall(section(read("docs/metrics.md"), heading))
    ]
    assert told == [(one.name, one.kind, one.labels, one.text) for one in SECTIONS[heading]]


@pytest.mark.parametrize("metrics", [OF_AUTH_SERVER, OF_GATEWAY])
def test_no_metric_has_a_label_for_tenants_or_people(metrics: tuple[Metric, ...]) -> None:
    labels = {label for one in metrics for label in one.labels}
    assert labels.isdisjoint({"tenant", "tenant_id", "sub", "client_id", "grant_id", "address"})
