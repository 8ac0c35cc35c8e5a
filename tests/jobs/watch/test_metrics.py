"""A status as Prometheus reads it: by its own parser."""

from __future__ import annotations

from pathlib import Path
from urllib.request import urlopen

import pytest
from made_up_status import KNOWN, NOON, UNKNOWN
from prometheus_client.parser import text_string_to_metric_families

from facejoin.conf.settings import SettingsError
from facejoin.jobs.watch.metrics import LastStatus, serve_metrics, write_metrics


def samples(text: str) -> dict[tuple[str, str], float]:
    """(metric, value of its label or nothing) → its value."""
    families = [*text_string_to_metric_families(text)]
    assert all(family.documentation and family.type == "gauge" for family in families)
    return {(one.name, "".join(one.labels.values())): one.value for family in families for one in family.samples}


def test_everything_that_is_known_is_a_metric(tmp_path: Path) -> None:
    file = tmp_path / "textfiles" / "facejoin.prom"
    write_metrics(KNOWN, file)
    found = samples(file.read_text())
    assert found["facejoin_photos_done", ""] == 25_000_000
    assert found["facejoin_results", "faces"] == 4_700_000
    assert found["facejoin_projected_bytes", ""] == 11.2e12
    assert found["facejoin_cost", "euros"] == 68
    assert found["facejoin_cost_left", "euros"] == 204
    assert found["facejoin_host_paused_until_timestamp_seconds", "photos.test"] == NOON + 60
    assert found["facejoin_cores_busy", ""] == 7.5
    assert found["facejoin_worker_memory_max_bytes", ""] == 1_500_000_000
    assert [path.name for path in file.parent.iterdir()] == ["facejoin.prom"]  # what it was written by is gone


def test_what_is_not_known_is_no_metric(tmp_path: Path) -> None:
    write_metrics(UNKNOWN, tmp_path / "facejoin.prom")
    found = samples((tmp_path / "facejoin.prom").read_text())
    assert found["facejoin_photos_left", ""] == 100_000_000
    absent = ("results_per_second", "left_seconds", "cost", "cores_busy", "photo_mean_bytes", "core_hours")
    assert {f"facejoin_{name}" for name in absent} & {name for name, _ in found} == set()


def test_a_file_that_cannot_be_written_is_a_wrong_argument(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match=r"the metrics .*file/facejoin.prom cannot be written"):
        write_metrics(KNOWN, tmp_path / "file" / "facejoin.prom")


def test_the_port_has_the_last_status_and_a_taken_one_is_named() -> None:
    last = LastStatus()
    port = serve_metrics(last, 0, "127.0.0.1")
    url = f"http://127.0.0.1:{port}/metrics"
    with urlopen(url, timeout=10) as answer:
        assert samples(answer.read().decode()) == {}
    for report, done in ((UNKNOWN, 0), (KNOWN, 25_000_000)):
        last.report = report
        with urlopen(url, timeout=10) as answer:
            assert samples(answer.read().decode())["facejoin_photos_done", ""] == done
    with pytest.raises(SettingsError, match=f"metrics cannot be served at 127.0.0.1, port {port}"):
        serve_metrics(last, port, "127.0.0.1")
