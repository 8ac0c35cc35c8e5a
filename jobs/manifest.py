"""Photo lists → `photos` and `quarantine`: every line of every list ends up in one of the two, but those of who asked
out, which are counted."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from urllib.parse import unquote

from pyspark import StorageLevel
from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F

from facejoin.conf.schemas import BUCKETS, PHOTOS, QUARANTINE
from facejoin.conf.settings import ManifestSettings, SettingsError
from facejoin.jobs.lists.yfcc100m import COLUMNS, DUPLICATE, LAYOUTS, PHOTO_ID, parsed
from facejoin.jobs.store.errors import SPARK_ERRORS, JobError, one_line
from facejoin.jobs.store.list_report import ListReport, counted
from facejoin.jobs.store.once import Run, fingerprint, finished, record
from facejoin.jobs.store.progress import task_progress
from facejoin.jobs.store.suppressed import is_suppressed, tells_of_suppressed
from facejoin.jobs.store.turns import working
from facejoin.jobs.store.warehouse import Warehouse

ROUND_BYTES = 4 * 2**30  # of lists read in one go: bounds what the executors' disks hold
FILE_BYTES = 32 * 2**20  # of packed lists to a file of `photos`, of some 100 MB


@dataclass(frozen=True)
class PhotoList:
    file: str
    size: int  # bytes
    inputs: str  # fingerprint of the file and the settings it is read with


def manifest(
    spark: SparkSession, warehouse: Warehouse, settings: ManifestSettings, sources: Sequence[str]
) -> list[ListReport]:
    """Reads the lists (files, folders, globs) that have not been read yet; reports on all of them.

    Raises SettingsError where there is no list, JobError where one is no photo list or is broken.
    """
    lists = _lists(spark, sources, settings)
    read = finished(warehouse, "manifest", {entry.file: entry.inputs for entry in lists}, ListReport)
    reports = [replace(report, already_read=True) for report in read.values()]
    for batch in _rounds([entry for entry in lists if entry.file not in read]):
        start = time.monotonic()
        with working(warehouse, "manifest", "lists"), task_progress(spark, "manifest"):
            fresh = _read(spark, warehouse, settings, batch)
            inputs = {entry.file: entry.inputs for entry in batch}
            runs = [(Run("manifest", report.file, inputs[report.file]), report) for report in fresh]
            record(warehouse, runs, time.monotonic() - start)
        reports += fresh
    return sorted(reports, key=lambda report: report.file)


def _lists(spark: SparkSession, sources: Sequence[str], settings: ManifestSettings) -> list[PhotoList]:
    try:
        found = spark.read.format("binaryFile").option("recursiveFileLookup", True).load(list(sources))
        rows = sorted(found.select("path", "length", "modificationTime").collect())  # the content is not read
    except AnalysisException as error:
        raise SettingsError(f"no photo list at {', '.join(sources)}: {error.getCondition()}") from error
    _refuse_empty(found.inputFiles(), [path for path, _, _ in rows])
    if not rows:
        raise SettingsError(f"no photo list at {', '.join(sources)}: the folder is empty")
    reading = settings.digest()
    return [
        PhotoList(path, length, fingerprint(size=length, changed=changed, settings=reading))
        for path, length, changed in rows
    ]


def _refuse_empty(urls: list[str], read: list[str]) -> None:
    """Spark lists files without a byte, and then passes over them."""
    if len(urls) > len(read):
        files = {unquote(url).replace("file:///", "file:/") for url in urls}
        raise JobError(f"{', '.join(sorted(files.difference(read)))} holds no line at all: it is empty")


def _rounds(lists: Sequence[PhotoList]) -> Iterator[list[PhotoList]]:
    batch: list[PhotoList] = []
    for entry in lists:
        if batch and sum(held.size for held in batch) + entry.size > ROUND_BYTES:
            yield batch
            batch = []
        batch.append(entry)
    if batch:
        yield batch


def _read(
    spark: SparkSession, warehouse: Warehouse, settings: ManifestSettings, lists: list[PhotoList]
) -> list[ListReport]:
    """Both tables are written by replacing what these files had there, so a run that was cut short is made good."""
    files = [entry.file for entry in lists]
    parts = max(spark.sparkContext.defaultParallelism, sum(entry.size for entry in lists) // FILE_BYTES)
    rows = parsed(read_lines(spark, files), settings).persist(StorageLevel.DISK_ONLY)
    try:
        widths = _widths(rows, files)
        layouts = {file: _layout(file, widths[file]) for file in files}
        elsewhere = warehouse.read("photos").where(~F.col("source_file").isin(files))
        judged = rows.transform(with_stray_layout, layouts).transform(with_duplicates, elsewhere)
        judged = judged.transform(with_suppressed, warehouse)
        kept = judged.where("NOT suppressed")
        where = f"source_file IN ({', '.join(_quoted(file) for file in files)})"
        warehouse.replace("quarantine", kept.transform(keep_quarantined), where)
        warehouse.replace("photos", kept.transform(keep_photos).transform(in_order_of_buckets, parts), where)
        reports = counted(warehouse, {file: sum(width.values()) for file, width in widths.items()})
        for file, erased in judged.where("suppressed").groupBy("source_file").count().collect():
            reports[file].erased = erased
    finally:
        rows.unpersist()
    for report in reports.values():
        report.check()
    return [*reports.values()]


def read_lines(spark: SparkSession, files: list[str]) -> DataFrame:
    """Split at line feeds alone: a bare carriage return belongs to its line."""
    text = spark.read.option("lineSep", "\n").text(files)
    file = F.url_decode(F.replace("_metadata.file_path", F.lit("+"), F.lit("%2B")))  # a URL; a plus in it is a plus
    return text.select("value", file.alias("source_file"), F.monotonically_increasing_id().alias("line"))


def _widths(rows: DataFrame, files: list[str]) -> dict[str, Counter[tuple[int, bool]]]:
    """file → (columns, whether it reads as a photo) → lines. The first look into the files: raises JobError where one
    cannot be decompressed."""
    counts: dict[str, Counter[tuple[int, bool]]] = {file: Counter() for file in files}
    groups = rows.groupBy("source_file", "width", F.col("reason").isNull().alias("good")).count()
    try:
        for file, width, good, lines in groups.collect():
            counts[file][width, good] = lines
    except SPARK_ERRORS as error:
        raise JobError(f"cannot read the photo lists: {one_line(error)}") from error
    return counts


def _layout(file: str, widths: Counter[tuple[int, bool]]) -> int:
    """The file's one layout. Raises JobError where lines read well in both, or in none."""
    good = {width: widths[width, True] for width in LAYOUTS if widths[width, True]}
    if len(good) == 1:
        return next(iter(good))
    if good:
        raise JobError(
            f"{file} mixes the layouts: " + ", ".join(f"{n} lines of {width} columns" for width, n in good.items())
        )
    if not widths:
        raise JobError(f"{file} holds no line at all: it is empty, or not what its name ends in (.bz2, .gz)")
    found = ", ".join(f"{lines} of {width} columns" for (width, _), lines in widths.most_common(3))
    raise JobError(f"{file} is no photo list: no line has 23 or 25 columns that read as a photo, but {found}")


def with_stray_layout(rows: DataFrame, layouts: dict[str, int]) -> DataFrame:
    """A line of its file's layout that cannot be read is called by its reason, one of the other layout by its width."""
    own = F.create_map(*(F.lit(part) for pair in layouts.items() for part in pair))[F.col("source_file")]
    stray = F.col("width").isin(*LAYOUTS) & (F.col("width") != own) & (F.col("reason") == PHOTO_ID)
    return rows.withColumn("reason", F.when(stray, COLUMNS).otherwise(F.col("reason")))


def with_duplicates(rows: DataFrame, elsewhere: DataFrame) -> DataFrame:
    """Of the lines with one photo id, all but the first are marked, and all where `elsewhere` has the id already."""
    good = rows.where("reason IS NULL").select("photo_id", "source_file", "line")
    order = Window.partitionBy("photo_id").orderBy("source_file", "line")
    known = elsewhere.select("photo_id", F.lit(True).alias("known"))
    again = good.withColumn("nth", F.row_number().over(order)).join(known, "photo_id", "left").where("nth > 1 OR known")
    marked = rows.join(again.select("line", F.lit(DUPLICATE).alias("again")), "line", "left")
    return marked.withColumn("reason", F.coalesce("reason", "again"))


def with_suppressed(rows: DataFrame, warehouse: Warehouse) -> DataFrame:
    """Marks photos of who asked out, and lines that could not be read in which their numbers stand: a list that is read
    again does not bring back what was erased."""
    unread = tells_of_suppressed(warehouse, F.col("value"))
    suppressed = F.when(F.col("reason").isNull(), is_suppressed(warehouse)).otherwise(unread)
    return rows.withColumn("suppressed", F.coalesce(suppressed, F.lit(False)))


def keep_photos(rows: DataFrame) -> DataFrame:
    return rows.where("reason IS NULL").select(*PHOTOS.names)


def in_order_of_buckets(photos: DataFrame, parts: int) -> DataFrame:
    """Each file with buckets of its own, so that a wave of the crawl reads few of them, and parts of these."""
    part = F.floor(F.col("bucket") * parts / BUCKETS).cast("int")
    return photos.repartitionById(parts, part).sortWithinPartitions("bucket")


def keep_quarantined(rows: DataFrame) -> DataFrame:
    raw = F.col("value").cast("binary").alias("line")
    return rows.where("reason IS NOT NULL").select("source_file", raw, "reason").select(*QUARANTINE.names)


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
