"""Vectors of what looks like faces in photos without any, for a gallery's filter: from a folder, or from a file.

A file of them holds vectors alone, no pixels, and serves every gallery of its embedder; best is one that the same
detector made. One is delivered with the package for each pair of a detector and an embedder in DELIVERED.
"""

from __future__ import annotations

import io
import json
import zlib
from dataclasses import dataclass, field
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from pyspark.sql import Row, SparkSession
from pyspark.sql.types import ArrayType, FloatType, StringType, StructField, StructType

from facejoin.conf.settings import EmbedSettings, NetworkSettings, SettingsError, VisionSettings
from facejoin.jobs.folders.pictures import picture_files, pictures
from facejoin.jobs.store.errors import JobError
from facejoin.jobs.store.executor_files import ship_weights
from facejoin.jobs.store.progress import task_progress
from facejoin.udfs.recognition.nonface_filter import NonfaceError, NonfaceFilter, fit_nonfaces
from facejoin.udfs.search_files import find_nonfaces
from facejoin.udfs.vision.analyse import embedder_version, networks_version
from facejoin.udfs.vision.detection.detect import DETECTORS
from facejoin.udfs.vision.embedding.embed import EMBEDDERS
from facejoin.udfs.vision.nonface_crops import MOST

FOUND = StructType([StructField(name, StringType()) for name in ("path", "status", "detail")])
FOUND = FOUND.add("vectors", ArrayType(ArrayType(FloatType())))
MOST_VECTORS = 50_000  # of all photos: what the driver clusters in seconds
TASK_PHOTOS = 50  # photos per Spark task, about: each is searched eight times
USED = "used"
DELIVERED_OPTION, NO_FILTER = "delivered", "none"  # what enroll.nonfaces says instead of a folder or a file
ENDING = ".npz"  # of a file of vectors
# Networks → SHA-256 of the file delivered for them. `facejoin nonfaces DIR FILE` made it of the photos without faces
# that `copy_scenes` of demo/samples.py puts into a folder.
DELIVERED = {
    "mtcnn-165b.sface-fb143eea": "f79f819c35d9060d3e9cedccc94a08bed8770ccb0240dd6744ac022cf8a6c3d8",
    "yunet-49f0.sface-fb143eea": "f50ef8783fd34286f436871bb82361a952ece8873a027542a26e78bdc209bea2",
}


@dataclass(frozen=True)
class NonfaceVectors:
    vectors: np.ndarray  # (n, d) float32, unit rows
    photos: int  # that they come from
    embedder: str  # that made them, by `embedder_version`
    unused: list[dict[str, str | None]] = field(default_factory=list)  # file, verdict, detail: broken, or with a face

    def to_file(self) -> bytes:
        """NumPy's npz, the same for the same vectors."""
        made = json.dumps({"embedder": self.embedder, "photos": self.photos}, sort_keys=True)
        buffer = io.BytesIO()
        np.savez_compressed(buffer, allow_pickle=False, vectors=self.vectors, made=np.array(made))
        return buffer.getvalue()


def nonface_vectors(spark: SparkSession, networks: NetworkSettings, nonfaces: str) -> NonfaceVectors | None:
    """`nonfaces` as in EnrollSettings; null where there is to be no filter, or none is delivered for these networks.

    Raises SettingsError for a folder or file that is missing or does not fit, JobError where no photo is of use.
    """
    file = nonface_file(networks.vision, nonfaces)
    if file is not None:
        return _from_file(file, networks.vision.embed)
    return vectors_of_folder(spark, networks, nonfaces) if is_folder(nonfaces) else None


def nonface_filter(nonfaces: NonfaceVectors, references: np.ndarray, vision: VisionSettings) -> NonfaceFilter:
    """references (m, d): the unit rows of the gallery that the filter is for. Raises JobError for too few vectors."""
    same_person, sure = EMBEDDERS[vision.embed.model].same_person, DETECTORS[vision.detect.model].sure
    try:
        return fit_nonfaces(nonfaces.vectors, references, same_person, sure)
    except NonfaceError as error:
        raise JobError(f"cannot learn what is no face from {nonfaces.photos} photos: {error}") from error


def is_folder(nonfaces: str) -> bool:
    return nonfaces not in (DELIVERED_OPTION, NO_FILTER) and not nonfaces.endswith(ENDING)


def nonface_file(vision: VisionSettings, nonfaces: str) -> bytes | None:
    """The content of the file that `nonfaces` stands for, if it does. Raises SettingsError."""
    if nonfaces == DELIVERED_OPTION:
        networks = networks_version(vision)
        return _delivered(networks) if networks in DELIVERED else None
    if not nonfaces.endswith(ENDING):
        return None
    try:
        return Path(nonfaces).expanduser().read_bytes()
    except OSError as error:
        raise SettingsError(f"cannot read the vectors of no faces {nonfaces}: {error.strerror}") from error


def vectors_of_folder(spark: SparkSession, networks: NetworkSettings, folder: str) -> NonfaceVectors:
    """Of the pictures at any depth below `folder`.

    Raises SettingsError for a folder that is missing or empty, JobError where no photo is of use, WeightsError.
    """
    count = len(pictures(spark, folder))
    if count == 0:
        raise SettingsError(f"the folder {folder} is empty: expected pictures without faces")
    ship_weights(spark, networks)
    tasks = max(spark.sparkContext.defaultParallelism, -(-count // TASK_PHOTOS))
    udf = find_nonfaces(networks, FOUND, most=max(1, min(MOST, MOST_VECTORS // count)))
    photos = picture_files(spark, folder).select("path", "content").repartition(tasks, "path")
    with task_progress(spark, f"no faces: {count} photos"):
        rows = photos.mapInArrow(udf, FOUND).collect()
    return _of_rows(sorted(rows, key=lambda row: row["path"]), folder, embedder_version(networks.vision.embed))


def _of_rows(rows: list[Row], folder: str, embedder: str) -> NonfaceVectors:
    vectors = [vector for row in rows for vector in row["vectors"]]
    unused = [{"file": r["path"], "verdict": r["status"], "detail": r["detail"]} for r in rows if r["status"] != USED]
    if not vectors:
        reasons = ", ".join(sorted({row["status"] for row in rows} - {USED})) or "nothing in them looks like a face"
        raise JobError(f"none of the {len(rows)} photos in {folder} is of use against false faces: {reasons}")
    return NonfaceVectors(np.array(vectors, np.float32), len(rows) - len(unused), embedder, unused)


def _delivered(networks: str) -> bytes:
    content = (files("facejoin.jobs.gallery") / "nonfaces" / f"{networks}{ENDING}").read_bytes()
    if sha256(content).hexdigest() != DELIVERED[networks]:
        raise SettingsError(f"the vectors of no faces delivered for {networks} are damaged: install the package again")
    return content


def _from_file(content: bytes, embed: EmbedSettings) -> NonfaceVectors:
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as stored:
            vectors, made = stored["vectors"], json.loads(str(stored["made"]))
        found = NonfaceVectors(vectors, made["photos"], made["embedder"])
    except (ValueError, KeyError, TypeError, IndexError, EOFError, BadZipFile, zlib.error) as error:
        raise SettingsError(
            f"the file of vectors of no faces is none that `facejoin nonfaces` wrote: {error}"
        ) from error
    if found.embedder != embedder_version(embed):
        raise SettingsError(f"the vectors of no faces are of {found.embedder}, not of {embedder_version(embed)}")
    return found
