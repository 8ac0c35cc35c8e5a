"""Labelled photos → the faces that galleries and probes are drawn from, for scoring.py."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from random import Random

import numpy as np
from pyspark.sql import Row

from facejoin.conf.settings import DecodeSettings, EnrollSettings
from facejoin.jobs.gallery.reference_photos import USED, ReferencePhoto, judged
from facejoin.udfs.recognition.training.train import TrainingSet
from facejoin.udfs.vision.analyse import Analyser, Analysis, Face
from facejoin.udfs.vision.subject import subject

BATCH = 32  # photos


@dataclass(frozen=True)
class Photo:
    person: str
    subject: Face  # nearest to the middle: what is searched for
    reference: ReferencePhoto  # usable or not


@dataclass(frozen=True)
class LabelledFaces:
    vectors: np.ndarray  # (n, d) unit rows
    mirrored: np.ndarray  # (n, d) unit rows: of the same faces, mirrored
    people: np.ndarray  # (n,) 0, 1, …

    def __getitem__(self, rows: np.ndarray) -> LabelledFaces:
        return LabelledFaces(self.vectors[rows], self.mirrored[rows], self.people[rows])


@dataclass(frozen=True)
class Draw:
    """One gallery, and what is searched for in it."""

    references: TrainingSet
    weights: np.ndarray  # (references,) in [0, 1]: how good each one's photo is
    known: LabelledFaces  # `people` are rows of the references' people
    unknown: LabelledFaces


def photos_of(folder: Path, analyser: Analyser) -> tuple[list[Photo], int]:
    """FOLDER/Person_Name/*.jpg, by path; and how many were left out, for no face was found in them."""
    files = sorted(folder.glob("*/*.jpg"))
    found = [_photo(path, one) for path, one in zip(files, _analyses(files, analyser), strict=True) if one.faces]
    return found, len(files) - len(found)


def _analyses(files: Sequence[Path], analyser: Analyser) -> Iterator[Analysis]:
    rest = iter(files)
    while batch := list(islice(rest, BATCH)):
        yield from analyser.analyse([path.read_bytes() for path in batch], DecodeSettings(min_bytes=0), mirrored=True)


def _photo(path: Path, found: Analysis) -> Photo:
    person = path.parent.name
    assert found.width is not None  # it was decoded
    assert found.height is not None
    middle = subject(np.array([face.box for face in found.faces]), found.width, found.height)
    unjudged = ReferencePhoto(person, f"{person}/{path.name}", str(path), "faces")
    (reference,) = judged([(unjudged, [_row(face) for face in found.faces])], EnrollSettings())
    return Photo(person, found.faces[middle], reference)


def _row(face: Face) -> Row:
    """As enrolment sees it."""
    quality = vars(face.quality) | {"size": face.size, "score": face.score, "box": face.box}
    return Row(**quality, embedding=face.embedding, mirrored=face.mirrored)


def drawn(known: Sequence[Photo], unknown: LabelledFaces, seed: int, most: int | None) -> Draw:
    """Of each person's photos one half is drawn, as `facejoin demo --photos` does, and its first `most` usable ones are
    enrolled; the other half is searched for, and all of `unknown`."""
    people = sorted({photo.person for photo in known})
    enrolled, probes = [], []
    for person in people:
        own = [photo for photo in known if photo.person == person]
        shuffled = Random(f"{seed} {person}").sample(own, len(own))
        middle = (len(own) + 1) // 2
        enrolled += [photo.reference for photo in shuffled[:middle] if photo.reference.verdict == USED][:most]
        probes += shuffled[middle:]
    return Draw(_references(enrolled, people), _weights(enrolled), subjects(probes), unknown)


def subjects(photos: Sequence[Photo]) -> LabelledFaces:
    vectors = np.array([photo.subject.embedding for photo in photos])
    mirrored = np.array([photo.subject.mirrored for photo in photos])
    return LabelledFaces(vectors, mirrored, np.unique([photo.person for photo in photos], return_inverse=True)[1])


def _references(enrolled: Sequence[ReferencePhoto], people: Sequence[str]) -> TrainingSet:
    owners = np.searchsorted(people, [one.person for one in enrolled])
    if len(set(owners)) < len(people):
        raise ValueError("expected a usable photo in the enrolled half of every known person, and one in the other")
    vectors = np.array([one.embedding for one in enrolled], np.float32)
    mirrored = np.array([one.mirrored for one in enrolled], np.float32)
    return TrainingSet(vectors, mirrored, owners, tuple(people), tuple(one.file for one in enrolled))


def _weights(enrolled: Sequence[ReferencePhoto]) -> np.ndarray:
    """The detector's score, times the share of references that are no sharper, times the cosine of the yaw."""
    measured = np.array([(one.sharpness, one.score, one.yaw) for one in enrolled], float)
    sharpness, score, yaw = measured.T
    ranks = (sharpness.argsort().argsort() + 1) / len(sharpness)
    return np.asarray(score * ranks * np.cos(np.radians(yaw)).clip(0.1))
