"""Leases: one holder at a time, whoever else reaches for it and whatever becomes of the holder."""

import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from functools import cache

import pytest

from facejoin.conf.schemas import LEASES
from facejoin.jobs.store import leases
from facejoin.jobs.store.leases import Held, held, lease, sweep
from facejoin.jobs.store.warehouse import Warehouse


@pytest.fixture(scope="module")
def warehouse(spark, tmp_path_factory):
    return Warehouse(spark, str(tmp_path_factory.mktemp("leases")))


def units(warehouse):
    return [taken.unit for taken in held(warehouse)]


def test_what_one_has_another_is_told_of_and_it_is_free_again_afterwards(warehouse):
    with lease(warehouse, "crawl", "a") as mine:
        assert held(warehouse) == [mine]
        message = r"crawl a, held by .* on .*, process \d+ since .* UTC"
        with pytest.raises(Held, match=message) as refused, lease(warehouse, "crawl", "a"):
            pass
        assert refused.value.lease == mine
        with lease(warehouse, "crawl", "b"):
            assert units(warehouse) == ["a", "b"]
    assert units(warehouse) == []
    with lease(warehouse, "crawl", "a"):
        assert units(warehouse) == ["a"]


def test_an_error_lets_it_go(warehouse):
    with pytest.raises(ZeroDivisionError), lease(warehouse, "crawl", "c"):
        1 / 0  # noqa: B018
    assert units(warehouse) == []


def test_of_two_that_reach_for_it_at_once_one_has_it(spark, warehouse):
    together, done = threading.Barrier(2), threading.Barrier(2)
    outcomes = []

    def reach():
        own = Warehouse(spark, warehouse.folder)
        own.read("leases")
        together.wait(60)
        try:
            with lease(own, "crawl", "d"):
                outcomes.append("had it")
                done.wait(60)
        except Held as refused:
            outcomes.append(refused.lease.unit)
            done.wait(60)

    threads = [threading.Thread(target=reach) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert sorted(outcomes) == ["d", "had it"]


def test_it_is_renewed_while_it_is_held(warehouse, monkeypatch):
    monkeypatch.setattr(leases, "BEATS", 1000)  # one every 60 ms, or as fast as they can be written
    with lease(warehouse, "crawl", "e", seconds=60) as mine:
        renewed = mine
        while renewed.beat == mine.beat:  # ends with the first beat
            [renewed] = held(warehouse)
    assert (renewed.holder, renewed.since) == (mine.holder, mine.since)
    assert renewed.until > mine.until


def test_a_killed_holder_is_followed_by_another(spark, warehouse):
    add(spark, warehouse, "g", "0-1 on elsewhere, process 1", seconds=-1)
    add(spark, warehouse, "h", f"{leases._machine()}-1 on here, process {_ended_process()}", seconds=3600)
    assert units(warehouse) == []
    for unit in ("g", "h"):
        with lease(warehouse, "crawl", unit) as mine:
            assert held(warehouse) == [mine]


def test_another_machines_process_of_a_number_that_is_free_here_is_not_taken_for_dead(spark, warehouse):
    add(spark, warehouse, "f", f"0-1 on elsewhere, process {_ended_process()}", seconds=3600)
    with pytest.raises(Held, match="on elsewhere"), lease(warehouse, "crawl", "f"):
        pass
    assert [taken.holder for taken in held(warehouse)] == [f"0-1 on elsewhere, process {_ended_process()}"]


def test_a_holder_that_overslept_and_woke_does_not_push_out_who_came_after(spark, warehouse):
    add(spark, warehouse, "i", "0-2 on elsewhere, process 1", seconds=-1)
    with lease(warehouse, "crawl", "i") as mine:
        add(spark, warehouse, "i", "0-2 on elsewhere, process 1", seconds=3600)  # its next beat
        assert mine in held(warehouse)


def test_rows_that_ran_out_are_swept_away_and_others_stay(spark, warehouse, monkeypatch):
    monkeypatch.setattr(leases, "MOST_ROWS", 0)
    add(spark, warehouse, "j", "0-3 on elsewhere, process 1", seconds=-1)
    standing = held(warehouse)
    sweep(warehouse)
    assert held(warehouse) == standing
    assert warehouse.read("leases").where("unit = 'j'").isEmpty()


def add(spark, warehouse, unit, holder, seconds):
    """A lease that runs out in so many seconds."""
    now = datetime.now(UTC)
    row = ("crawl", unit, holder, now, now, now + timedelta(seconds=seconds))
    warehouse.append("leases", spark.createDataFrame([row], LEASES).coalesce(1))


@cache
def _ended_process():
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid
