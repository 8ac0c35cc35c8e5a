"""Readings are kept until they are asked for, and not for ever."""

from __future__ import annotations

import pytest

from facejoin.udfs.web import readings
from facejoin.udfs.web.readings import Reading, Readings


def reading(worker: str) -> Reading:
    return Reading("0000-0003 a", worker, ended=60.0, seconds=60.0, core_seconds=30.0, memory=1)


def test_what_was_asked_for_is_not_told_again() -> None:
    kept = Readings()
    kept.add(reading("one"))
    assert kept.drain() == [reading("one")]
    assert kept.drain() == []


def test_the_oldest_go_where_nobody_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readings, "MOST", 2)
    kept = Readings()
    for worker in ("one", "two", "three"):
        kept.add(reading(worker))
    assert [each.worker for each in kept.drain()] == ["two", "three"]
