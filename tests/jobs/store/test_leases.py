"""Leases: one holder at a time, whoever else reaches for it and whatever becomes of the holder."""

import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta

import pytest

from facejoin.conf.schemas import LEASES
from facejoin.jobs.store import leases
from facejoin.jobs.store.leases import Held, held, lease
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


def test_it_is_renewed_while_it_is_held(warehouse):
    with lease(warehouse, "crawl", "e", seconds=1.2) as mine:
        renewed = None
        while renewed is None or renewed.beat == mine.beat:  # ends with the first beat
            [renewed] = [row for row in _rows(warehouse) if row.unit == "e"]
    assert (renewed.holder, renewed.since) == (mine.holder, mine.since)
    assert renewed.until > mine.until


@pytest.mark.parametrize("what", ["it has run out", "its process is gone"])
def test_a_holder_that_was_killed_is_followed_by_another(spark, warehouse, what):
    now, process = datetime.now(UTC), _ended_process()
    if what == "it has run out":
        holder, until = "0-1 on elsewhere, process 1", now - timedelta(seconds=1)
    else:
        holder, until = f"{leases._machine()}-1 on here, process {process}", now + timedelta(hours=1)
    row = ("crawl", what, holder, now, now, until)
    warehouse.append("leases", spark.createDataFrame([row], LEASES))
    assert what not in units(warehouse)
    with lease(warehouse, "crawl", what) as mine:
        assert [row.holder for row in _rows(warehouse) if row.unit == what] == [mine.holder]


def test_another_machines_process_of_a_number_that_is_free_here_is_not_taken_for_dead(spark, warehouse):
    now = datetime.now(UTC)
    row = ("crawl", "f", f"0-1 on elsewhere, process {_ended_process()}", now, now, now + timedelta(hours=1))
    warehouse.append("leases", spark.createDataFrame([row], LEASES))
    with pytest.raises(Held, match="on elsewhere"), lease(warehouse, "crawl", "f"):
        pass


def _rows(warehouse):
    return [leases.Lease(*map(leases._utc, row)) for row in warehouse.read("leases").collect()]


def _ended_process():
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid
