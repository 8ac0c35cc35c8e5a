"""Galleries go on without people who were forgotten."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

from pyspark.sql import DataFrame, Row
from pyspark.sql import functions as F

from facejoin.conf.schemas import GALLERY_MODELS
from facejoin.jobs.store.history import drop_history
from facejoin.jobs.store.warehouse import Warehouse
from facejoin.udfs.recognition.gallery import load_gallery
from facejoin.udfs.recognition.training.kinds import TrainingError
from facejoin.udfs.recognition.training.without import without

TABLES = ("references", "people", "gallery_models")


def erase_from_galleries(warehouse: Warehouse, people: DataFrame) -> dict[str, str]:
    """The others' matches stay good, under the new gallery's digest. Of a classifier nothing is left but who the others
    are. Gallery that somebody was in → its new digest, the same one where it has no vectors any more."""
    names = {row["person"] for row in people.collect()}
    models = [
        row for row in warehouse.read("gallery_models").collect() if names & {*json.loads(row["parameters"])["people"]}
    ]
    known = [warehouse.read(name).join(F.broadcast(people), "person") for name in ("references", "people")]
    if not models and all(rows.isEmpty() for rows in known):
        return {}
    new = [_without(row, names) for row in models]
    digests = {old["gallery"]: row["gallery"] for old, row in zip(models, new, strict=True)}
    for name in ("references", "people"):
        warehouse.remove(name, people)
        for old, digest in digests.items():
            warehouse.update(name, {"gallery": F.lit(digest)}, F.col("gallery") == old)
    if models:
        kept = [row.asDict() for row in warehouse.read("gallery_models").collect() if row["gallery"] not in digests]
        rows = warehouse.spark.createDataFrame([*kept, *new], GALLERY_MODELS).coalesce(1)
        warehouse.overwrite("gallery_models", rows)
    for name in TABLES:
        drop_history(warehouse, name)
    return digests


def _without(model: Row, people: Collection[str]) -> dict[str, Any]:
    """The row of the gallery without them."""
    if model["arrays"] is None:
        return _emptied(model, people)
    classifier = None if model["classifier"] is None else bytes(model["classifier"])
    try:
        gallery = without(load_gallery(model["parameters"], bytes(model["arrays"]), classifier), people)
    except TrainingError:
        return _emptied(model, people)
    changed = {"gallery": gallery.digest, "parameters": gallery.parameters_json(), "arrays": gallery.arrays()}
    return model.asDict() | changed


def _emptied(model: Row, people: Collection[str]) -> dict[str, Any]:
    """Not to be matched with any more, but the others' matches can be published."""
    parameters = json.loads(model["parameters"])
    parameters["people"] = [person for person in parameters["people"] if person not in people]
    parameters["files"] = [file for file in parameters["files"] if file.split("/")[0] not in people]
    emptied = {"parameters": json.dumps(parameters, sort_keys=True), "arrays": None, "classifier": None}
    return model.asDict() | emptied
