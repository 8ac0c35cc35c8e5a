"""The faces that the crawl's own networks find in pictures of a folder."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql.types import ArrayType, IntegerType, StringType, StructField, StructType

from facejoin.conf.schemas import FACE, VECTOR
from facejoin.conf.settings import NetworkSettings
from facejoin.jobs.folders.pictures import Picture, picture_files, pictures
from facejoin.jobs.store.executor_files import ship_weights
from facejoin.jobs.store.progress import task_progress
from facejoin.udfs.search_files import find_references

FILE = StructType(
    [
        *(StructField(name, StringType()) for name in ("path", "sha256", "status", "error")),
        *(StructField(name, IntegerType()) for name in ("width", "height")),  # pixels of the decoded photo
    ]
)
FOUND = StructType([*FILE.fields, StructField("faces", ArrayType(FACE))])  # null: none
BOTH_WAYS = StructType([*FACE.fields, StructField("mirrored", VECTOR)])  # and the vector of the mirrored face
FOUND_BOTH_WAYS = StructType([*FILE.fields, StructField("faces", ArrayType(BOTH_WAYS))])
TASK_PICTURES = 500  # per Spark task, about


def found_faces(
    spark: SparkSession,
    networks: NetworkSettings,
    folder: str,
    wanted: Sequence[Picture],
    label: str,
    schema: StructType = FOUND,
) -> list[Row]:
    """A row of FOUND, or FOUND_BOTH_WAYS, for each of these pictures of the folder, in order; no other one is read.

    `label` is what the progress bar says. Raises WeightsError before any work where the weights are not there.
    """
    return _searched(picture_files(spark, folder, wanted), networks, wanted, label, schema)


def folder_faces(spark: SparkSession, networks: NetworkSettings, folder: str, label: str) -> list[tuple[str, Row]]:
    """(path below the folder, row of FOUND) of all its pictures, by path. Raises SettingsError where there is no such
    folder, WeightsError."""
    wanted = pictures(spark, folder)
    rows = _searched(picture_files(spark, folder), networks, wanted, label, FOUND) if wanted else []
    return [(picture.below, row) for picture, row in zip(wanted, rows, strict=True)]


def _searched(
    files: DataFrame, networks: NetworkSettings, wanted: Sequence[Picture], label: str, schema: StructType
) -> list[Row]:
    """Files of binaryFile, which are those of `wanted` → their rows of `schema`, in that order."""
    spark = files.sparkSession
    ship_weights(spark, networks)
    tasks = max(spark.sparkContext.defaultParallelism, -(-len(wanted) // TASK_PICTURES))
    spread = files.select("path", "content").repartition(tasks, "path")
    with task_progress(spark, f"{label}: {len(wanted)} photos"):
        rows = spread.mapInArrow(find_references(networks, schema), schema).collect()
    by_path = {row["path"]: row for row in rows}
    return [by_path[picture.path] for picture in wanted]
