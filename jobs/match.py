"""`results` and the gallery → `matches`: every face against every person."""

from __future__ import annotations

import time
from dataclasses import dataclass

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import BooleanType, DoubleType, StructType

from facejoin.conf.schemas import MATCHES
from facejoin.conf.settings import MatchSettings, Settings
from facejoin.jobs.crawl import final_results
from facejoin.jobs.enroll import stored_gallery
from facejoin.jobs.progress import task_progress
from facejoin.jobs.tables import Warehouse, fingerprint, is_suppressed
from facejoin.udfs.match_faces import StoredGallery, match_faces
from facejoin.udfs.recognition.gallery import load_gallery
from facejoin.udfs.vision.analyse import model_version

SCORED = StructType([field for field in MATCHES if field.name not in ("gallery", "threshold")])
SCORED = SCORED.add("decisive", DoubleType()).add("accepted", BooleanType())


@dataclass
class MatchReport:
    gallery: str
    threshold: float
    faces: int  # compared
    matches: int
    people_found: int
    already_matched: bool = False


def match(spark: SparkSession, warehouse: Warehouse, settings: Settings) -> MatchReport:
    """Replaces the gallery's matches by those of all results there are now, unless nothing has changed since.

    Raises JobError where no gallery is enrolled for the vectors of these settings.
    """
    start = time.monotonic()
    version = model_version(settings.vision)
    gallery, stored = stored_gallery(warehouse, version)
    inputs = fingerprint(
        gallery=gallery,
        results=warehouse.version("results"),
        suppressed=warehouse.version("suppressed"),
        settings=settings.match.digest(),
    )
    if (before := warehouse.report_of("match", gallery, inputs)) is not None:
        return MatchReport(**before | {"already_matched": True})
    with task_progress(spark, "match"):
        scored = scored_faces(warehouse, version, stored, settings.match)
        threshold = _threshold(stored, settings.match)
        warehouse.replace("matches", scored.transform(keep_accepted, gallery, threshold), f"gallery = '{gallery}'")
        report = _report(warehouse, version, settings.match, gallery, threshold)
    warehouse.record("match", gallery, inputs, time.monotonic() - start, vars(report))
    return report


def scored_faces(warehouse: Warehouse, version: str, stored: StoredGallery, settings: MatchSettings) -> DataFrame:
    """Every face with its best person, accepted or not."""
    return faces(warehouse, version, settings).mapInArrow(match_faces(stored, settings.threshold, SCORED), SCORED)


def faces(warehouse: Warehouse, version: str, settings: MatchSettings) -> DataFrame:
    """Every face that is to be compared: photo_id, face, box, embedding."""
    return (
        final_results(warehouse, version)
        .transform(keep_unsuppressed, warehouse.read("photos"), warehouse.read("suppressed"))
        .transform(explode_faces)
        .transform(keep_recognisable, settings.min_face)
        .select("photo_id", "face", "box", "embedding")
    )


def keep_unsuppressed(results: DataFrame, photos: DataFrame, suppressed: DataFrame) -> DataFrame:
    """Without photos that are suppressed themselves or by their owner."""
    return results.join(photos.where(is_suppressed(suppressed)).select("photo_id"), "photo_id", "left_anti")


def explode_faces(results: DataFrame) -> DataFrame:
    """One row a face; `face` is its position."""
    return results.select("photo_id", F.posexplode("faces").alias("face", "found")).select(
        "photo_id", "face", "found.*"
    )


def keep_recognisable(faces: DataFrame, min_face: int) -> DataFrame:
    return faces.where(F.col("size") >= min_face)


def keep_accepted(scored: DataFrame, gallery: str, threshold: float) -> DataFrame:
    accepted = scored.where("accepted").withColumns({"gallery": F.lit(gallery), "threshold": F.lit(threshold)})
    return accepted.select(*MATCHES.names)


def _threshold(stored: StoredGallery, settings: MatchSettings) -> float:
    return load_gallery(*stored).parameters.threshold if settings.threshold is None else settings.threshold


def _report(warehouse: Warehouse, version: str, settings: MatchSettings, gallery: str, threshold: float) -> MatchReport:
    matches = warehouse.read("matches").where(F.col("gallery") == gallery)
    [(count, people)] = matches.agg(F.count("*"), F.countDistinct("person")).collect()
    return MatchReport(gallery, threshold, faces(warehouse, version, settings).count(), count, people)
