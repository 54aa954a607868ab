"""The collector's configuration uses parts that it defines, and metrics and labels that exist."""

import re
from typing import Any

import yaml

from auth_server.metrics.names import METRICS as OF_AUTH_SERVER
from gatepost.tracing.settings import TracingSettings
from mcp_gateway.metrics.names import METRICS as OF_GATEWAY
from support.markdown import ROOT, read

METRICS = {one.name: one for one in (*OF_AUTH_SERVER, *OF_GATEWAY)}
CONFIGURATION: dict[str, Any] = yaml.safe_load(
    (ROOT / "deploy/observability/collector.yaml").read_text()
)


def test_each_pipeline_uses_parts_that_are_defined_and_no_part_is_unused() -> None:
    service = CONFIGURATION["service"]
    used: dict[str, set[str]] = {"extensions": set(service["extensions"])}
    for pipeline in service["pipelines"].values():
        for kind, names in pipeline.items():
            used.setdefault(kind, set()).update(names)
    assert used == {kind: set(CONFIGURATION[kind]) for kind in CONFIGURATION if kind != "service"}
    authenticator = CONFIGURATION["exporters"]["otlp_http/xray"]["auth"]["authenticator"]
    assert authenticator in service["extensions"]


def test_each_kept_metric_exists_with_its_labels() -> None:
    for declared in CONFIGURATION["exporters"]["awsemf"]["metric_declarations"]:
        for selector in declared["metric_name_selectors"]:
            chosen = [metric for name, metric in METRICS.items() if re.search(selector, name)]
            options = selector.count("|") + 1
            assert len(chosen) == options, selector
            for metric, dimensions in ((m, d) for m in chosen for d in declared["dimensions"]):
                assert set(dimensions) <= {"service", *metric.labels}, metric.name


def test_the_ports_are_those_of_the_documents() -> None:
    scraped = str(CONFIGURATION["receivers"]["prometheus"])
    ports = re.findall(r"^  metrics_port: (\d+)$", read("docs/metrics.md"), re.MULTILINE)
    assert len(ports) == 2
    assert all(f"127.0.0.1:{port}" in scraped for port in ports)
    endpoint = re.search(r"endpoint: (\S+)", read("docs/traces.md"))
    assert endpoint is not None
    listening = CONFIGURATION["receivers"]["otlp"]["protocols"]["http"]["endpoint"]
    assert TracingSettings(endpoint=endpoint[1]).endpoint == f"http://{listening}/v1/traces"
