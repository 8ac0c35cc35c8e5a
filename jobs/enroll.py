"""Gallery folder → `references`, `people`, `gallery_models`."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, StringType, StructField, StructType

from facejoin.conf.schemas import FACE, GALLERY_MODELS, PEOPLE, REFERENCES
from facejoin.conf.settings import EnrollSettings, Settings, SettingsError
from facejoin.jobs.audit import audited
from facejoin.jobs.crawl import ship_weights
from facejoin.jobs.errors import JobError
from facejoin.jobs.progress import task_progress
from facejoin.jobs.tables import Warehouse, fingerprint
from facejoin.udfs.find_faces import find_references
from facejoin.udfs.match_faces import StoredGallery
from facejoin.udfs.recognition.audit import Finding
from facejoin.udfs.recognition.gallery import Gallery
from facejoin.udfs.recognition.train import TrainingError, train
from facejoin.udfs.vision.analyse import model_version
from facejoin.udfs.vision.embed import EMBEDDERS

ENDINGS = ("jpg", "jpeg", "png", "gif", "webp", "bmp", "tif", "tiff")
ANY_CASE = ("".join(f"[{letter}{letter.upper()}]" for letter in ending) for ending in ENDINGS)
PICTURES = f"*.{{{','.join(ANY_CASE)}}}"  # as Hadoop's glob
FOUND = StructType([StructField(name, StringType()) for name in ("path", "sha256", "status", "error")])
FOUND = FOUND.add("faces", ArrayType(FACE))
USED = "used"
UNIT = "gallery"  # one for all folders: the gallery enrolled last is the one that is matched


@dataclass(frozen=True)
class Reference:
    """One photo of the gallery folder and what became of it."""

    person: str
    file: str  # person/file
    sha256: str
    verdict: str
    detail: str | None = None
    size: float | None = None  # shorter side of the face, in pixels
    score: float | None = None
    sharpness: float | None = None  # grey levels², as in `results`
    yaw: float | None = None  # degrees, like the next two
    pitch: float | None = None
    roll: float | None = None
    embedding: list[float] | None = None


@dataclass
class EnrollReport:
    gallery: str  # digest
    kind: str
    people: int
    references: int  # used
    threshold: float
    threshold_from: str
    unused: list[dict[str, Any]]  # file, verdict, detail
    audit: list[dict[str, Any]]  # kind, files, people, score, reason, certain: left out
    already_enrolled: bool = False


def enroll(spark: SparkSession, warehouse: Warehouse, settings: Settings, folder: str) -> EnrollReport:
    """Trains a gallery on FOLDER/Person_Name/*.jpg, unless this very one was the last to be trained.

    Raises SettingsError for an empty folder, JobError for a person without a usable photo and, where
    settings.enroll.strict, for any finding of the audit.
    """
    start = time.monotonic()
    photos, suppressed = _photos(spark, folder), _suppressed(warehouse)
    version = model_version(settings.vision)
    inputs = fingerprint(photos=photos, vision=version, settings=settings.enroll.digest(), suppressed=suppressed)
    if (before := warehouse.report_of("enroll", UNIT, inputs)) is not None:
        return EnrollReport(**before | {"already_enrolled": True})
    ship_weights(spark, settings)
    with task_progress(spark, f"enroll: {len(photos)} photos"):
        references = judged(_read(spark, settings, folder, photos), settings.enroll)
    references = _without_suppressed(references, suppressed)
    references, findings = audited(references, settings)
    gallery = trained(references, settings)
    report = _report(gallery, references, findings)
    _write(spark, warehouse, gallery, references)
    warehouse.record("enroll", UNIT, inputs, time.monotonic() - start, vars(report))
    return report


def judged(found: Iterable[tuple[Reference, list[Row]]], settings: EnrollSettings) -> list[Reference]:
    """Each photo with its faces → used, or the reason why not; of equal files the first one counts."""
    seen: dict[str, str] = {}
    references = []
    for reference, faces in found:
        if reference.sha256 in seen:
            references.append(
                replace(reference, verdict="duplicate", detail=f"the same file as {seen[reference.sha256]}")
            )
            continue
        seen[reference.sha256] = reference.file
        references.append(_judged(reference, faces, settings) if reference.verdict == "faces" else reference)
    return references


def _judged(reference: Reference, faces: list[Row], settings: EnrollSettings) -> Reference:
    """The largest face is the person's, if it is large enough and clearly larger than the next."""
    subject, *others = sorted(faces, key=lambda face: -_area(face))
    if others and _area(subject) < settings.subject_ratio * _area(others[0]):
        return replace(reference, verdict="several_faces", detail=f"{len(faces)} faces, none clearly the largest")
    if subject["size"] < settings.min_face:
        detail = f"the face measures {subject['size']:.0f} pixels; at least {settings.min_face} expected"
        return replace(reference, verdict="too_small", detail=detail)
    measured = {name: subject[name] for name in ("size", "score", "sharpness", "yaw", "pitch", "roll")}
    return replace(reference, verdict=USED, **measured, embedding=list(subject["embedding"]))


def trained(references: list[Reference], settings: Settings) -> Gallery:
    """Raises JobError where a person has no usable photo, or the kind needs more."""
    by_person: dict[str, list[Reference]] = defaultdict(list)
    for reference in references:
        by_person[reference.person].append(reference)
    _check_people(by_person)
    used = [reference for reference in references if reference.verdict == USED]
    people = tuple(sorted(by_person))
    row_of = {person: row for row, person in enumerate(people)}
    try:
        return train(
            references=np.array([reference.embedding for reference in used], dtype=np.float32),
            owners=np.array([row_of[reference.person] for reference in used]),
            people=people,
            files=tuple(reference.file for reference in used),
            kind=settings.enroll.kind,
            fpir=settings.enroll.fpir,
            same_person=EMBEDDERS[settings.vision.embed.model].same_person,
            model_version=model_version(settings.vision),
        )
    except TrainingError as error:
        raise JobError(f"cannot enrol as {settings.enroll.kind}: {error}") from error


def stored_gallery(warehouse: Warehouse, version: str) -> tuple[str, StoredGallery]:
    """(digest, parts) of the gallery that was trained last. Raises JobError where there is none for these vectors."""
    models = warehouse.read("gallery_models").where(F.col("model_version") == version)
    last = models.orderBy(F.desc("trained_at")).first()
    if last is None:
        raise JobError(f"no gallery is enrolled for the model version {version}: run `facejoin enroll` first")
    classifier = None if last["classifier"] is None else bytes(last["classifier"])
    return last["gallery"], (last["parameters"], bytes(last["arrays"]), classifier)


def _photos(spark: SparkSession, folder: str) -> list[tuple[str, int, str]]:
    """(path, bytes, time of change) of the gallery's photos, by path."""
    try:
        rows = _files(spark, folder).select("path", "length", F.col("modificationTime").cast("string")).collect()
    except AnalysisException as error:
        raise SettingsError(f"no gallery at {folder}: expected {folder}/Person_Name/*.jpg") from error
    if not rows:
        raise SettingsError(f"the gallery {folder} is empty: expected {folder}/Person_Name/*.jpg")
    _refuse_empty_folders(folder, {row["path"].rsplit("/", 2)[1] for row in rows})
    return sorted(tuple(row) for row in rows)


def _refuse_empty_folders(folder: str, people: set[str]) -> None:
    """Seen in a folder of this machine only: Hadoop's listing names files."""
    root = Path(folder)
    folders = {path.name for path in root.iterdir() if path.is_dir()} if root.is_dir() else set()
    if folders - people:
        raise JobError(f"no usable photo of {', '.join(sorted(folders - people))}: the folder holds no picture at all")


def _files(spark: SparkSession, folder: str) -> DataFrame:
    return spark.read.format("binaryFile").load(f"{folder.rstrip('/')}/*/{PICTURES}")


def _read(
    spark: SparkSession, settings: Settings, folder: str, photos: list[tuple[str, int, str]]
) -> list[tuple[Reference, list[Row]]]:
    """Every photo of the gallery with its faces, by path."""
    tasks = max(spark.sparkContext.defaultParallelism, -(-len(photos) // settings.crawl.task_photos))
    files = _files(spark, folder).select("path", "content").repartition(tasks, "path")
    udf = find_references(settings, FOUND)
    found = files.mapInArrow(udf, FOUND).collect()
    return [(_reference(row), row["faces"] or []) for row in sorted(found, key=lambda row: row["path"])]


def _reference(row: Row) -> Reference:
    person, file = row["path"].rsplit("/", 2)[1:]  # as in the folder: no URL
    return Reference(person, f"{person}/{file}", row["sha256"], row["status"], row["error"])


def _check_people(by_person: dict[str, list[Reference]]) -> None:
    without = {person: own for person, own in by_person.items() if all(r.verdict != USED for r in own)}
    if without:
        raise JobError("no usable photo of " + "; ".join(_why_none(person, own) for person, own in without.items()))


def _why_none(person: str, references: list[Reference]) -> str:
    return f"{person} ({', '.join(f'{reference.file}: {reference.verdict}' for reference in references)})"


def _suppressed(warehouse: Warehouse) -> list[str]:
    rows = warehouse.read("suppressed").where("kind = 'person'").select("value").distinct().collect()
    return sorted(row["value"] for row in rows)


def _without_suppressed(references: list[Reference], suppressed: list[str]) -> list[Reference]:
    kept = [reference for reference in references if reference.person not in suppressed]
    if not kept:
        raise JobError("everyone in the gallery is suppressed")
    return kept


def _area(face: Row) -> float:
    left, top, right, bottom = face["box"]
    return float((right - left) * (bottom - top))


def _report(gallery: Gallery, references: list[Reference], findings: Sequence[Finding]) -> EnrollReport:
    parameters = gallery.parameters
    unused = [{"file": r.file, "verdict": r.verdict, "detail": r.detail} for r in references if r.verdict != USED]
    return EnrollReport(
        gallery=gallery.digest,
        kind=parameters.kind,
        people=len(parameters.people),
        references=len(parameters.files),
        threshold=parameters.threshold,
        threshold_from=parameters.threshold_from,
        unused=unused,
        audit=[asdict(finding) | {"files": [*finding.files], "people": [*finding.people]} for finding in findings],
    )


def _write(spark: SparkSession, warehouse: Warehouse, gallery: Gallery, references: list[Reference]) -> None:
    """The model last: until it is there, nobody reads the other two."""
    mine = f"gallery = '{gallery.digest}'"
    rows = [{"gallery": gallery.digest, **vars(reference)} for reference in references]
    warehouse.replace("references", spark.createDataFrame(rows, REFERENCES).coalesce(1), mine)
    warehouse.replace("people", spark.createDataFrame(_people(gallery), PEOPLE).coalesce(1), mine)
    parameters = gallery.parameters
    model = (
        gallery.digest, parameters.kind, parameters.model_version, gallery.parameters_json(), gallery.arrays(),
        gallery.classifier_file(), datetime.now(UTC),
    )  # fmt: skip
    warehouse.replace("gallery_models", spark.createDataFrame([model], GALLERY_MODELS), mine)


def _people(gallery: Gallery) -> list[tuple[str, str, str, int]]:
    """(gallery, person, file of the reference nearest to the mean, references)."""
    likeness = np.sum(gallery.references * gallery.means[gallery.owners], axis=1)
    rows = []
    for row, person in enumerate(gallery.parameters.people):
        own = np.flatnonzero(gallery.owners == row)
        rows.append((gallery.digest, person, gallery.parameters.files[own[likeness[own].argmax()]], len(own)))
    return rows
