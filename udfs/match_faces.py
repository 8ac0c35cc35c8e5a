"""Faces → the person of the gallery that each is most like: what Spark's executors run."""

from __future__ import annotations

from functools import cache

import numpy as np
import pyarrow as pa
from pyspark.sql.types import StructType

from facejoin.udfs.batches import Batches, Stage, arrow_schema
from facejoin.udfs.recognition.gallery import Gallery, load_gallery
from facejoin.udfs.recognition.score import Scores, score

StoredGallery = tuple[str, bytes, bytes | None]  # parameters, arrays, classifier: as `gallery_models` holds them


def match_faces(stored: StoredGallery, threshold: float | None, schema: StructType) -> Stage:
    """For mapInArrow: columns of `schema` that the scores do not fill, and `embedding` → rows of `schema`, one a face.

    One matrix product a batch. Every face is kept; `accepted` says which reach the threshold.
    """

    def matches(batches: Batches) -> Batches:
        gallery = _gallery(stored)
        for batch in batches:
            if batch.num_rows == 0:
                continue
            scores = score(gallery, _matrix(batch.column("embedding")), threshold)
            columns = _columns(gallery, scores)
            given = {name: batch.column(name) for name in batch.schema.names}
            yield pa.RecordBatch.from_pydict(
                {name: (given | columns)[name] for name in schema.names}, arrow_schema(schema)
            )

    return matches


@cache
def _gallery(stored: StoredGallery) -> Gallery:
    return load_gallery(*stored)


def _matrix(embeddings: pa.ListArray) -> np.ndarray:
    """Lists of equal length → (n, d) float32, without a copy per row."""
    return embeddings.flatten().to_numpy(zero_copy_only=False).reshape(len(embeddings), -1)


def _columns(gallery: Gallery, scores: Scores) -> dict[str, pa.Array]:
    people = np.array([*gallery.parameters.people, None], dtype=object)  # -1: nobody
    files = np.array(gallery.parameters.files, dtype=object)
    return {
        "person": pa.array(people[scores.person]),
        "confidence": pa.array(scores.confidence.astype(np.float64)),
        "similarity": pa.array(scores.similarity.astype(np.float64)),
        "decisive": pa.array(scores.decisive.astype(np.float64)),
        "accepted": pa.array(scores.accepted),
        "nearest_reference": pa.array(files[scores.nearest]),
        "nearest_similarity": pa.array(scores.nearest_similarity.astype(np.float64)),
        "runner_up": pa.array(people[scores.runner_up]),
        "runner_up_confidence": pa.array(scores.runner_up_confidence.astype(np.float64), from_pandas=True),
    }
