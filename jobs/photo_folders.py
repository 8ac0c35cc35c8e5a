"""Pictures in folders of this machine or of a cluster, and the faces that the crawl's own networks find in them."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, IntegerType, StringType, StructField, StructType

from facejoin.conf.schemas import FACE, VECTOR
from facejoin.conf.settings import Settings, SettingsError
from facejoin.jobs.crawl import ship_weights
from facejoin.jobs.progress import task_progress
from facejoin.jobs.session import runs_locally
from facejoin.udfs.find_faces import find_references

ENDINGS = ("jpg", "jpeg", "png", "gif", "webp", "bmp", "tif", "tiff")
ANY_CASE = ("".join(f"[{letter}{letter.upper()}]" for letter in ending) for ending in ENDINGS)
PICTURES = f"*.{{{','.join(ANY_CASE)}}}"  # as Hadoop's glob
PLAIN_FILES = {  # Hadoop's usual class for local files looks for checksums as well, and cannot name those of a:b.jpg
    "fs.file.impl": "org.apache.hadoop.fs.RawLocalFileSystem",
    "fs.file.impl.disable.cache": "true",  # others in this session keep theirs
}
SCHEME = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*:(//[^/]*)?(?=/)")  # file:, hdfs://host, s3a://bucket

FILE = StructType(
    [
        *(StructField(name, StringType()) for name in ("path", "sha256", "status", "error")),
        *(StructField(name, IntegerType()) for name in ("width", "height")),  # pixels of the decoded photo
    ]
)
FOUND = StructType([*FILE.fields, StructField("faces", ArrayType(FACE))])  # null: none
BOTH_WAYS = StructType([*FACE.fields, StructField("mirrored", VECTOR)])  # and the vector of the mirrored face
FOUND_BOTH_WAYS = StructType([*FILE.fields, StructField("faces", ArrayType(BOTH_WAYS))])


@dataclass(frozen=True)
class Picture:
    """One file, not yet read."""

    path: str  # with its scheme, as Spark's `path` columns have it
    below: str  # the same from the folder on
    uri: str  # the same, encoded, as Spark's `_metadata` has it
    length: int  # bytes
    changed: str  # time of its last change

    @property
    def person(self) -> str:
        """The folder that it lies in, of a folder with a folder for each person."""
        return self.below.split("/")[0]


def pictures(spark: SparkSession, folder: str) -> list[Picture]:
    """All files with a picture's ending at any depth below the folder, by path; as everywhere in Spark, names that
    begin with a dot or an underscore are passed over. Raises SettingsError where there is no such folder."""
    root = _root(spark, folder)
    listed = ("path", "_metadata.file_path", "length", F.col("modificationTime").cast("string"))
    try:
        rows = _files(spark, root).select(*listed).collect()
    except AnalysisException as error:
        raise SettingsError(f"there is no folder {folder}") from error
    return sorted((Picture(r[0], _below(r[0], root), *r[1:]) for r in rows), key=lambda picture: picture.path)


def found_faces(
    spark: SparkSession,
    settings: Settings,
    folder: str,
    wanted: Sequence[Picture],
    label: str,
    schema: StructType = FOUND,
) -> list[Row]:
    """A row of FOUND, or FOUND_BOTH_WAYS, for each of these pictures of the folder, in order; no other one is read.

    `label` is what the progress bar says. Raises WeightsError before any work where the weights are not there.
    """
    ship_weights(spark, settings)
    # By Spark's own metadata, which it compares before it opens a file; of `path` it knows only afterwards.
    files = _files(spark, _root(spark, folder)).where(F.col("_metadata.file_path").isin([p.uri for p in wanted]))
    with task_progress(spark, f"{label}: {len(wanted)} photos"):
        rows = _searched(files, settings, len(wanted), schema).collect()
    by_path = {row["path"]: row for row in rows}
    return [by_path[picture.path] for picture in wanted]


def folder_faces(spark: SparkSession, settings: Settings, folder: str, label: str) -> list[tuple[str, Row]]:
    """(path below the folder, row of FOUND) of all its pictures, by path. Raises SettingsError where there is no such
    folder, WeightsError."""
    wanted = pictures(spark, folder)
    ship_weights(spark, settings)
    with task_progress(spark, f"{label}: {len(wanted)} photos"):
        rows = _searched(picture_files(spark, folder), settings, len(wanted), FOUND).collect() if wanted else []
    by_path = {row["path"]: row for row in rows}
    return [(picture.below, by_path[picture.path]) for picture in wanted]


def picture_files(spark: SparkSession, folder: str) -> DataFrame:
    """Rows of binaryFile (path, length, content …) of the folder, which `pictures` has found to be there."""
    return _files(spark, _root(spark, folder))


def _searched(files: DataFrame, settings: Settings, number: int, schema: StructType) -> DataFrame:
    """So many files of binaryFile → rows of `schema`."""
    tasks = max(files.sparkSession.sparkContext.defaultParallelism, -(-number // settings.crawl.task_photos))
    spread = files.select("path", "content").repartition(tasks, "path")
    return spread.mapInArrow(find_references(settings, schema), schema)


def _files(spark: SparkSession, root: str) -> DataFrame:
    """The root is the folder of that very name: what Hadoop would take for a pattern is escaped."""
    files = spark.read.format("binaryFile").options(recursiveFileLookup="true", pathGlobFilter=PICTURES, **PLAIN_FILES)
    return files.load(re.sub(r"([\\{}\[\]*?,^])", r"\\\1", root))


def _root(spark: SparkSession, folder: str) -> str:
    """Absolute where it is this machine's, as the paths in it will be."""
    if SCHEME.match(folder) or not runs_locally(spark):
        return folder
    return os.path.abspath(Path(folder).expanduser())


def _below(path: str, root: str) -> str:
    folder = SCHEME.sub("", root).removeprefix("./").rstrip("/")
    return SCHEME.sub("", path).partition(f"{folder}/")[2]
