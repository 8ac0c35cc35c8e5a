"""The rows of `results` that count: each photo's last attempt."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from facejoin.jobs.store.warehouse import Warehouse
from facejoin.udfs.web.outcomes import Outcome

STEPS = ("download", "decode", "detect", "embed")  # of a photo's crawl: the fields of `results.seconds`


def results_of(warehouse: Warehouse, version: str, buckets: tuple[int, int] | None = None) -> DataFrame:
    """All rows of a model version; of the buckets first to last alone where they are given, without reading others."""
    rows = warehouse.read("results").where(F.col("model_version") == version)
    return rows if buckets is None else rows.where(F.col("bucket").between(*buckets))


def final_results(warehouse: Warehouse, version: str, buckets: tuple[int, int] | None = None) -> DataFrame:
    """The row that counts of each photo: its last attempt."""
    rows = results_of(warehouse, version, buckets)
    again = rows.where("attempt > 1").select(F.col("photo_id").alias("id"), F.col("attempt").alias("later"))  # few
    return rows.join(again, (rows.photo_id == again.id) & (rows.attempt < again.later), "left_anti")


def worth_another_try() -> Column:
    """The column's twin of `is_retryable`."""
    server_error = (F.col("status") == Outcome.HTTP_ERROR.value) & (F.coalesce("http_status", F.lit(0)) >= 500)
    return F.col("status").isin([outcome.value for outcome in Outcome if outcome.retryable]) | server_error


def statuses(results: DataFrame) -> dict[str, int]:
    """Rows by outcome."""
    return dict(sorted((row["status"], row["count"]) for row in results.groupBy("status").count().collect()))
