"""Vectors of faces that match nobody: dropped when a collection is crawled and matched."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from facejoin.conf.schemas import RESULTS, VECTOR
from facejoin.jobs.store.history import drop_history
from facejoin.jobs.store.results import final_results
from facejoin.jobs.store.turns import alone, working
from facejoin.jobs.store.warehouse import Warehouse


def drop_unmatched(warehouse: Warehouse, version: str) -> int:
    """How many; none while photos are left to crawl. Their files go at once where no other job is running, else with
    the next vacuum of the table."""
    if not is_complete(warehouse, version):
        return 0
    with working(warehouse, "match", "vectors"):
        results = _numbered(warehouse, version)
        [[number]] = results.agg(F.coalesce(F.sum(F.size(_unmatched())), F.lit(0))).collect()
        if not number:
            return 0
        without = results.withColumn("faces", F.transform("faces", _emptied)).select(*RESULTS.names)
        warehouse.replace("results", without, f"model_version = '{version}'")
    with alone(warehouse, wait=0) as others:
        if not others:
            drop_history(warehouse, "results")
    return int(number)


def is_complete(warehouse: Warehouse, version: str) -> bool:
    """Whether every photo has a result."""
    return warehouse.read("photos").join(final_results(warehouse, version), "photo_id", "left_anti").isEmpty()


def _numbered(warehouse: Warehouse, version: str) -> DataFrame:
    """Results with `matched`: the places of their faces that match somebody, null where none does."""
    galleries = warehouse.read("gallery_models").where(F.col("model_version") == version).select("gallery").distinct()
    matches = warehouse.read("matches").join(F.broadcast(galleries), "gallery")
    places = matches.groupBy("photo_id").agg(F.collect_set("face").alias("matched"))
    return warehouse.read("results").where(F.col("model_version") == version).join(places, "photo_id", "left")


def _unmatched() -> Column:
    """Of a row, the faces that have a vector and match nobody."""
    return F.filter("faces", lambda face, place: face["embedding"].isNotNull() & ~_is_matched(place))


def _emptied(face: Column, place: Column) -> Column:
    empty = face.withField("embedding", F.lit(None).cast(VECTOR))
    return F.when(_is_matched(place), face).otherwise(empty)


def _is_matched(place: Column) -> Column:
    return F.coalesce(F.array_contains("matched", place), F.lit(False))
