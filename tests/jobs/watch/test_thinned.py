"""Rows of `load` → few enough points to be drawn, which say the same."""

from __future__ import annotations

import pytest

from facejoin.jobs.watch.history import thinned


def row(at: float, busy: float, crawl: str = "x", workers: int = 2, memory: int = 10):
    load = {"at": at, "seconds": 60.0, "crawl": crawl, "cores": 4, "workers": workers, "busy": busy}
    return load | {"memory_mean": float(memory), "memory_max": memory}


def test_nothing_recorded_is_no_point():
    assert thinned([], 10) == []


def test_few_rows_are_a_point_each_in_order():
    points = thinned([row(120, 1.0), row(60, 2.0), row(180, 3.0)], 10)
    assert [(point.at, point.busy) for point in points] == [(60, 2.0), (120, 1.0), (180, 3.0)]


def test_many_rows_are_averaged():
    points = thinned([row(60 * number, number % 2) for number in range(1000)], 10)
    assert len(points) == 10
    assert [point.busy for point in points] == [pytest.approx(0.5)] * 10
    assert points[-1].at == 60 * 999


def test_crawls_side_by_side_add_up():
    [point] = thinned([row(60, 1.0, memory=10), row(61, 2.0, "y", workers=6, memory=30)], 10)
    assert (point.cores, point.busy, point.workers) == (8, 3.0, 8)
    assert (point.memory_mean, point.memory_max) == (25, 30)


def test_waiting_without_workers_takes_no_memory():
    [point] = thinned([row(60, 0.0, workers=0, memory=0)], 10)
    assert (point.workers, point.memory_mean) == (0, 0)
