"""The page of metrics, and its port."""

import subprocess
from socket import create_server

import httpx2

from gatepost.metrics.port import serving_metrics
from gatepost.metrics.series import MOST_SERIES, Metric, Page

SPENT = Metric("spent_total", "counter", "Money.", ("who", "what"))
TOOK = Metric("took_seconds", "histogram", "Time.", ("how",), (0.1, 1.0))


def check_metrics(page: str) -> None:
    """Let Prometheus' own tool read a page."""
    command = ["promtool", "check", "metrics"]
    said = subprocess.run(command, input=page, capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stderr


async def test_counters_and_histograms_are_shown_as_prometheus_reads_them() -> None:
    page = Page()
    spent, took = page.counter(SPENT), page.histogram(TOOK)
    page.read(Metric("age_seconds", "gauge", "Age."), lambda: {(): 1.5})
    spent.add(("ada", 'a "good"\\bad\nbook'), 3)
    spent.add(("ada", 'a "good"\\bad\nbook'))
    for seconds in (0.05, 0.1, 0.5, 7):
        took.observe(("fast",), seconds)

    written = await page.write()

    assert written == (
        "# HELP spent_total Money.\n"
        "# TYPE spent_total counter\n"
        'spent_total{who="ada",what="a \\"good\\"\\\\bad\\nbook"} 4\n'
        "# HELP age_seconds Age.\n"
        "# TYPE age_seconds gauge\n"
        "age_seconds 1.5\n"
        "# HELP took_seconds Time.\n"
        "# TYPE took_seconds histogram\n"
        'took_seconds_bucket{how="fast",le="0.1"} 2\n'
        'took_seconds_bucket{how="fast",le="1"} 3\n'
        'took_seconds_bucket{how="fast",le="+Inf"} 4\n'
        'took_seconds_sum{how="fast"} 7.65\n'
        'took_seconds_count{how="fast"} 4\n'
    )
    check_metrics(written)


async def test_invented_labels_do_not_grow_the_page_without_end() -> None:
    page = Page()
    spent = page.counter(SPENT)
    for number in range(MOST_SERIES + 50):
        spent.add((str(number), ""))

    assert len(spent.read()) == MOST_SERIES + 1
    assert spent.read()["other", "other"] == 50


async def test_what_can_not_be_read_does_not_hide_the_rest() -> None:
    page = Page()

    async def fail() -> dict[tuple[str, ...], float]:
        raise OSError("s3cret")

    page.read(Metric("broken", "gauge", "Broken."), fail)
    page.read(Metric("works", "gauge", "Works."), lambda: {(): 1})

    written = await page.write()

    assert "broken" not in written
    assert written.endswith("works 1\n")


async def test_only_the_metrics_are_on_their_port() -> None:
    page = Page()
    page.read(Metric("works", "gauge", "Works."), lambda: {(): 1})
    bound = create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{bound.getsockname()[1]}"
    async with serving_metrics(page, bound), httpx2.AsyncClient(trust_env=False) as http:
        answer = await http.get(f"{url}/metrics")
        assert (answer.status_code, answer.text[-8:]) == (200, "works 1\n")
        assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
        assert (await http.get(f"{url}/livez")).status_code == 404
        assert (await http.post(f"{url}/metrics")).status_code == 404
