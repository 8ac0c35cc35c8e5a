"""Pictures in folders of this machine or of a cluster."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from facejoin.conf.settings import SettingsError
from facejoin.jobs.store.session import runs_locally

ENDINGS = ("jpg", "jpeg", "png", "gif", "webp", "bmp", "tif", "tiff")
ANY_CASE = ("".join(f"[{letter}{letter.upper()}]" for letter in ending) for ending in ENDINGS)
PICTURES = f"*.{{{','.join(ANY_CASE)}}}"  # as Hadoop's glob
PLAIN_FILES = {  # Hadoop's usual class for local files looks for checksums as well, and cannot name those of a:b.jpg
    "fs.file.impl": "org.apache.hadoop.fs.RawLocalFileSystem",
    "fs.file.impl.disable.cache": "true",  # others in this session keep theirs
}
SCHEME = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*:(//[^/]*)?(?=/)")  # file:, hdfs://host, s3a://bucket


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


def picture_files(spark: SparkSession, folder: str, wanted: Sequence[Picture] | None = None) -> DataFrame:
    """Rows of binaryFile (path, length, content …) of the folder, which `pictures` has found to be there; where some
    are `wanted`, no other one is read."""
    files = _files(spark, _root(spark, folder))
    if wanted is None:
        return files
    # By Spark's own metadata, which it compares before it opens a file; of `path` it knows only afterwards.
    return files.where(F.col("_metadata.file_path").isin([picture.uri for picture in wanted]))


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
