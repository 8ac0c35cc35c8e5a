"""Which rows of `results` count, and which are worth another try."""

import pytest

from facejoin.conf.schemas import RESULTS
from facejoin.jobs.store.results import final_results, statuses, worth_another_try
from facejoin.jobs.store.warehouse import Warehouse
from facejoin.udfs.web.outcomes import Outcome, is_retryable

ROWS = [  # photo, model version, attempt, status
    (1, "mine", 1, "faces"),
    (2, "mine", 1, "timeout"),
    (2, "mine", 2, "http_error"),
    (2, "mine", 3, "no_face"),
    (3, "mine", 2, "gone"),  # its first attempt was erased
    (1, "theirs", 2, "timeout"),
]


@pytest.fixture(scope="module")
def warehouse(spark, tmp_path_factory):
    warehouse = Warehouse(spark, str(tmp_path_factory.mktemp("results")))
    rows = [dict(zip(("photo_id", "model_version", "attempt", "status"), row, strict=True)) for row in ROWS]
    warehouse.append("results", spark.createDataFrame(rows, RESULTS))
    return warehouse


def test_of_each_photo_the_last_attempt_of_that_model_version_counts(warehouse):
    final = final_results(warehouse, "mine").select("photo_id", "attempt", "status").collect()
    assert sorted(map(tuple, final)) == [(1, 1, "faces"), (2, 3, "no_face"), (3, 2, "gone")]
    assert final_results(warehouse, "nobody's").isEmpty()


def test_statuses_are_counted_by_outcome_in_order(warehouse):
    assert list(statuses(warehouse.read("results")).items()) == [
        ("faces", 1), ("gone", 1), ("http_error", 1), ("no_face", 1), ("timeout", 2),
    ]  # fmt: skip


def test_the_column_and_the_vocabulary_agree_on_what_is_worth_another_try(spark):
    cases = [(outcome.value, status) for outcome in Outcome for status in (None, 404, 500, 503)]
    rows = spark.createDataFrame(cases, "status string, http_status int").withColumn("again", worth_another_try())
    found = {(row["status"], row["http_status"]): row["again"] for row in rows.collect()}
    assert found == {(outcome, status): is_retryable(Outcome(outcome), status) for outcome, status in cases}
    assert {*found.values()} == {True, False}
