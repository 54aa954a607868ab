"""Counters, histograms and gauges, and the page that shows them (Prometheus text format 0.0.4)."""

import inspect
from bisect import bisect_left
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import structlog

MOST_SERIES = 2000
"""Series of one metric. What comes later is added to one whose labels are all `other`."""
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Labels = tuple[str, ...]
Values = Mapping[Labels, float]
Read = Callable[[], Values | Awaitable[Values]]

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Metric:
    """What a metric is called and means, in one of the modules that list the names."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    text: str
    labels: Labels = ()
    buckets: tuple[float, ...] = ()


class Counter:
    """Adds up events, by their labels."""

    __slots__ = ("metric", "values")

    def __init__(self, metric: Metric) -> None:
        """Begin with nothing counted."""
        self.metric = metric
        self.values: dict[Labels, float] = {}

    def add(self, labels: Labels = (), by: float = 1) -> None:
        """Count events."""
        try:
            self.values[labels] += by
        except KeyError:
            place = _place(labels, self.values)
            self.values[place] = self.values.get(place, 0) + by

    def read(self) -> Values:
        """Return the sums."""
        return self.values


class Histogram:
    """Counts values by buckets, and adds them up, by their labels."""

    __slots__ = ("_bounds", "_observed", "metric")

    def __init__(self, metric: Metric) -> None:
        """Begin with nothing observed."""
        self.metric = metric
        self._bounds = metric.buckets
        self._observed: dict[Labels, list[float]] = {}

    def observe(self, labels: Labels, value: float) -> None:
        """Add a value."""
        found = self._observed.get(labels)
        if found is None:
            place = _place(labels, self._observed)
            found = self._observed.setdefault(place, [0.0] * (len(self._bounds) + 2))
        found[bisect_left(self._bounds, value)] += 1
        found[-1] += value

    def lines(self) -> Iterator[str]:
        """Write the samples."""
        name, names = self.metric.name, self.metric.labels
        for labels, (*counts, total) in sorted(self._observed.items()):
            sum_so_far = 0.0
            for bound, count in zip((*map(_number, self._bounds), "+Inf"), counts, strict=True):
                sum_so_far += count
                shown = _labels((*names, "le"), (*labels, bound))
                yield f"{name}_bucket{shown} {_number(sum_so_far)}"
            yield f"{name}_sum{_labels(names, labels)} {_number(total)}"
            yield f"{name}_count{_labels(names, labels)} {_number(sum_so_far)}"


class Page:
    """All metrics of a process."""

    def __init__(self) -> None:
        """Begin with an empty page."""
        self._histograms: list[Histogram] = []
        self._reads: list[tuple[Sequence[Metric], Callable[[], object]]] = []

    def counter(self, metric: Metric) -> Counter:
        """Add a counter."""
        counter = Counter(metric)
        self.read(metric, counter.read)
        return counter

    def histogram(self, metric: Metric) -> Histogram:
        """Add a histogram."""
        histogram = Histogram(metric)
        self._histograms.append(histogram)
        return histogram

    def read(self, metric: Metric, read: Read) -> None:
        """Add a metric that is read when the page is."""

        async def read_one() -> Sequence[Values]:
            values = read()
            return [await values if inspect.isawaitable(values) else values]

        self._reads.append(((metric,), read_one))

    def read_together(
        self, metrics: Sequence[Metric], read: Callable[[], Awaitable[Sequence[Values]]]
    ) -> None:
        """Add metrics that are read at once when the page is, in this order."""
        self._reads.append((metrics, read))

    async def write(self) -> str:
        """Write the page, without the metrics that can't be read now."""
        lines: list[str] = []
        for metrics, read in self._reads:
            try:
                found = await read()  # type: ignore[misc] # both ways to add one are awaited
            except Exception as problem:  # noqa: BLE001 - the others are still worth reading
                kind = type(problem).__name__
                log.warning("metrics_not_read", names=[one.name for one in metrics], kind=kind)
                continue
            for metric, values in zip(metrics, found, strict=True):
                lines += _head(metric)
                lines += (
                    f"{metric.name}{_labels(metric.labels, labels)} {_number(value)}"
                    for labels, value in sorted(values.items())
                )
        for histogram in self._histograms:
            lines += [*_head(histogram.metric), *histogram.lines()]
        return "\n".join([*lines, ""])


def _place(labels: Labels, known: Mapping[Labels, object]) -> Labels:
    if labels in known or len(known) < MOST_SERIES:
        return labels
    return ("other",) * len(labels)


def _head(metric: Metric) -> list[str]:
    return [f"# HELP {metric.name} {metric.text}", f"# TYPE {metric.name} {metric.kind}"]


def _labels(names: Sequence[str], values: Sequence[str]) -> str:
    if not names:
        return ""
    pairs = (f'{name}="{_escape(value)}"' for name, value in zip(names, values, strict=True))
    return f"{{{','.join(pairs)}}}"


def _escape(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)
