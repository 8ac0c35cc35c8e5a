"""A folder of photos without faces → a file of vectors of what could be mistaken for faces in them."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from pyspark.sql import SparkSession

from facejoin.conf.settings import NetworkSettings, SettingsError
from facejoin.jobs.gallery.nonface_vectors import ENDING, vectors_of_folder


@dataclass(frozen=True)
class NonfacesReport:
    file: str
    sha256: str  # of the file
    embedder: str  # whose galleries can use it
    vectors: int
    photos: int  # used
    unused: list[dict[str, str | None]]  # file, verdict, detail


def nonfaces(spark: SparkSession, networks: NetworkSettings, folder: str, file: Path) -> NonfacesReport:
    """Writes `file`, for `enroll --nonfaces FILE`: vectors alone, no pixels.

    Raises SettingsError where the folder is missing or empty or the file cannot be written, JobError where no photo is
    of use, WeightsError.
    """
    if file.suffix != ENDING:
        raise SettingsError(f"expected a file *{ENDING} for the vectors, got {file}")
    found = vectors_of_folder(spark, networks, folder)
    content = found.to_file()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    except OSError as error:
        raise SettingsError(f"the file {file} cannot be written: {error.strerror}") from error
    hashed = sha256(content).hexdigest()
    return NonfacesReport(str(file), hashed, found.embedder, len(found.vectors), found.photos, found.unused)
