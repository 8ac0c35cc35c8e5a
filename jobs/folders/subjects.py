"""A folder of labelled photos: whom each shows, and the vector of its subject."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np
from pyspark.sql import Row, SparkSession

from facejoin.conf.settings import NetworkSettings, SettingsError
from facejoin.jobs.folders.faces import folder_faces
from facejoin.jobs.folders.pictures import pictures
from facejoin.udfs.vision.embedding.embed import EMBEDDERS
from facejoin.udfs.vision.subject import subject


@dataclass(frozen=True)
class Subjects:
    """One entry a photo."""

    people: np.ndarray  # (n,) names: the folder that the photo is in
    vectors: np.ndarray  # (n, d) unit rows of the photos' subjects; NaN where no face was found
    hashes: np.ndarray  # (n,) SHA-256 of the files

    def __len__(self) -> int:
        return len(self.people)

    @property
    def found(self) -> np.ndarray:
        return np.asarray(~np.isnan(self.vectors[:, 0]))

    @property
    def groups(self) -> np.ndarray:
        """(n,) 0, 1, …: photos of one person share a number."""
        return np.asarray(np.unique(self.people, return_inverse=True)[1])

    def only(self, kept: np.ndarray) -> Subjects:
        return Subjects(self.people[kept], self.vectors[kept], self.hashes[kept])


def read_subjects(spark: SparkSession, networks: NetworkSettings, folder: str, label: str) -> Subjects:
    """FOLDER/Person_Name/*.jpg; a photo beside the folders is a person of its own. Raises SettingsError where there is
    no photo."""
    people_in(spark, folder)
    found = folder_faces(spark, networks, folder, label)
    dimensions = EMBEDDERS[networks.vision.embed.model].dimensions
    return Subjects(
        people=np.array([_person(below) for below, _ in found]),
        vectors=subject_vectors([row for _, row in found], dimensions),
        hashes=np.array([row["sha256"] for _, row in found]),
    )


def people_in(spark: SparkSession, folder: str) -> set[str]:
    """Whose photos there are. Raises SettingsError where there is none."""
    people = {_person(picture.below) for picture in pictures(spark, folder)}
    if not people:
        raise SettingsError(f"no photo in {folder}: expected {folder}/Person_Name/*.jpg")
    return people


def subject_vectors(rows: Sequence[Row], dimensions: int) -> np.ndarray:
    """(n, dimensions) float32; NaN where no face was found."""
    vectors = np.full((len(rows), dimensions), np.nan, np.float32)
    for number, row in enumerate(rows):
        if (vector := subject_vector(row)) is not None:
            vectors[number] = vector
    return vectors


def subject_vector(row: Row) -> np.ndarray | None:
    """(d,) of the face in the photo's middle; None where no face was found."""
    if not row["faces"]:
        return None
    boxes = np.array([face["box"] for face in row["faces"]])
    return np.array(row["faces"][subject(boxes, row["width"], row["height"])]["embedding"])


def _person(below: str) -> str:
    path = PurePosixPath(below)
    return path.parent.name or path.name
