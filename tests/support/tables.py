"""Two tables that have to be the same: what was made elsewhere, and what one machine made of the same photos."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.testing import assertDataFrameEqual

from facejoin.jobs.store.warehouse import Warehouse

TIMES = ("crawled_at", "seconds")
PLACES = ("source_file", "file", "profile")  # of which the file's own name counts
MADE_BY_JOBS = ("photos", "quarantine", "results", "references", "people", "matches")


def assert_same_tables(one: Warehouse, other: Warehouse) -> None:
    """All that the jobs make, but for times and places; numbers bit for bit."""
    for table in MADE_BY_JOBS:
        assert_same_rows(one.read(table), other.read(table))
    assert one.read("results").count() == one.read("photos").count() > 0
    assert not one.read("matches").isEmpty()


def assert_same_rows(one: DataFrame, other: DataFrame) -> None:
    assertDataFrameEqual(_without_times_and_places(one), _without_times_and_places(other), rtol=0.0, atol=0.0)


def _without_times_and_places(rows: DataFrame) -> DataFrame:
    names = {name: F.regexp_extract(name, "[^/]*$", 0) for name in PLACES if name in rows.columns}
    return rows.drop(*TIMES).withColumns(names)
