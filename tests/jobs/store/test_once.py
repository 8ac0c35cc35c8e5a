"""Once for equal inputs, and reports of other versions."""

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import ClassVar

import pytest

from facejoin.conf.schemas import RUNS
from facejoin.jobs.store.once import Run, fingerprint, finished, last_report, once, record
from facejoin.jobs.store.warehouse import Warehouse


@dataclass
class Baked:
    VERSION: ClassVar[int] = 2

    loaves: int
    crumbs: int = 0  # later than the first reports


@pytest.fixture(scope="module")
def warehouse(spark, tmp_path_factory):
    """Of all tests here: each bakes in an oven of its own."""
    return Warehouse(spark, str(tmp_path_factory.mktemp("bakery")))


@pytest.fixture
def now(request):
    return Run("bake", request.node.name, "flour")


@pytest.fixture
def stored(spark, warehouse, now):
    """Puts a run with that report on record, as an earlier commit may have written it."""

    def store(report):
        row = (now.job, now.unit, now.inputs, datetime.now(UTC), 1.0, json.dumps(report))
        warehouse.append("runs", spark.createDataFrame([row], RUNS).coalesce(1))

    return store


def test_work_is_done_once_for_equal_inputs_and_again_for_others(warehouse, now):
    assert once(warehouse, now, Baked, lambda: Baked(3)) == (Baked(3), False)
    assert once(warehouse, now, Baked, lambda: Baked(4)) == (Baked(3), True)
    assert once(warehouse, replace(now, inputs="rye"), Baked, lambda: Baked(5)) == (Baked(5), False)
    assert once(warehouse, now, Baked, lambda: Baked(6)) == (Baked(6), False)  # its last run had others


def test_units_and_jobs_are_apart(warehouse, now):
    stove = replace(now, unit="stove")
    record(warehouse, [(now, Baked(1)), (stove, Baked(2))], 1.0)
    assert finished(warehouse, "bake", {now.unit: "flour", "stove": "rye"}, Baked) == {now.unit: Baked(1)}
    assert finished(warehouse, "roast", {now.unit: "flour"}, Baked) == {}


def test_what_no_longer_stands_is_done_again(warehouse, now):
    record(warehouse, [(now, Baked(1))], 1.0)
    assert once(warehouse, now, Baked, lambda: Baked(2), stands=lambda report: report.loaves > 1) == (Baked(2), False)


def test_the_last_report_is_told_whatever_its_inputs(warehouse, now):
    assert last_report(warehouse, "bake", now.unit, Baked) is None
    record(warehouse, [(now, Baked(1))], 1.0)
    record(warehouse, [(replace(now, inputs="rye"), Baked(2))], 1.0)
    assert last_report(warehouse, "bake", now.unit, Baked) == Baked(2)


def test_a_field_that_is_new_takes_its_default_and_one_that_is_gone_is_passed_over(warehouse, now, stored):
    stored({"loaves": 3, "butter": 1, "version": 2})
    assert last_report(warehouse, "bake", now.unit, Baked) == Baked(3, crumbs=0)


@pytest.mark.parametrize(
    "report",
    [
        pytest.param({"loaves": 3}, id="of the first version, which wrote no number"),
        pytest.param({"loaves": 3, "version": 3}, id="of a later version"),
        pytest.param({"crumbs": 3, "version": 2}, id="without a field that has no default"),
        pytest.param({"loaves": "many", "version": 2}, id="with another type"),
    ],
)
def test_a_report_that_means_something_else_counts_as_none(warehouse, now, stored, report):
    stored(report)
    assert last_report(warehouse, "bake", now.unit, Baked) is None
    assert once(warehouse, now, Baked, lambda: Baked(9)) == (Baked(9), False)


def test_a_fingerprint_tells_inputs_apart():
    assert fingerprint(a=1, b=None) == fingerprint(b=None, a=1)
    assert fingerprint(a=1, b=None) != fingerprint(a=1, b=0)
