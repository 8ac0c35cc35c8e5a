"""A folder of photos without faces → vectors of what looks like faces in them, for a gallery's filter of none."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql.types import ArrayType, FloatType, StringType, StructField, StructType

from facejoin.conf.settings import Settings, SettingsError
from facejoin.jobs.crawl import ship_weights
from facejoin.jobs.demo.sample_collection import SCENES
from facejoin.jobs.demo.samples import fetch_samples
from facejoin.jobs.errors import JobError
from facejoin.jobs.photo_folders import picture_files, pictures
from facejoin.jobs.progress import task_progress
from facejoin.udfs.find_faces import find_nonfaces
from facejoin.udfs.recognition.nonfaces import NonfaceError, NonfaceFilter, fit_nonfaces
from facejoin.udfs.vision.embed import EMBEDDERS
from facejoin.udfs.vision.nonface_crops import MOST

LOOKALIKES = StructType([StructField(name, StringType()) for name in ("path", "status", "detail")])
LOOKALIKES = LOOKALIKES.add("vectors", ArrayType(ArrayType(FloatType())))
MOST_VECTORS = 50_000  # of all photos: what the driver clusters in seconds
TASK_PHOTOS = 50  # photos per Spark task, about: each is searched eight times
USED = "used"
SAMPLES, NO_FILTER = "samples", "none"  # what enroll.nonfaces says instead of a folder


@dataclass(frozen=True)
class NonfaceCrops:
    vectors: np.ndarray  # (n, d) float32, unit rows
    photos: int  # that they come from
    unused: list[dict[str, str | None]]  # file, verdict, detail: what cannot be read, or shows a face after all


def nonface_folder(settings: Settings) -> str | None:
    """None: the sample photos, or no filter at all."""
    return None if settings.enroll.nonfaces in (SAMPLES, NO_FILTER) else settings.enroll.nonfaces


def nonface_crops(spark: SparkSession, settings: Settings, folder: str | None) -> NonfaceCrops:
    """Of the pictures at any depth below `folder`; None takes the sample photos without faces, downloaded if need be.

    Raises SettingsError for a folder that is missing or empty, JobError where no photo is of use, PackageError.
    """
    count = len(SCENES) if folder is None else len(pictures(spark, folder))
    if count == 0:
        raise SettingsError(f"the folder {folder} is empty: expected pictures without faces")
    photos = _samples(spark, settings) if folder is None else picture_files(spark, folder).select("path", "content")
    ship_weights(spark, settings)
    tasks = max(spark.sparkContext.defaultParallelism, -(-count // TASK_PHOTOS))
    udf = find_nonfaces(settings, LOOKALIKES, most=max(1, min(MOST, MOST_VECTORS // count)))
    with task_progress(spark, f"no faces: {count} photos"):
        rows = photos.repartition(tasks, "path").mapInArrow(udf, LOOKALIKES).collect()
    return _crops(sorted(rows, key=lambda row: row["path"]), folder)


def nonface_filter(crops: NonfaceCrops, references: np.ndarray, settings: Settings) -> NonfaceFilter:
    """references (m, d): the unit rows of the gallery that the filter is for. Raises JobError for too few crops."""
    try:
        return fit_nonfaces(crops.vectors, references, EMBEDDERS[settings.vision.embed.model].same_person)
    except NonfaceError as error:
        raise JobError(f"cannot learn what is no face from {crops.photos} photos: {error}") from error


def _crops(rows: list[Row], folder: str | None) -> NonfaceCrops:
    vectors = [vector for row in rows for vector in row["vectors"]]
    unused = [{"file": r["path"], "verdict": r["status"], "detail": r["detail"]} for r in rows if r["status"] != USED]
    if not vectors:
        reasons = ", ".join(sorted({row["status"] for row in rows} - {USED})) or "nothing in them looks like a face"
        raise JobError(f"none of the {len(rows)} photos in {folder} is of use against false faces: {reasons}")
    return NonfaceCrops(np.array(vectors, np.float32), len(rows) - len(unused), unused)


def _samples(spark: SparkSession, settings: Settings) -> DataFrame:
    """As rows, since executors need not see this machine's cache."""
    samples = fetch_samples(Path(settings.cache))
    rows = [(name, samples.path(name).read_bytes()) for name in SCENES]
    return spark.createDataFrame(rows, "path string, content binary")
