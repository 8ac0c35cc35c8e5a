"""The photos of a gallery folder: which can be used, of whom they are, and what they are made into."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from pyspark.sql import Row, SparkSession

from facejoin.conf.settings import EnrollSettings, Settings, SettingsError
from facejoin.jobs.audit import audited
from facejoin.jobs.errors import JobError
from facejoin.jobs.photo_folders import FOUND_BOTH_WAYS, Picture, found_faces, pictures
from facejoin.jobs.tables import Warehouse
from facejoin.udfs.recognition.audit import Finding
from facejoin.udfs.recognition.train import References

USED = "used"


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
    mirrored: list[float] | None = None  # of the mirrored face


def gallery_photos(spark: SparkSession, folder: str) -> list[Picture]:
    """FOLDER/Person_Name/*.jpg, by path. Raises SettingsError where there is none, JobError for a person without."""
    try:
        photos = [picture for picture in pictures(spark, folder) if picture.below.count("/") == 1]
    except SettingsError as error:
        raise SettingsError(f"no gallery at {folder}: expected {folder}/Person_Name/*.jpg") from error
    if not photos:
        raise SettingsError(f"the gallery {folder} is empty: expected {folder}/Person_Name/*.jpg")
    _refuse_empty_folders(folder, {picture.person for picture in photos})
    return photos


def audited_references(
    spark: SparkSession, settings: Settings, folder: str, photos: Sequence[Picture], suppressed: Sequence[str]
) -> tuple[list[Reference], tuple[Finding, ...]]:
    """Each of these photos of the folder and what became of it, and what the audit found. Raises JobError."""
    rows = found_faces(spark, settings, folder, photos, "enroll", FOUND_BOTH_WAYS)
    found = [(_reference(photo, row), row["faces"] or []) for photo, row in zip(photos, rows, strict=True)]
    return audited(_without_suppressed(judged(found, settings.enroll), suppressed), settings)


def usable_references(
    spark: SparkSession, settings: Settings, folder: str, suppressed: Sequence[str] = ()
) -> tuple[References, frozenset[str]]:
    """What a gallery of this folder is trained on, and the SHA-256 of all its files. Raises SettingsError, JobError."""
    references, _ = audited_references(spark, settings, folder, gallery_photos(spark, folder), suppressed)
    return training_references(references), frozenset(reference.sha256 for reference in references)


def suppressed_of(warehouse: Warehouse) -> list[str]:
    """Names of the people who asked out."""
    rows = warehouse.read("suppressed").where("kind = 'person'").select("value").distinct().collect()
    return sorted(row["value"] for row in rows)


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
    embedding, mirrored = list(subject["embedding"]), list(subject["mirrored"])
    return replace(reference, verdict=USED, **measured, embedding=embedding, mirrored=mirrored)


def training_references(references: list[Reference]) -> References:
    """The usable ones. Raises JobError where a person has none."""
    by_person: dict[str, list[Reference]] = defaultdict(list)
    for reference in references:
        by_person[reference.person].append(reference)
    _check_people(by_person)
    used = [reference for reference in references if reference.verdict == USED]
    people = tuple(sorted(by_person))
    row_of = {person: row for row, person in enumerate(people)}
    return References(
        vectors=np.array([reference.embedding for reference in used], dtype=np.float32),
        mirrored=np.array([reference.mirrored for reference in used], dtype=np.float32),
        owners=np.array([row_of[reference.person] for reference in used]),
        people=people,
        files=tuple(reference.file for reference in used),
    )


def _refuse_empty_folders(folder: str, people: set[str]) -> None:
    """Seen in a folder of this machine only: Hadoop's listing names files."""
    root = Path(folder)
    folders = {path.name for path in root.iterdir() if path.is_dir()} if root.is_dir() else set()
    if folders - people:
        raise JobError(f"no usable photo of {', '.join(sorted(folders - people))}: the folder holds no picture at all")


def _reference(photo: Picture, row: Row) -> Reference:
    return Reference(photo.person, photo.below, row["sha256"], row["status"], row["error"])


def _check_people(by_person: dict[str, list[Reference]]) -> None:
    without = {person: own for person, own in by_person.items() if all(r.verdict != USED for r in own)}
    if without:
        raise JobError("no usable photo of " + "; ".join(_why_none(person, own) for person, own in without.items()))


def _why_none(person: str, references: list[Reference]) -> str:
    return f"{person} ({', '.join(f'{reference.file}: {reference.verdict}' for reference in references)})"


def _without_suppressed(references: list[Reference], suppressed: Sequence[str]) -> list[Reference]:
    kept = [reference for reference in references if reference.person not in suppressed]
    if not kept:
        raise JobError("everyone in the gallery is suppressed")
    return kept


def _area(face: Row) -> float:
    left, top, right, bottom = face["box"]
    return float((right - left) * (bottom - top))
