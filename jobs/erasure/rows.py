"""Rows of who was forgotten go out of the tables, each table's history with them.

Tables that tell where others hold something go after those: a run that was cut short leaves enough to go on with.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from facejoin.conf.schemas import VECTOR
from facejoin.jobs.erasure.found import RESULT, Found, faces_of_people, telling_lines
from facejoin.jobs.erasure.galleries import erase_from_galleries
from facejoin.jobs.erasure.reports import clean_reports
from facejoin.jobs.store.history import drop_history
from facejoin.jobs.store.suppressed import hash_list
from facejoin.jobs.store.warehouse import Warehouse


def erase(warehouse: Warehouse, found: Found) -> None:
    """For who is alone: other writers would lose what they are about to commit."""
    _erase_results(warehouse, found)
    _erase_lines(warehouse, found)
    new_digests = _erase_people(warehouse, found)
    _erase_photos(warehouse, found)
    clean_reports(warehouse, found, new_digests)
    if hash_list(warehouse, lambda reason: bool(found.traces.in_text(reason.encode()))):
        drop_history(warehouse, "suppressed")


def _erase_results(warehouse: Warehouse, found: Found) -> None:
    """Rows of photos; of people the vectors of their faces; and whatever other face has the very same vector, which is
    the same picture once more."""
    if not found.counts.get("results") and not found.traces.vectors:
        return
    matched = faces_of_people(warehouse, found.keys.people).select(*RESULT, "places")
    warehouse.remove("results", _ids(found))
    warehouse.set("results", without_vectors(warehouse.read("results"), matched, found.traces.vectors), *RESULT)
    drop_history(warehouse, "results")


def without_vectors(results: DataFrame, places: DataFrame, vectors: Iterable[bytes]) -> DataFrame:
    """The rows of `results` that have faces at such places or with such vectors, by RESULT, with the faces as they are
    to be."""
    same = F.xxhash64("vector").alias("hash")
    rows = [(np.frombuffer(vector, np.float32).tolist(),) for vector in vectors]
    known = results.sparkSession.createDataFrame(rows, StructType().add("vector", VECTOR)).select(same)
    hashes = [row["hash"] for row in known.collect()]

    def is_gone(face: Column, place: Column) -> Column:
        here = F.coalesce(F.array_contains("places", place), F.lit(False))
        return face["embedding"].isNotNull() & (here | F.xxhash64(face["embedding"]).isin(hashes))

    def emptied(face: Column, place: Column) -> Column:
        return F.when(is_gone(face, place), face.withField("embedding", F.lit(None).cast(VECTOR))).otherwise(face)

    all_rows = results.join(F.broadcast(places), [*RESULT], "left").where(F.size(F.filter("faces", is_gone)) > 0)
    return all_rows.select(*RESULT, F.transform("faces", emptied).alias("faces"))


def _erase_lines(warehouse: Warehouse, found: Found) -> None:
    if found.counts.get("quarantine"):
        columns = warehouse.read("quarantine").columns
        warehouse.remove("quarantine", telling_lines(warehouse, found.keys).select(*columns).distinct())
        drop_history(warehouse, "quarantine")


def _erase_people(warehouse: Warehouse, found: Found) -> dict[str, str]:
    """And matches on photos. Gallery → the digest of what takes its place."""
    people = found.keys.people.select("person").distinct()
    new_digests = erase_from_galleries(warehouse, people)
    if found.counts.get("matches"):
        warehouse.remove("matches", _ids(found))
        warehouse.remove("matches", people)
    runners_up = people.withColumnRenamed("person", "runner_up")
    if not warehouse.read("matches").join(F.broadcast(runners_up), "runner_up").isEmpty():
        warehouse.clear("matches", runners_up, "runner_up", "runner_up_confidence")
    for old, new in new_digests.items():
        warehouse.update("matches", {"gallery": F.lit(new)}, F.col("gallery") == old)
    if found.counts.get("matches") or new_digests:
        drop_history(warehouse, "matches")
    return new_digests


def _erase_photos(warehouse: Warehouse, found: Found) -> None:
    if found.counts.get("photos"):
        warehouse.remove("photos", _ids(found))
        drop_history(warehouse, "photos")


def _ids(found: Found) -> DataFrame:
    return found.keys.photos.select("photo_id").distinct()
