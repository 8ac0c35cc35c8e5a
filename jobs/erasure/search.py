"""Every byte of every file below some folders, searched for who was forgotten: the proof that they are."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from pyspark.sql import SparkSession
from pyspark.sql.types import BinaryType, StringType, StructType

from facejoin.jobs.store.session import hadoop_path, runs_locally, settings_within
from facejoin.udfs.find_traces import FOUND, find_traces
from facejoin.udfs.traces.contents import count_traces
from facejoin.udfs.traces.traces import Traces

FILE = StructType().add("path", StringType()).add("content", BinaryType())
TASK_FILES = 200  # per Spark task, about
ONE_BY_ONE = {"spark.sql.execution.arrow.maxRecordsPerBatch": "1"}  # files may be large


@dataclass
class Searched:
    files: int = 0
    bytes: int = 0
    traces: Counter[str] = field(default_factory=Counter)  # by kind
    paths: set[str] = field(default_factory=set)  # of the files that have any

    def __add__(self, other: Searched) -> Searched:
        traces, paths = self.traces + other.traces, self.paths | other.paths
        return Searched(self.files + other.files, self.bytes + other.bytes, traces, paths)


def search(spark: SparkSession, folder: str, traces: Traces) -> Searched:
    """All files, hidden ones too, by the executors. A folder of this machine is read as it lies there; elsewhere Hadoop
    is asked, and hidden files, which Spark passes over, are read here."""
    if runs_locally(spark) and "://" not in folder:
        sizes = _sizes(Path(folder))
        names = spark.createDataFrame([(path, None) for path in sizes], FILE)
        rows = names.repartition(_tasks(spark, len(sizes)), "path").mapInArrow(find_traces(traces), FOUND).collect()
        return _told(sizes, ((row["path"], row["kind"], row["traces"]) for row in rows))
    return search_elsewhere(spark, folder, traces)


def search_here(folders: Iterable[Path], traces: Traces) -> Searched:
    """The same of folders of this machine, by this process."""
    sizes = {path: size for folder in folders for path, size in _sizes(folder).items()}
    found = ((path, count_traces(Path(path).read_bytes(), traces)) for path in sizes)
    return _told(sizes, ((path, kind, number) for path, counts in found for kind, number in counts.items()))


def _sizes(folder: Path) -> dict[str, int]:
    """Path → bytes; links are followed to files, not to folders."""
    paths = (os.path.join(above, name) for above, _, names in os.walk(folder) for name in names)
    return {path: os.path.getsize(path) for path in sorted(paths)}


def search_elsewhere(spark: SparkSession, folder: str, traces: Traces) -> Searched:
    """Spark reads a hidden folder that is named, such as a table's log, but no hidden file."""
    listed = dict(_listed(spark, folder))
    found: list[tuple[str, str, int]] = []
    if roots := _roots(listed, folder):
        files = spark.read.format("binaryFile").option("recursiveFileLookup", True).load(roots)
        with settings_within(spark, ONE_BY_ONE):
            rows = files.select("path", "content").mapInArrow(find_traces(traces), FOUND).collect()
        found += [(row["path"], row["kind"], row["traces"]) for row in rows]
    for path in listed:
        if _is_hidden(PurePosixPath(path).name):
            counts = count_traces(_content(spark, path), traces)
            found += [(path, kind, number) for kind, number in counts.items()]
    return _told(listed, found)


def _listed(spark: SparkSession, folder: str) -> Iterator[tuple[str, int]]:
    """(path, bytes) of all files of a folder that is not this machine's."""
    root, files = hadoop_path(spark, folder)
    statuses = files.listFiles(root, True)
    while statuses.hasNext():
        status = statuses.next()
        yield status.getPath().toString(), status.getLen()


def _roots(paths: Iterable[str], folder: str) -> list[str]:
    """The folder, and the hidden folders below it: where Spark has to look to find all that is not hidden itself."""
    roots = {folder} if paths else set()
    for path in paths:
        folders = path.split("/")[:-1]
        depth = len(folder.rstrip("/").split("/"))  # what lies above may be hidden as it likes
        hidden = (place for place in range(depth, len(folders)) if _is_hidden(folders[place]))
        roots.update("/".join(folders[: place + 1]) for place in hidden)
    return sorted(roots)


def _is_hidden(name: str) -> bool:
    return name.startswith(("_", "."))


def _content(spark: SparkSession, path: str) -> bytes:
    file, files = hadoop_path(spark, path)
    stream = files.open(file)
    try:
        return bytes(stream.readAllBytes())
    finally:
        stream.close()


def _told(sizes: Mapping[str, int], found: Iterable[tuple[str, str, int]]) -> Searched:
    told = Searched(len(sizes), sum(sizes.values()))
    for path, kind, number in found:
        told.traces[kind] += number
        told.paths.add(path)
    return told


def _tasks(spark: SparkSession, files: int) -> int:
    return max(spark.sparkContext.defaultParallelism, -(-files // TASK_FILES))
