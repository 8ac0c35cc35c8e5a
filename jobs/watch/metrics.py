"""A status in Prometheus's text format: in a file for its node exporter, or on a port."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from prometheus_client import CollectorRegistry, start_http_server, write_to_textfile
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from facejoin.conf.settings import SettingsError
from facejoin.jobs.watch.report import LoadPoint, StatusReport

PREFIX = "facejoin"


class LastStatus(Collector):
    """The metrics of the report that was given last; what is unknown has none."""

    def __init__(self) -> None:
        self.report: StatusReport | None = None

    def collect(self) -> Iterator[GaugeMetricFamily]:
        if self.report is not None:
            yield from _families(self.report)


def write_metrics(report: StatusReport, file: Path) -> None:
    """At once: whoever reads the file sees the old one or the new one. Raises SettingsError."""
    last, registry = LastStatus(), CollectorRegistry()
    last.report = report
    registry.register(last)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_to_textfile(str(file), registry)
    except OSError as error:
        raise SettingsError(f"the metrics {file} cannot be written: {error.strerror}") from error


def serve_metrics(last: LastStatus, port: int, listen: str) -> int:
    """The port on which they are served from now on, as long as the process lasts; 0 for any free one. Raises
    SettingsError where it is taken."""
    registry = CollectorRegistry()
    registry.register(last)
    try:
        server, _ = start_http_server(port, listen, registry)
    except OSError as error:
        raise SettingsError(f"metrics cannot be served at {listen}, port {port}: {error.strerror}") from error
    return int(server.server_port)


def _families(report: StatusReport) -> Iterator[GaugeMetricFamily]:
    for name, (meaning, value) in _values(report).items():
        if value is not None:
            yield GaugeMetricFamily(f"{PREFIX}_{name}", meaning, value=value)
    yield _labelled("results", "Photos by outcome.", "status", report.statuses)
    until = "When the host may be asked again, in seconds since 1970."
    yield _labelled("host_paused_until_timestamp_seconds", until, "host", report.paused)
    for name, cost in (("cost", report.cost), ("cost_left", report.cost_left)):
        if cost.total is not None:
            meaning = "At the prices of the settings, " + ("so far." if name == "cost" else "to come.")
            yield _labelled(name, meaning, "currency", {report.currency: cost.total})


def _labelled(name: str, meaning: str, label: str, values: Mapping[str, float]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"{PREFIX}_{name}", meaning, labels=[label])
    for value, number in values.items():
        family.add_metric([value], number)
    return family


def _values(report: StatusReport) -> dict[str, tuple[str, float | None]]:
    """Name → what it is, and its value."""
    return {
        "status_timestamp_seconds": ("When this was found out, in seconds since 1970.", report.at),
        "photos": ("In the lists.", report.photos),
        "photos_done": ("With a result.", report.done),
        "photos_left": ("Without a result.", report.left),
        "waves_ended": ("Waves of the crawl that have ended.", report.waves),
        "waves_at_work": ("Waves that somebody is at.", len(report.at_work)),
        "results_per_second": ("Over the last waves.", report.rate),
        "left_seconds": ("Until all photos are done, at this rate.", report.seconds_left),
        "downloaded_bytes": ("Of photos, so far.", report.bytes),
        "photo_mean_bytes": ("Of a photo that arrived.", report.mean_bytes),
        "projected_bytes": ("Of photos, when all are done.", report.projected_bytes),
        "with_face_ratio": ("Share of the photos that arrived.", report.with_face),
        "core_hours": ("Of the cores that crawls had while their waves ran.", report.core_hours),
        "core_hours_left": ("To come, at as many for a photo.", report.core_hours_left),
    } | (_load(report.load[-1]) if report.load else {})


def _load(last: LoadPoint) -> dict[str, tuple[str, float | None]]:
    return {
        "load_timestamp_seconds": ("When the next were read, in seconds since 1970.", last.at),
        "workers": ("Python workers that had a task.", last.workers),
        "cores": ("That the crawls had.", last.cores),
        "cores_busy": ("Cores that workers kept busy.", last.busy),
        "worker_memory_mean_bytes": ("Of a worker.", last.memory_mean),
        "worker_memory_max_bytes": ("Of the largest worker.", last.memory_max),
    }
