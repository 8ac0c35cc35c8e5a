"""Somebody asks out: on the list of suppressed that every job honours, and out of the tables."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from pyspark.sql import Column, SparkSession
from pyspark.sql import functions as F

from facejoin.conf.schemas import PERSONAL, SUPPRESSED
from facejoin.conf.settings import SettingsError
from facejoin.jobs.store.warehouse import Warehouse

Kind = Literal["photo", "owner", "person"]


@dataclass(frozen=True)
class ForgetReport:
    kind: Kind
    value: str
    reason: str | None
    photos: int  # of the tables, whose results and matches are erased
    galleries: int  # erased as a whole: enrol again


def forget(
    spark: SparkSession, warehouse: Warehouse, kind: Kind, value: str, reason: str | None = None
) -> ForgetReport:
    """The list first, so that a job which starts meanwhile honours it already.

    A photo's row in `photos` stays, without what is personal, so that the books still balance. Files of old table
    versions go when Delta's VACUUM is run. Raises SettingsError for a photo id that is none.
    """
    if kind == "photo" and not value.isdecimal():
        raise SettingsError(f"a photo is named by its number, not by {value!r}")
    asked = (F.col("kind") == kind) & (F.col("value") == value)
    if warehouse.read("suppressed").where(asked).isEmpty():
        row = (kind, value, reason, datetime.now(UTC))
        warehouse.append("suppressed", spark.createDataFrame([row], SUPPRESSED).coalesce(1))
    if kind == "person":
        return ForgetReport(kind, value, reason, photos=0, galleries=_forget_person(warehouse, value))
    own = F.col("photo_id") == int(value) if kind == "photo" else F.col("owner") == value
    return ForgetReport(kind, value, reason, photos=_forget_photos(warehouse, own), galleries=0)


def _forget_person(warehouse: Warehouse, person: str) -> int:
    """Every gallery that the person is in goes as a whole: its arrays hold the vectors of all. Returns how many."""
    own = F.col("person") == person
    galleries = [
        row["gallery"] for row in warehouse.read("references").where(own).select("gallery").distinct().collect()
    ]
    for name in ("references", "people", "matches"):
        warehouse.delete(name, own)
    warehouse.delete("gallery_models", F.col("gallery").isin(galleries))
    return len(galleries)


def _forget_photos(warehouse: Warehouse, which: Column) -> int:
    """Returns how many."""
    ids = [row["photo_id"] for row in warehouse.read("photos").where(which).select("photo_id").collect()]
    for name in ("matches", "results"):
        warehouse.delete(name, F.col("photo_id").isin(ids))
    warehouse.empty("photos", PERSONAL, which)
    return len(ids)
