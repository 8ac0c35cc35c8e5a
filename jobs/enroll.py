"""Gallery folder → `references`, `people`, `gallery_models`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from typing import Any, ClassVar

from pyspark.sql import SparkSession

from facejoin.conf.schemas import REFERENCES
from facejoin.conf.settings import NetworkSettings, Settings, SettingsError
from facejoin.jobs.folders.pictures import Picture, pictures
from facejoin.jobs.folders.subjects import people_in, read_subjects
from facejoin.jobs.gallery.nonface_vectors import (
    NonfaceVectors,
    is_folder,
    nonface_file,
    nonface_filter,
    nonface_vectors,
)
from facejoin.jobs.gallery.reference_photos import USED, ReferencePhoto
from facejoin.jobs.gallery.references import audited_references, gallery_photos, training_set
from facejoin.jobs.store.errors import JobError
from facejoin.jobs.store.galleries import write_gallery
from facejoin.jobs.store.once import Run, fingerprint, once
from facejoin.jobs.store.suppressed import suppressed_among
from facejoin.jobs.store.warehouse import Warehouse
from facejoin.udfs.recognition.audit.findings import Finding
from facejoin.udfs.recognition.gallery import Gallery
from facejoin.udfs.recognition.tail import FEWEST
from facejoin.udfs.recognition.training.kinds import TrainingError
from facejoin.udfs.recognition.training.train import Cohort, train
from facejoin.udfs.vision.analyse import model_version
from facejoin.udfs.vision.embedding.embed import EMBEDDERS

UNIT = "gallery"  # one for all folders: the gallery enrolled last is the one that is matched


@dataclass
class EnrollReport:
    VERSION: ClassVar[int] = 1

    gallery: str  # digest
    kind: str
    people: int
    references: int  # used
    threshold: float
    threshold_from: str
    unused: list[dict[str, Any]]  # file, verdict, detail
    audit: list[dict[str, Any]]  # kind, files, people, score, reason, certain: left out
    nonface_photos: int  # that the filter of false faces was learnt from; 0: there is no filter
    unused_nonface_photos: list[dict[str, str | None]]  # file, verdict, detail
    already_enrolled: bool = False


def enroll(spark: SparkSession, warehouse: Warehouse, settings: Settings, folder: str) -> EnrollReport:
    """Trains a gallery on FOLDER/Person_Name/*.jpg, unless this very one was the last to be trained.

    Raises SettingsError for an empty folder, JobError for a person without a usable photo and, where
    settings.enroll.strict, for any finding of the audit.
    """
    photos = gallery_photos(spark, folder)
    people = {photo.person for photo in photos}
    inputs = fingerprint(
        photos=photos,
        vision=model_version(settings.vision),
        settings=settings.enroll.digest(),
        suppressed=suppressed_among(warehouse, people),
        cohort=[] if settings.enroll.cohort is None else pictures(spark, settings.enroll.cohort),
        nonfaces=_listed_nonfaces(spark, settings),
    )

    def enrolled() -> EnrollReport:
        suppressed = suppressed_among(warehouse, people)  # by now: somebody may have been forgotten since
        references, findings = audited_references(spark, settings.networks, settings.enroll, folder, photos, suppressed)
        cohort = _cohort(spark, settings.networks, settings.enroll.cohort, people)
        gallery = _trained(references, settings, cohort)
        nonfaces = nonface_vectors(spark, settings.networks, settings.enroll.nonfaces)
        if nonfaces is not None:
            gallery = replace(gallery, nonfaces=nonface_filter(nonfaces, gallery.references, settings.vision))
        rows = [{name: getattr(r, name) for name in REFERENCES.names if name != "gallery"} for r in references]
        write_gallery(warehouse, gallery, rows)
        return _report(gallery, references, findings, nonfaces)

    report, was_there = once(warehouse, Run("enroll", UNIT, inputs), EnrollReport, enrolled)
    return replace(report, already_enrolled=was_there)


def _listed_nonfaces(spark: SparkSession, settings: Settings) -> list[Picture] | str:
    """What tells photos without faces from others, before any is searched."""
    if is_folder(settings.enroll.nonfaces):
        return pictures(spark, settings.enroll.nonfaces)
    file = nonface_file(settings.vision, settings.enroll.nonfaces)
    return "" if file is None else sha256(file).hexdigest()


def _trained(references: list[ReferencePhoto], settings: Settings, cohort: Cohort | None) -> Gallery:
    """Raises JobError where a person has no usable photo, or the kind needs more."""
    try:
        return train(
            training_set(references),
            kind=settings.enroll.kind,
            fpir=settings.enroll.fpir,
            same_person=EMBEDDERS[settings.vision.embed.model].same_person,
            model_version=model_version(settings.vision),
            cohort=cohort,
        )
    except TrainingError as error:
        raise JobError(f"cannot enrol as {settings.enroll.kind}: {error}") from error


def _cohort(spark: SparkSession, networks: NetworkSettings, folder: str | None, people: set[str]) -> Cohort | None:
    """The subjects of strangers' photos; those of one folder are one person's, unless they lie in no folder at all.

    Raises SettingsError where there are too few to learn from, or one of the gallery's people is among them.
    """
    if folder is None:
        return None
    if known := sorted(people_in(spark, folder) & people):
        raise SettingsError(f"{known[0]} of the cohort {folder} is in the gallery, so no stranger")
    subjects = read_subjects(spark, networks, folder, "cohort")
    faces = subjects.only(subjects.found)
    if len(faces) < FEWEST:
        raise SettingsError(f"{len(faces)} faces in the cohort {folder}: at least {FEWEST} strangers' expected")
    return Cohort(faces.vectors, faces.groups)


def _report(
    gallery: Gallery,
    references: list[ReferencePhoto],
    findings: Sequence[Finding],
    nonfaces: NonfaceVectors | None,
) -> EnrollReport:
    parameters = gallery.parameters
    return EnrollReport(
        gallery=gallery.digest,
        kind=parameters.kind,
        people=len(parameters.people),
        references=len(parameters.files),
        threshold=parameters.threshold,
        threshold_from=parameters.threshold_from,
        unused=[{"file": r.file, "verdict": r.verdict, "detail": r.detail} for r in references if r.verdict != USED],
        audit=[asdict(finding) | {"files": [*finding.files], "people": [*finding.people]} for finding in findings],
        nonface_photos=nonfaces.photos if nonfaces is not None else 0,
        unused_nonface_photos=nonfaces.unused if nonfaces is not None else [],
    )
