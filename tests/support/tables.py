"""Two tables that have to be the same: what was made elsewhere, and what one machine made of the same photos."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.testing import assertDataFrameEqual

from facejoin.jobs.store.warehouse import Warehouse

OF_A_RUN = ("crawled_at", "seconds", "wave")  # times, and a name that no other run has
PLACES = ("source_file", "file", "profile")  # of which the file's own name counts
EXACT = ("photos", "quarantine", "results", "references", "people")  # vectors of faces too
ROUNDING = 1e-6  # of scores: a product of matrices in batches of another size ends in other last bits


def assert_same_tables(one: Warehouse, other: Warehouse) -> None:
    """All that the jobs make, but for what is of a run and places; photos, results and the gallery bit for bit."""
    for table in EXACT:
        assert_same_rows(one.read(table), other.read(table))
    assert one.read("results").count() == one.read("photos").count() > 0
    assert not one.read("matches").isEmpty()
    assert_same_rows(one.read("matches"), other.read("matches"), ROUNDING)


def assert_same_rows(one: DataFrame, other: DataFrame, tolerance: float = 0.0) -> None:
    ours, theirs = map(_to_compare, (one, other))
    assertDataFrameEqual(ours, theirs, rtol=tolerance, atol=tolerance)


def _to_compare(rows: DataFrame) -> DataFrame:
    names = {name: F.regexp_extract(name, "[^/]*$", 0) for name in PLACES if name in rows.columns}
    return rows.drop(*OF_A_RUN).withColumns(names)
