"""The photos of a gallery folder: which can be used, of whom they are, and what they are made into."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from pyspark.sql import SparkSession

from facejoin.conf.settings import EnrollSettings, NetworkSettings, Settings, SettingsError
from facejoin.jobs.folders.faces import FOUND_BOTH_WAYS, found_faces
from facejoin.jobs.folders.pictures import Picture, pictures
from facejoin.jobs.gallery.audited import audited
from facejoin.jobs.gallery.reference_photos import USED, ReferencePhoto, judged
from facejoin.jobs.store.errors import JobError
from facejoin.udfs.recognition.audit.findings import Finding
from facejoin.udfs.recognition.training.train import TrainingSet


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
    spark: SparkSession,
    networks: NetworkSettings,
    settings: EnrollSettings,
    folder: str,
    photos: Sequence[Picture],
    suppressed: Sequence[str] = (),
) -> tuple[list[ReferencePhoto], tuple[Finding, ...]]:
    """Each of these photos of the folder and what became of it, and what the audit found. Raises JobError."""
    rows = found_faces(spark, networks, folder, photos, "enroll", FOUND_BOTH_WAYS)
    found = [
        (ReferencePhoto(photo.person, photo.below, row["sha256"], row["status"], row["error"]), row["faces"] or [])
        for photo, row in zip(photos, rows, strict=True)
    ]
    kept = [reference for reference in judged(found, settings) if reference.person not in suppressed]
    if not kept:
        raise JobError("everyone in the gallery is suppressed")
    return audited(kept, networks.vision.embed, settings.strict)


def usable_references(
    spark: SparkSession, settings: Settings, folder: str, suppressed: Sequence[str] = ()
) -> tuple[TrainingSet, frozenset[str]]:
    """What a gallery of this folder is trained on, and the SHA-256 of all its files. Raises SettingsError, JobError."""
    photos = gallery_photos(spark, folder)
    references, _ = audited_references(spark, settings.networks, settings.enroll, folder, photos, suppressed)
    return training_set(references), frozenset(reference.sha256 for reference in references)


def training_set(references: Sequence[ReferencePhoto]) -> TrainingSet:
    """The usable ones. Raises JobError where a person has none."""
    by_person: dict[str, list[ReferencePhoto]] = defaultdict(list)
    for reference in references:
        by_person[reference.person].append(reference)
    _refuse_people_without(by_person)
    used = [reference for reference in references if reference.verdict == USED]
    people = tuple(sorted(by_person))
    row_of = {person: row for row, person in enumerate(people)}
    return TrainingSet(
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


def _refuse_people_without(by_person: dict[str, list[ReferencePhoto]]) -> None:
    without = [
        f"{person} ({', '.join(f'{reference.file}: {reference.verdict}' for reference in own)})"
        for person, own in by_person.items()
        if all(reference.verdict != USED for reference in own)
    ]
    if without:
        raise JobError("no usable photo of " + "; ".join(without))
