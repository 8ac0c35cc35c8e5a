"""What is to come, what it costs, and what is said to be unknown."""

from __future__ import annotations

from facejoin.conf.settings import StatusSettings
from facejoin.jobs.watch.pace import FinishedWave
from facejoin.jobs.watch.report import Cost, Progress, cost, unknown

TOLD = FinishedWave(3600, 3600, rows=100, bytes=8_000, faces=20, downloaded=80, crawl="x", cores=2)
OF_BEFORE = FinishedWave(7200, 3600, rows=100, bytes=9_000, faces=30)


def test_what_is_to_come_is_reckoned_from_what_was():
    progress = Progress(photos=500, left=400, waves=[TOLD])
    assert progress.seconds_left == 4 * 3600
    assert (progress.bytes, progress.bytes_left) == (8_000, 32_000)
    assert (progress.core_hours, progress.core_hours_left) == (2, 8)
    assert (progress.arrived.mean_bytes, progress.arrived.with_face) == (100, 0.25)


def test_waves_of_an_older_version_count_for_what_they_say():
    progress = Progress(photos=500, left=300, waves=[TOLD, OF_BEFORE])
    assert progress.bytes == 17_000
    assert progress.arrived.mean_bytes == 100
    assert (progress.core_hours, progress.core_hours_left) == (2, 6)
    assert any(reason.startswith("cores of 1 waves") for reason in unknown(progress, [], StatusSettings()))


def test_before_the_first_wave_nothing_is_known_and_that_is_said():
    progress = Progress(photos=500, left=500, waves=[])
    assert (progress.rate, progress.seconds_left, progress.bytes_left) == (None, None, None)
    assert (progress.core_hours, progress.core_hours_left) == (None, None)
    assert (progress.arrived.mean_bytes, progress.arrived.with_face) == (None, None)
    reasons = unknown(progress, [], StatusSettings())
    assert [reason.partition(":")[0] for reason in reasons] == [
        "rate, time left, bytes and cores",
        "load of the workers",
        "cost",
    ]


def test_a_crawl_that_is_done_has_nothing_to_come():
    progress = Progress(photos=100, left=0, waves=[TOLD])
    assert (progress.seconds_left, progress.bytes_left, progress.core_hours_left) == (0, 0, 0)


def test_a_cost_is_the_sum_of_what_has_a_price_and_is_known():
    both = StatusSettings(core_hour=0.05, gigabyte=0.1)
    assert cost(both, 100.0, 2e9) == Cost(5.0, 0.2)
    assert cost(both, 100.0, 2e9).total == 5.2
    assert cost(StatusSettings(gigabyte=0.1), 100.0, 2e9).total == 0.2
    assert cost(both, None, None).total is None
    assert cost(StatusSettings(), 100.0, 2e9).total is None
