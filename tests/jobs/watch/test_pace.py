"""Rates and core-hours of waves side by side, one after the other, and with nothing in between."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facejoin.jobs.watch.pace import LAST_WAVES, FinishedWave, core_hours, covered, rate


def wave(began: float, ended: float, rows: int = 100, crawl: str | None = "x", cores: int | None = 4) -> FinishedWave:
    return FinishedWave(ended, ended - began, rows, bytes=0, faces=0, crawl=crawl, cores=cores)


def test_without_a_wave_there_is_no_rate():
    assert rate([]) is None
    assert core_hours([]) == 0


def test_waves_side_by_side_share_the_clock():
    assert rate([wave(0, 20), wave(0, 20)]) == 10
    assert rate([wave(0, 20), wave(10, 30)]) == pytest.approx(200 / 30)


def test_a_night_without_a_crawl_is_not_in_the_rate():
    assert rate([wave(0, 10), wave(100_000, 100_010)]) == 10


def test_the_rate_is_of_the_last_waves_and_of_their_time_alone():
    """Two in flight, as a crawl has them: each takes 20 seconds, and one ends every 10."""
    slow = [wave(1000 * n, 1000 * (n + 1)) for n in range(5)]
    fast = [wave(5000 + 10 * n, 5020 + 10 * n) for n in range(2 * LAST_WAVES)]
    assert rate([*fast, *slow]) == pytest.approx(100 / 10)


def test_a_crawl_pays_its_cores_once_for_waves_side_by_side():
    assert core_hours([wave(0, 3600), wave(0, 3600)]) == 4
    assert core_hours([wave(0, 3600), wave(0, 3600, crawl="y", cores=2)]) == 6
    assert core_hours([wave(0, 3600), wave(3600, 7200, cores=8)]) == 12


def test_waves_of_an_older_version_have_no_cores():
    assert core_hours([wave(0, 3600, crawl=None, cores=None)]) == 0


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=8))
def test_what_spans_cover_is_counted_once(spans):
    seconds = {second for start, end in spans for second in range(start, end)}
    assert covered((float(start), float(end)) for start, end in spans) == len(seconds)


def test_spans_of_a_chain_are_its_length():
    assert covered(pairwise([0.0, 1.0, 5.0, 7.0])) == 7
