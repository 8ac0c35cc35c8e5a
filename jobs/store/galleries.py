"""Trained galleries as tables: `references`, `people` and `gallery_models`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import numpy as np
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from facejoin.conf.schemas import GALLERY_MODELS, PEOPLE, REFERENCES
from facejoin.jobs.store.errors import JobError
from facejoin.jobs.store.warehouse import Warehouse
from facejoin.udfs.match_faces import StoredGallery
from facejoin.udfs.recognition.gallery import Gallery


def last_gallery(warehouse: Warehouse, version: str) -> str | None:
    """Digest of the gallery that was trained last; None: there is none for these vectors."""
    last = _models(warehouse, version).select("gallery").first()
    return None if last is None else last["gallery"]


def stored_gallery(warehouse: Warehouse, version: str) -> tuple[str, StoredGallery]:
    """(digest, parts) of the gallery that was trained last. Raises JobError where there is none for these vectors, or
    its own were erased."""
    last = _models(warehouse, version).first()
    if last is None:
        raise JobError(f"no gallery is enrolled for the model version {version}: run `facejoin enroll` first")
    if last["arrays"] is None:
        raise JobError(
            f"the vectors of the gallery {last['gallery']} went with somebody who was forgotten: "
            "run `facejoin enroll` again for the others"
        )
    classifier = None if last["classifier"] is None else bytes(last["classifier"])
    return last["gallery"], (last["parameters"], bytes(last["arrays"]), classifier)


def check_last(warehouse: Warehouse, version: str, gallery: str) -> None:
    """Raises JobError where another gallery has taken this one's place since it was looked up."""
    if last_gallery(warehouse, version) != gallery:
        raise JobError(f"the gallery {gallery} was replaced meanwhile: run the command again")


def _models(warehouse: Warehouse, version: str) -> DataFrame:
    models = warehouse.read("gallery_models").where(F.col("model_version") == version)
    return models.orderBy(F.desc("trained_at"))


def write_gallery(warehouse: Warehouse, gallery: Gallery, references: Iterable[Mapping[str, Any]]) -> None:
    """references: rows of the table but for the gallery's digest. The model last: until it is there, nobody reads the
    other two."""
    spark, mine = warehouse.spark, f"gallery = '{gallery.digest}'"
    rows = [{"gallery": gallery.digest, **reference} for reference in references]
    warehouse.replace("references", spark.createDataFrame(rows, REFERENCES).coalesce(1), mine)
    warehouse.replace("people", spark.createDataFrame(_people(gallery), PEOPLE).coalesce(1), mine)
    parameters = gallery.parameters
    model = (
        gallery.digest, parameters.kind, parameters.model_version, gallery.parameters_json(), gallery.arrays(),
        gallery.classifier_file(), datetime.now(UTC),
    )  # fmt: skip
    warehouse.replace("gallery_models", spark.createDataFrame([model], GALLERY_MODELS), mine)


def _people(gallery: Gallery) -> list[tuple[str, str, str, int]]:
    """(gallery, person, file of the reference nearest to the mean, references)."""
    similarity = gallery.scorer.similarity(gallery.references)
    likeness = similarity[np.arange(len(gallery.owners)), gallery.owners]
    rows = []
    for row, person in enumerate(gallery.parameters.people):
        own = np.flatnonzero(gallery.owners == row)
        rows.append((gallery.digest, person, gallery.parameters.files[own[likeness[own].argmax()]], len(own)))
    return rows
