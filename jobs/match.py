"""`results` and the gallery → `matches`: every face against every person."""

from __future__ import annotations

from dataclasses import replace

from pyspark.sql import DataFrame, Observation, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import DoubleType, StringType, StructType

from facejoin.conf.schemas import MATCHES
from facejoin.conf.settings import MatchSettings, Settings
from facejoin.jobs.store.distribution import ABOVE, Score
from facejoin.jobs.store.errors import JobError
from facejoin.jobs.store.galleries import check_last, stored_gallery
from facejoin.jobs.store.match_report import FalseMatches, MatchReport, taking_most
from facejoin.jobs.store.once import Run, fingerprint, once, record
from facejoin.jobs.store.progress import task_progress
from facejoin.jobs.store.results import final_results
from facejoin.jobs.store.suppressed import keep_unsuppressed
from facejoin.jobs.store.unmatched import drop_unmatched
from facejoin.jobs.store.warehouse import Warehouse
from facejoin.udfs.match_faces import StoredGallery, match_faces
from facejoin.udfs.recognition.gallery import Gallery, load_gallery
from facejoin.udfs.recognition.score import ACCEPTED, DECISIONS, NO_FACE, TAKEN
from facejoin.udfs.recognition.tail import FEWEST
from facejoin.udfs.vision.analyse import model_version

WITHOUT_VECTORS = "without_vectors"  # faces
COMPARED = ("size", "box", "score", "embedding")  # of a face in `results`
SCORED = StructType([field for field in MATCHES if field.name not in ("gallery", "threshold")])
SCORED = SCORED.add("evidence", DoubleType()).add("decision", StringType())


def match(spark: SparkSession, warehouse: Warehouse, settings: Settings) -> MatchReport:
    """Replaces the gallery's matches by those of all results there are now, unless nothing has changed since.

    Raises JobError where no gallery is enrolled for the vectors of these settings, or too little is known of strangers
    for the threshold that is asked for.
    """
    version = model_version(settings.vision)
    gallery, stored = stored_gallery(warehouse, version)
    inputs = _inputs(warehouse, gallery, settings.match)

    def matched() -> MatchReport:
        check_last(warehouse, version, gallery)
        with task_progress(spark, "match"):
            return _matched(warehouse, version, gallery, stored, settings.match)

    report, was_there = once(warehouse, Run("match", gallery, inputs), MatchReport, matched)
    if not settings.match.keep_vectors and (dropped := drop_unmatched(warehouse, version)):
        report = replace(report, dropped_vectors=dropped)
        done = Run(
            "match", gallery, _inputs(warehouse, gallery, settings.match)
        )  # which has changed nothing for matches
        record(warehouse, [(done, report)], seconds=0.0)
    return replace(report, already_matched=was_there)


def _inputs(warehouse: Warehouse, gallery: str, settings: MatchSettings) -> str:
    return fingerprint(
        gallery=gallery,
        results=warehouse.version("results"),
        suppressed=warehouse.version("suppressed"),
        settings=settings.digest(),
    )


def photos_with_faces(
    warehouse: Warehouse, version: str, settings: MatchSettings, seen: Observation | None = None
) -> DataFrame:
    """photo_id and the faces that are to be compared: an array of face, size, box, score, embedding. `seen` is told how
    many have no vector."""
    results = final_results(warehouse, version).transform(keep_unsuppressed, warehouse)
    if seen is not None:
        without = F.filter("faces", lambda face: (face["size"] >= settings.min_face) & face["embedding"].isNull())
        results = results.observe(seen, F.coalesce(F.sum(F.size(without)), F.lit(0)).alias(WITHOUT_VECTORS))
    return results.transform(keep_recognisable, settings.min_face)


def keep_recognisable(results: DataFrame, min_face: int) -> DataFrame:
    """Faces large enough that have a vector, with their position; photos without any are dropped."""
    numbered = F.transform(
        "faces", lambda found, face: F.struct(face.alias("face"), *(found[name] for name in COMPARED))
    )
    large = F.filter(numbered, lambda found: (found["size"] >= min_face) & found["embedding"].isNotNull())
    return results.select("photo_id", large.alias("faces")).where(F.size("faces") > 0)


def keep_accepted(scored: DataFrame, gallery: str, threshold: float) -> DataFrame:
    accepted = scored.where(F.col("decision") == ACCEPTED)
    return accepted.withColumns({"gallery": F.lit(gallery), "threshold": F.lit(threshold)}).select(*MATCHES.names)


def _matched(
    warehouse: Warehouse, version: str, digest: str, stored: StoredGallery, settings: MatchSettings
) -> MatchReport:
    gallery = load_gallery(*stored)
    if not gallery.is_named(digest):
        raise JobError(f"the gallery that is stored as {digest} is another one: run `facejoin enroll` again")
    threshold, origin = _threshold(gallery, photos_with_faces(warehouse, version, settings), settings)
    confidence, similarity = _scores(gallery, threshold)
    decisions = [F.count_if(F.col("decision") == decision).alias(decision) for decision in DECISIONS]
    compared = F.col("decision") != NO_FACE
    seen, missed = Observation(), Observation()
    photos = photos_with_faces(warehouse, version, settings, missed)
    scored = photos.mapInArrow(match_faces(stored, settings.share, threshold, SCORED), SCORED).observe(
        seen, *decisions, *confidence.observed(compared), *similarity.observed(compared)
    )
    warehouse.replace("matches", scored.transform(keep_accepted, digest, threshold), f"gallery = '{digest}'")
    found = _found(warehouse, digest)
    people = {person: found.get(person, 0) for person in gallery.parameters.people}
    faces = sum(seen.get[decision] for decision in DECISIONS if decision != NO_FACE)
    return MatchReport(
        gallery=digest,
        threshold=threshold,
        threshold_from=origin,
        faces=faces,
        not_faces=seen.get[NO_FACE],
        matches=sum(found.values()),
        people_found=len(found),
        taken=seen.get[TAKEN],
        people=people,
        false_matches=_false_matches(gallery, threshold, faces + missed.get[WITHOUT_VECTORS]),
        without_vectors=missed.get[WITHOUT_VECTORS],
        confidences=confidence.distribution(seen.get),
        similarities=similarity.distribution(seen.get),
        warnings=[text for _, text in filter(None, [taking_most(people)])],
    )


def _scores(gallery: Gallery, threshold: float) -> tuple[Score, Score]:
    """Confidence and similarity; of the one that decides, the share above the threshold is told too."""
    own = tuple(sorted({*ABOVE, threshold}))
    by_confidence = gallery.scorer.classifier is not None
    return (
        Score("confidence", 0.0, 1.0, own if by_confidence else ABOVE),
        Score("similarity", -1.0, 1.0, ABOVE if by_confidence else own),
    )


def _threshold(gallery: Gallery, photos: DataFrame, settings: MatchSettings) -> tuple[float, str]:
    """Of the score, and where it comes from. Raises JobError."""
    if settings.threshold is not None:
        return settings.threshold, "as given"
    if settings.fpir is not None:
        return _for_rate(gallery, settings.fpir), f"false-positive rate {settings.fpir:g}"
    if settings.max_false_matches is None:
        return gallery.parameters.threshold, gallery.parameters.threshold_from
    [(faces,)] = photos.agg(F.coalesce(F.sum(F.size("faces")), F.lit(0))).collect()
    budget = f"at most {settings.max_false_matches:g} false matches expected among {faces} faces"
    return _for_rate(gallery, min(settings.max_false_matches / max(faces, 1), 1.0)), budget


def _for_rate(gallery: Gallery, rate: float) -> float:
    known = len(gallery.impostors)
    if known < FEWEST:
        raise JobError(
            f"a false-match rate cannot be told from {known} strangers' faces; at least {FEWEST} expected: "
            "enrol with a cohort of strangers (facejoin enroll GALLERY --cohort DIR), or give a threshold"
        )
    threshold = gallery.scorer.to_score(gallery.impostors.threshold_for(rate))
    evidence_threshold = gallery.scorer.to_evidence(threshold)  # lower, where a classifier's confidence ends at 1
    if not gallery.impostors.holds(evidence_threshold, rate):
        reached = gallery.impostors.rate_at(evidence_threshold)
        raise JobError(
            f"a false-match rate of {rate:.2g} cannot be kept by a gallery of the kind {gallery.parameters.kind}: "
            f"{reached:.2g} of strangers' faces have the highest score there is; enrol with another --kind"
        )
    return threshold


def _false_matches(gallery: Gallery, threshold: float, faces: int) -> FalseMatches | None:
    impostors, evidence_threshold = gallery.impostors, gallery.scorer.to_evidence(threshold)
    if len(impostors) < FEWEST:
        return None
    expected = impostors.rate_at(evidence_threshold) * faces
    low, high = impostors.interval(evidence_threshold, faces)
    people = gallery.parameters.people
    shares = expected * impostors.shares(len(people))
    return FalseMatches(
        expected=expected,
        low=low,
        high=high,
        strangers=len(impostors),
        strangers_from=gallery.parameters.impostors_from,
        extrapolated=impostors.is_extrapolated(evidence_threshold),
        people={person: float(share) for person, share in zip(people, shares, strict=True)},
    )


def _found(warehouse: Warehouse, gallery: str) -> dict[str, int]:
    matches = warehouse.read("matches").where(F.col("gallery") == gallery)
    return {row["person"]: row["count"] for row in matches.groupBy("person").count().collect()}
