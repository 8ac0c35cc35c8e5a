"""Faces → the person of the gallery that each is most like: what Spark's executors run."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import numpy as np
import pyarrow as pa
from pyspark.sql.types import StructType

from facejoin.udfs.arrow import Batches, Stage, arrow_schema
from facejoin.udfs.recognition.gallery import Gallery, load_gallery
from facejoin.udfs.recognition.score import Probes, Scores, score

PHOTOS = 1_000  # compared at once
StoredGallery = tuple[str, bytes, bytes | None]  # parameters, arrays, classifier: as `gallery_models` holds them


def match_faces(stored: StoredGallery, share: float, threshold: float, schema: StructType) -> Stage:
    """For mapInArrow: photo_id, faces (array of face, box, score, embedding) → rows of `schema`, one a face.

    One matrix product a batch. Every face is kept; `decision` says which are matches.
    """

    def matches(batches: Batches) -> Batches:
        gallery = _gallery(stored)
        for batch in (piece for whole in batches for piece in _pieces(whole)):
            photos = np.repeat(np.arange(batch.num_rows), batch.column("faces").value_lengths().to_numpy())
            if len(photos) == 0:
                continue
            faces = batch.column("faces").flatten()
            detector = faces.field("score").to_numpy(zero_copy_only=False)
            vectors = faces.field("embedding").flatten().to_numpy(zero_copy_only=False)  # without a copy per row
            probes = Probes(vectors.reshape(len(faces), -1), photos, detector)
            scores = score(gallery, probes, share, threshold)
            given = {"photo_id": batch.column("photo_id").take(pa.array(photos))}
            given |= {name: faces.field(name) for name in ("face", "box")}
            columns = given | _columns(gallery, scores)
            yield pa.RecordBatch.from_pydict({name: columns[name] for name in schema.names}, arrow_schema(schema))

    return matches


def _pieces(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """However many photos Spark sends at once: their faces stand in a matrix with all references."""
    for start in range(0, batch.num_rows, PHOTOS):
        yield batch.slice(start, PHOTOS)


@cache
def _gallery(stored: StoredGallery) -> Gallery:
    return load_gallery(*stored)


def _columns(gallery: Gallery, scores: Scores) -> dict[str, pa.Array]:
    people = np.array([*gallery.parameters.people, None], dtype=object)  # -1: nobody
    files = np.array(gallery.parameters.files, dtype=object)
    return {
        "person": pa.array(people[scores.person]),
        "confidence": pa.array(scores.confidence.astype(np.float64)),
        "similarity": pa.array(scores.similarity.astype(np.float64)),
        "evidence": pa.array(scores.evidence.astype(np.float64)),
        "decision": pa.array(scores.decision),
        "nearest_reference": pa.array(files[scores.nearest]),
        "nearest_similarity": pa.array(scores.nearest_similarity.astype(np.float64)),
        "runner_up": pa.array(people[scores.runner_up]),
        "runner_up_confidence": pa.array(scores.runner_up_confidence.astype(np.float64), from_pandas=True),
    }
