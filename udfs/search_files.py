"""Files of pictures → what is found in them: what Spark's executors run. Pixels never leave a task."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256

from pyspark.sql.types import StructType

from facejoin.conf.settings import DecodeSettings, NetworkSettings
from facejoin.udfs.arrow import Batches, Stage, record_batch
from facejoin.udfs.rows import Row, analysis_columns
from facejoin.udfs.task_networks import task_networks
from facejoin.udfs.vision.analyse import Analyser
from facejoin.udfs.vision.nonface_crops import eager, nonface_crops


def find_references(networks: NetworkSettings, schema: StructType) -> Stage:
    """For mapInArrow: path, content → rows of `schema`: path, sha256, status, error and the photo's faces.

    Where the schema's faces have a `mirrored`, the mirrored faces are embedded as well.
    """
    mirrored = "mirrored" in schema["faces"].simpleString()

    def stage(batches: Batches) -> Batches:
        for rows in reference_rows(batches, task_networks(networks), mirrored):
            yield record_batch(rows, schema)

    return stage


def find_nonfaces(networks: NetworkSettings, schema: StructType, most: int) -> Stage:
    """For mapInArrow: path, content of photos without faces → rows of `schema`: path, status, detail and the vectors of
    at most so many windows that could be mistaken for faces."""
    vision = networks.vision.model_copy(update={"detect": eager(networks.vision.detect)})
    believing = networks.model_copy(update={"vision": vision})

    def stage(batches: Batches) -> Batches:
        for row in nonface_rows(batches, task_networks(believing), most):
            yield record_batch([row], schema)

    return stage


def reference_rows(batches: Batches, networks: Analyser, mirrored: bool) -> Iterator[list[Row]]:
    """The rows of each batch, in order; with `mirrored`, of both ways round. Knows no Spark."""
    for batch in batches:
        files = batch.to_pylist()
        analyses = networks.analyse([file["content"] for file in files], _any_size(networks), mirrored)
        yield [
            analysis_columns(analysis) | {"path": file["path"], "sha256": sha256(file["content"]).hexdigest()}
            for file, analysis in zip(files, analyses, strict=True)
        ]


def nonface_rows(batches: Batches, networks: Analyser, most: int) -> Iterator[Row]:
    """The row of each file; networks: of `eager` settings. Knows no Spark."""
    for file in (file for batch in batches for file in batch.to_pylist()):
        found = nonface_crops(file["content"], networks, _any_size(networks), most)
        yield {"path": file["path"], "status": found.status, "detail": found.detail, "vectors": list(found.vectors)}


def _any_size(networks: Analyser) -> DecodeSettings:
    """A file may have any number of bytes and any format: those limits are for photos of the collection."""
    return networks.settings.decode.of_own_files()
