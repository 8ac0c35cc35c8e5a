"""Readings of any length → periods: nothing is counted twice and nothing is lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facejoin.jobs.watch.timeline import Edge, Timeline, Use, use_between
from facejoin.udfs.web.readings import Reading


def reading(ended: float, seconds: float, core_seconds: float, worker: str = "w", wave: str = "a", memory: int = 10):
    return Reading(wave, worker, ended, seconds, core_seconds, memory)


def edges(*times: float) -> list[Edge]:
    return [Edge(at, cores=2) for at in times]


def test_a_period_is_told_when_what_was_read_in_it_has_come_in():
    start, minute, two = edges(0, 60, 120)
    timeline = Timeline(start)
    timeline.add([reading(50, 50, 25)], minute)
    assert timeline.told() == []
    timeline.add([reading(110, 60, 60)], two)
    [period] = timeline.told()
    assert (period.start, period.end.at) == (0, 60)
    assert period.use.busy == pytest.approx((25 + 10) / 60)
    [last] = timeline.told(at_end=True)
    assert (last.start, last.end.at) == (60, 120)
    assert last.use.busy == pytest.approx(50 / 60)
    assert timeline.told(at_end=True) == []


def test_a_worker_counts_once_and_its_waves_apart():
    start, minute = edges(0, 60)
    timeline = Timeline(start)
    timeline.add([reading(30, 30, 30, memory=10), reading(60, 30, 15, wave="b", memory=30)], minute)
    [period] = timeline.told(at_end=True)
    assert period.use == Use(workers=1, busy=0.75, memory_mean=20, memory_max=30)
    assert period.waves == {"a": Use(1, 0.5, 10, 10), "b": Use(1, 0.25, 30, 30)}


def test_a_period_without_workers_is_told_where_a_host_pauses():
    quiet, paused = Edge(60, 2), Edge(120, 2, {"photos.test": 300.0})
    timeline = Timeline(Edge(0, 2))
    timeline.add([], quiet)
    timeline.add([], paused)
    assert [(period.end, period.use) for period in timeline.told(at_end=True)] == [(paused, Use())]


READINGS = st.lists(
    st.builds(
        reading,
        ended=st.floats(50, 1000),
        seconds=st.floats(0.01, 50),
        core_seconds=st.floats(0, 100),
        worker=st.sampled_from("vw"),
        wave=st.sampled_from("ab"),
    ),
    max_size=8,
)


@given(READINGS, st.lists(st.floats(0.5, 200), min_size=1, max_size=8))
def test_all_core_seconds_are_in_some_period(readings, lengths):
    ends = [sum(lengths[: number + 1]) for number in range(len(lengths))]
    ends[-1] = max(1000.0, ends[-1])
    ends = [end for end in ends if end < ends[-1]] + [ends[-1]]
    timeline, told = Timeline(Edge(0, 1)), []
    for start, end in zip([0.0, *ends], ends, strict=False):
        came = [each for each in readings if start < each.ended <= end]
        timeline.add(came, Edge(end, 1))
        told += timeline.told()
    told += timeline.told(at_end=True)
    late = max((each.seconds for each in readings), default=0)
    spent = sum(period.use.busy * (period.end.at - period.start) for period in told)
    by_wave = sum(use.busy * (period.end.at - period.start) for period in told for use in period.waves.values())
    expected = sum(each.core_seconds for each in readings)
    assert by_wave == pytest.approx(spent)
    assert spent <= expected * (1 + 1e-9)
    if all(length >= late for length in lengths):
        assert spent == pytest.approx(expected)


def test_time_before_and_after_does_not_count():
    assert use_between([reading(60, 60, 60)], 60, 120) == Use()
    assert use_between([reading(180, 120, 60)], 90, 120) == Use(1, 0.5, 10, 10)
