"""Photo URLs → result rows, and files → faces: what Spark's executors run. Pixels never leave a task."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import torch
from pyspark import SparkFiles, TaskContext
from pyspark.sql.types import StructType

from facejoin.conf.schemas import RESULTS
from facejoin.conf.settings import Settings
from facejoin.udfs.batches import Batches, Stage, arrow_schema
from facejoin.udfs.vision.analyse import Analyser, Analysis, Face, analyser
from facejoin.udfs.vision.nonface_crops import eager, lookalikes
from facejoin.udfs.vision.runtime import choose_runtime
from facejoin.udfs.web.ahead import ahead
from facejoin.udfs.web.fetch import Fetched, Fetcher

Row = dict[str, Any]


def find_faces(settings: Settings, constants: Row) -> Stage:
    """For mapInArrow: photo_id, bucket, download_url, attempt, status → rows of `results`, one a photo.

    A row that comes with a status is passed on as it is, without a download. `constants` are the columns that are the
    same in every row: model_version and wave. Downloads run ahead of the networks.
    """

    crawl = settings.crawl

    def results(batches: Batches) -> Batches:
        networks = _task_analyser(settings)
        photos = (row for batch in batches for row in batch.to_pylist())
        with Fetcher(crawl.fetch) as fetcher:
            fetched = ahead(lambda row: _fetch(fetcher, row), photos, crawl.fetch.concurrency)
            for group in _groups(fetched, crawl.photo_batch):
                rows = [row | constants for row in _results(group, networks)]
                yield _record_batch(rows, RESULTS)

    return results


def find_references(settings: Settings, schema: StructType) -> Stage:
    """For mapInArrow: path, content → rows of `schema`: path, sha256, status, error and the photo's faces.

    A reference may have any number of bytes: the least number is for photos of the collection. Where the schema's
    faces have a `mirrored`, the mirrored faces are embedded as well.
    """
    any_size = settings.vision.decode.model_copy(update={"min_bytes": 0})
    mirrored = "mirrored" in schema["faces"].simpleString()

    def results(batches: Batches) -> Batches:
        networks = _task_analyser(settings)
        for batch in batches:
            files = batch.to_pylist()
            analyses = networks.analyse([file["content"] for file in files], any_size, mirrored)
            yield _record_batch([_found(f, a) for f, a in zip(files, analyses, strict=True)], schema)

    return results


def find_nonfaces(settings: Settings, schema: StructType, most: int) -> Stage:
    """For mapInArrow: path, content of photos without faces → rows of `schema`: path, status, detail and the vectors of
    at most so many windows that could be mistaken for faces. As with references, a photo may have any number of bytes.
    """
    vision = settings.vision.model_copy(update={"detect": eager(settings.vision.detect)})
    believing = settings.model_copy(update={"vision": vision})
    any_size = settings.vision.decode.model_copy(update={"min_bytes": 0})

    def results(batches: Batches) -> Batches:
        networks = _task_analyser(believing)
        for batch in batches:
            for file in batch.to_pylist():
                found = lookalikes(file["content"], networks, any_size, most)
                row = {"path": file["path"], "status": found.status, "detail": found.detail}
                yield _record_batch([row | {"vectors": list(found.vectors)}], schema)

    return results


def _task_analyser(settings: Settings) -> Analyser:
    """This worker's networks, on the device and the processors that the scheduler gave the task."""
    task = TaskContext.get()
    if task is None:
        raise RuntimeError("runs inside a Spark task only")
    torch.set_num_threads(task.cpus())
    gpus = task.resources().get("gpu")
    runtime = choose_runtime(settings.compute, gpus.addresses if gpus else ())
    return analyser(settings.vision, (Path(SparkFiles.getRootDirectory()), Path(settings.cache)), runtime)


def _fetch(fetcher: Fetcher, photo: Row) -> Fetched | None:
    return None if photo["status"] is not None else fetcher.fetch(photo["download_url"])


def _groups(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    rest = iter(items)
    while group := list(islice(rest, size)):
        yield group


def _results(group: list[tuple[Row, Fetched | None]], networks: Analyser) -> Iterator[Row]:
    bodies = [fetched.body for _, fetched in group if fetched is not None and fetched.body is not None]
    analyses = iter(networks.analyse(bodies))
    for photo, fetched in group:
        analysis = next(analyses) if fetched is not None and fetched.body is not None else None
        yield _result(photo, fetched, analysis)


def _result(photo: Row, fetched: Fetched | None, analysis: Analysis | None) -> Row:
    """One row of `results`: what the list, the download or the analysis had the last word on."""
    row: Row = {key: photo[key] for key in ("photo_id", "bucket", "attempt", "status")}
    row["crawled_at"] = datetime.now(UTC)
    row["seconds"] = {"download": fetched.seconds if fetched else 0.0, "decode": 0.0, "detect": 0.0, "embed": 0.0}
    if fetched is not None:
        row |= {"status": fetched.outcome, "http_status": fetched.http_status, "error": fetched.error}
        row |= {"sha256": fetched.sha256, "bytes": None if fetched.body is None else len(fetched.body)}
    if analysis is not None:
        row |= _analysis_columns(analysis)
        row["seconds"] |= analysis.seconds
    return row


def _found(file: Row, analysis: Analysis) -> Row:
    return _analysis_columns(analysis) | {"path": file["path"], "sha256": sha256(file["content"]).hexdigest()}


def _analysis_columns(analysis: Analysis) -> Row:
    return {
        "status": analysis.status,
        "error": analysis.error,
        "width": analysis.width,
        "height": analysis.height,
        "faces": [_face_columns(face) for face in analysis.faces] or None,
    }


def _face_columns(face: Face) -> Row:
    return {
        "box": face.box,
        "landmarks": face.landmarks.ravel(),
        "score": face.score,
        "size": face.size,
        "sharpness": face.quality.sharpness,
        "yaw": face.quality.yaw,
        "pitch": face.quality.pitch,
        "roll": face.quality.roll,
        "embedding": face.embedding,
        "mirrored": face.mirrored,
    }


def _record_batch(rows: list[Row], schema: StructType) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist(rows, schema=arrow_schema(schema))
