"""Jobs and forgetting take turns, whoever comes first."""

import threading

import pytest
from waiting import until

from facejoin.jobs.store.leases import held
from facejoin.jobs.store.turns import FORGETTING, alone, working
from facejoin.jobs.store.warehouse import Warehouse


@pytest.fixture(scope="module")
def warehouse(spark, tmp_path_factory):
    return Warehouse(spark, str(tmp_path_factory.mktemp("turns")))


def claims(warehouse, job):
    return warehouse.read("leases").where(f"job = '{job}'").count()


def test_who_forgets_is_told_who_still_works(warehouse):
    with working(warehouse, "match", "a"), alone(warehouse, wait=0) as others:
        assert [(one.job, one.unit) for one in others] == [("match", "a")]
    with alone(warehouse, wait=0) as others:
        assert others == []
        with alone(warehouse, wait=0) as again:
            assert [(one.job, one.unit) for one in again] == [FORGETTING]
    assert held(warehouse) == []


def test_who_forgets_waits_for_a_job_that_runs(spark, warehouse):
    order, running = [], threading.Event()

    def job():
        with working(Warehouse(spark, warehouse.folder), "crawl", "wave"):
            running.set()
            until(lambda: FORGETTING in [(one.job, one.unit) for one in held(warehouse)], 120)
            order.append("job ended")

    thread = threading.Thread(target=job)
    thread.start()
    assert running.wait(120)
    with alone(warehouse, wait=120) as others:
        order.append("alone")
        assert others == []
    thread.join(120)
    assert order == ["job ended", "alone"]


def test_a_job_waits_until_somebody_is_forgotten(spark, warehouse):
    order = []

    def job():
        with working(Warehouse(spark, warehouse.folder), "publish", "site"):
            order.append("job began")

    with alone(warehouse, wait=0):
        thread = threading.Thread(target=job)
        thread.start()
        until(lambda: claims(warehouse, "publish") >= 2, 120)  # taken, and let go
        order.append("forgotten")
    thread.join(120)
    assert order == ["forgotten", "job began"]
    assert held(warehouse) == []
