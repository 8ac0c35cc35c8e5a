"""Who asked out: the list that every job honours."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from facejoin.jobs.store.warehouse import Warehouse


def is_suppressed(warehouse: Warehouse) -> Column:
    """Of rows with a photo_id and an owner: by either. The list of those who asked out is short."""
    asked = warehouse.read("suppressed").select("kind", "value").collect()
    ids, owners = ([value for kind, value in asked if kind == wanted] for wanted in ("photo", "owner"))
    return F.col("photo_id").cast("string").isin(ids) | F.coalesce(F.col("owner").isin(owners), F.lit(False))


def suppressed_people(warehouse: Warehouse) -> list[str]:
    """Names, sorted."""
    rows = warehouse.read("suppressed").where("kind = 'person'").select("value").distinct().collect()
    return sorted(row["value"] for row in rows)


def keep_unsuppressed(results: DataFrame, warehouse: Warehouse) -> DataFrame:
    """Without rows of photos that are suppressed themselves or by their owner."""
    suppressed = warehouse.read("photos").where(is_suppressed(warehouse)).select("photo_id")
    return results.join(suppressed, "photo_id", "left_anti")


def keep_unsuppressed_people(rows: DataFrame, warehouse: Warehouse) -> DataFrame:
    """Without rows of people who asked out, by the column `person`."""
    suppressed = warehouse.read("suppressed").where("kind = 'person'").select(F.col("value").alias("person"))
    return rows.join(suppressed, "person", "left_anti")
