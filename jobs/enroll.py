"""Gallery folder → `references`, `people`, `gallery_models`."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from facejoin.conf.schemas import GALLERY_MODELS, PEOPLE, REFERENCES
from facejoin.conf.settings import Settings, SettingsError
from facejoin.jobs.errors import JobError
from facejoin.jobs.nonfaces import NO_FILTER, NonfaceCrops, nonface_crops, nonface_filter, nonface_folder
from facejoin.jobs.photo_folders import Picture, pictures
from facejoin.jobs.probes import people_in, read_probes
from facejoin.jobs.references import (
    USED,
    Reference,
    audited_references,
    gallery_photos,
    suppressed_of,
    training_references,
)
from facejoin.jobs.tables import Warehouse, fingerprint
from facejoin.udfs.match_faces import StoredGallery
from facejoin.udfs.recognition.audit import Finding
from facejoin.udfs.recognition.gallery import Gallery
from facejoin.udfs.recognition.kinds import TrainingError
from facejoin.udfs.recognition.tail import FEWEST
from facejoin.udfs.recognition.train import Cohort, train
from facejoin.udfs.vision.analyse import model_version
from facejoin.udfs.vision.embed import EMBEDDERS

UNIT = "gallery"  # one for all folders: the gallery enrolled last is the one that is matched


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
    nonface_photos: int  # that the filter of false faces was learnt from
    unused_nonface_photos: list[dict[str, str | None]]  # file, verdict, detail
    already_enrolled: bool = False


def enroll(spark: SparkSession, warehouse: Warehouse, settings: Settings, folder: str) -> EnrollReport:
    """Trains a gallery on FOLDER/Person_Name/*.jpg, unless this very one was the last to be trained.

    Raises SettingsError for an empty folder, JobError for a person without a usable photo and, where
    settings.enroll.strict, for any finding of the audit.
    """
    start = time.monotonic()
    photos, suppressed = gallery_photos(spark, folder), suppressed_of(warehouse)
    version = model_version(settings.vision)
    inputs = fingerprint(
        photos=photos,
        vision=version,
        settings=settings.enroll.digest(),
        suppressed=suppressed,
        cohort=_listed(spark, settings.enroll.cohort),
        nonfaces=_listed(spark, nonface_folder(settings)),
    )
    if (before := warehouse.report_of("enroll", UNIT, inputs)) is not None:
        return EnrollReport(**before | {"already_enrolled": True})
    references, findings = audited_references(spark, settings, folder, photos, suppressed)
    gallery = trained(references, settings, _cohort(spark, settings, {photo.person for photo in photos}))
    crops = None if settings.enroll.nonfaces == NO_FILTER else nonface_crops(spark, settings, nonface_folder(settings))
    if crops is not None:
        gallery = replace(gallery, nonfaces=nonface_filter(crops, gallery.references, settings))
    report = _report(gallery, references, findings, crops)
    _write(spark, warehouse, gallery, references)
    warehouse.record("enroll", UNIT, inputs, time.monotonic() - start, vars(report))
    return report


def trained(references: list[Reference], settings: Settings, cohort: Cohort | None = None) -> Gallery:
    """Raises JobError where a person has no usable photo, or the kind needs more."""
    try:
        return train(
            training_references(references),
            kind=settings.enroll.kind,
            fpir=settings.enroll.fpir,
            same_person=EMBEDDERS[settings.vision.embed.model].same_person,
            model_version=model_version(settings.vision),
            cohort=cohort,
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


def _listed(spark: SparkSession, folder: str | None) -> list[Picture]:
    return [] if folder is None else pictures(spark, folder)


def _cohort(spark: SparkSession, settings: Settings, people: set[str]) -> Cohort | None:
    """The subjects of strangers' photos; those of one folder are one person's, unless they lie in no folder at all.

    Raises SettingsError where there are too few to learn from, or one of the gallery's people is among them.
    """
    if settings.enroll.cohort is None:
        return None
    if known := sorted(people_in(spark, settings.enroll.cohort) & people):
        raise SettingsError(f"{known[0]} of the cohort {settings.enroll.cohort} is in the gallery, so no stranger")
    probes = read_probes(spark, settings, settings.enroll.cohort, "cohort")
    faces = probes.only(probes.found)
    if len(faces) < FEWEST:
        raise SettingsError(
            f"{len(faces)} faces in the cohort {settings.enroll.cohort}: at least {FEWEST} strangers' expected"
        )
    return Cohort(faces.vectors, faces.groups)


def _report(
    gallery: Gallery, references: list[Reference], findings: Sequence[Finding], crops: NonfaceCrops | None
) -> EnrollReport:
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
        nonface_photos=crops.photos if crops is not None else 0,
        unused_nonface_photos=crops.unused if crops is not None else [],
        audit=[asdict(finding) | {"files": [*finding.files], "people": [*finding.people]} for finding in findings],
    )


def _write(spark: SparkSession, warehouse: Warehouse, gallery: Gallery, references: list[Reference]) -> None:
    """The model last: until it is there, nobody reads the other two."""
    mine = f"gallery = '{gallery.digest}'"
    rows = [{"gallery": gallery.digest, **_stored(reference)} for reference in references]
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
    similarity = gallery.similarity(gallery.references)
    likeness = similarity[np.arange(len(gallery.owners)), gallery.owners]
    rows = []
    for row, person in enumerate(gallery.parameters.people):
        own = np.flatnonzero(gallery.owners == row)
        rows.append((gallery.digest, person, gallery.parameters.files[own[likeness[own].argmax()]], len(own)))
    return rows


def _stored(reference: Reference) -> dict[str, Any]:
    """Without what only training needs."""
    return {name: getattr(reference, name) for name in REFERENCES.names if name != "gallery"}
