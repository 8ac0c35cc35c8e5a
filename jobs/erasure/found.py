"""What the tables hold of who asks out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
from pyspark.sql import Column, DataFrame, Row
from pyspark.sql import functions as F

from facejoin.jobs.erasure.asked import Asked, of_kind
from facejoin.jobs.store.suppressed import NOT_OF_IDS
from facejoin.jobs.store.warehouse import Warehouse
from facejoin.udfs.traces.traces import Traces

WITH_PHOTO, WITH_PERSON = ("results", "matches"), ("references", "people", "matches")  # tables, by the column they have
RESULT = ("photo_id", "model_version", "attempt")  # what a row of `results` is known by
OF_WHOM = "kind string, value string"


@dataclass(frozen=True)
class Keys:
    """What rows of the tables are known by, with the kind and value of who asks; no row twice."""

    photos: DataFrame  # photo_id: named, or an owner's
    people: DataFrame  # person
    words: DataFrame  # word: in a line that could not be read


@dataclass(frozen=True)
class Found:
    asked: tuple[Asked, ...]
    keys: Keys
    rows: dict[Asked, int]  # of each who asks, in all tables
    counts: dict[str, int]  # by table
    lists: tuple[str, ...]  # whose lines or photos they are
    traces: Traces


def find(warehouse: Warehouse, asked: Sequence[Asked]) -> Found:
    photos = _photos(warehouse, asked)
    keys = _keys(warehouse, asked, photos)
    rows: Counter[Asked] = Counter()
    counts: Counter[str] = Counter(photos=len({row["photo_id"] for row in photos}))
    for row in photos:
        rows[row["kind"], row["value"]] += 1
    for table, kind, value, count in _counted(warehouse, keys).collect():
        rows[kind, value] += count
        counts[table] += count
    lists = {row["source_file"] for row in photos}
    lists.update(
        row["source_file"] for row in telling_lines(warehouse, keys).select("source_file").distinct().collect()
    )
    traces = _traces(asked, photos, _vectors(warehouse, keys))
    return Found(tuple(asked), keys, {one: rows[one] for one in asked}, dict(counts), tuple(sorted(lists)), traces)


def telling_lines(warehouse: Warehouse, keys: Keys) -> DataFrame:
    """Rows of `quarantine` in which a number, an NSID or a URL stands, with whom it is of."""
    text = F.col("line").cast("string")
    words = F.explode(F.array_union(F.split(text, NOT_OF_IDS), F.split(text, "\\s+")))
    lines = warehouse.read("quarantine").withColumn("word", words)
    return lines.join(F.broadcast(keys.words), "word").drop("word").distinct()


def faces_of_people(warehouse: Warehouse, people: DataFrame) -> DataFrame:
    """The columns RESULT, and places: of the faces of a result that were matched with one of these people; also under
    other model versions, where they are known by their place in the photo."""
    models = warehouse.read("gallery_models").select("gallery", "model_version").distinct()
    matches = warehouse.read("matches").join(F.broadcast(people.select("person").distinct()), "person")
    matches = (
        matches.join(models, "gallery").select("photo_id", "model_version", F.col("face").alias("place")).distinct()
    )
    photos = matches.select("photo_id").distinct()
    results = warehouse.read("results").join(F.broadcast(photos), "photo_id")
    faces = results.select(*RESULT, "width", "height", F.posexplode("faces.box").alias("place", "box"))
    own = faces.join(F.broadcast(matches), ["photo_id", "model_version", "place"])
    (left, right), (top, bottom) = (_sides(0, "width"), _sides(1, "height"))
    centres = own.select("photo_id", ((left + right) / 2).alias("x"), ((top + bottom) / 2).alias("y"))
    there = F.col("x").between(left, right) & F.col("y").between(top, bottom)
    others = faces.join(F.broadcast(centres), "photo_id").where(there)
    places = own.select(*RESULT, "place").union(others.select(*RESULT, "place"))
    return places.groupBy(*RESULT).agg(F.collect_set("place").alias("places"))


def _sides(axis: int, length: str) -> tuple[Column, Column]:
    """Of a box, as parts of the photo: versions may decode it at different sizes."""
    return F.col("box")[axis] / F.col(length), F.col("box")[axis + 2] / F.col(length)


def _photos(warehouse: Warehouse, asked: Sequence[Asked]) -> list[Row]:
    """Rows of `photos` with whom they are of; one that is named and its owner's as well is twice."""
    whom = warehouse.spark.createDataFrame([*asked], OF_WHOM)
    photos = warehouse.read("photos").select("photo_id", "owner", "source_file", "download_url", "page_url")
    named = (F.col("kind") == "photo") & (F.col("value") == F.col("photo_id").cast("string"))
    owned = (F.col("kind") == "owner") & (F.col("value") == F.col("owner"))
    return [row for own in (named, owned) for row in photos.join(F.broadcast(whom), own).collect()]


def _keys(warehouse: Warehouse, asked: Sequence[Asked], photos: Iterable[Row]) -> Keys:
    """A photo that is named is searched for whether it is listed or not."""
    ids = {(int(value), "photo", value) for value in of_kind(asked, "photo")}
    ids.update((row["photo_id"], row["kind"], row["value"]) for row in photos)
    people = {(value, "person", value) for value in of_kind(asked, "person")}
    words: set[tuple[object, str, str]] = {(value, kind, value) for kind, value in asked if kind != "person"}
    words.update((str(photo), kind, value) for photo, kind, value in ids)
    words.update((url, row["kind"], row["value"]) for row in photos for url in _urls(row))

    def table(column: str, rows: Iterable[tuple[object, str, str]]) -> DataFrame:
        return warehouse.spark.createDataFrame([*rows], f"{column}, {OF_WHOM}")

    return Keys(table("photo_id bigint", ids), table("person string", people), table("word string", words))


def _counted(warehouse: Warehouse, keys: Keys) -> DataFrame:
    """table, kind, value, count of rows; without those of `photos`."""
    found = [
        *((name, warehouse.read(name).join(F.broadcast(keys.photos), "photo_id")) for name in WITH_PHOTO),
        *((name, warehouse.read(name).join(F.broadcast(keys.people), "person")) for name in WITH_PERSON),
        ("quarantine", telling_lines(warehouse, keys)),
    ]
    parts = [rows.select(F.lit(name).alias("table"), "kind", "value") for name, rows in found]
    return reduce(DataFrame.union, parts).groupBy("table", "kind", "value").count()


def _vectors(warehouse: Warehouse, keys: Keys) -> Iterator[bytes]:
    """Of all faces on the photos, of the people's references and of the faces that were matched with them."""
    results = warehouse.read("results").select(*RESULT, "faces")
    vectors = F.explode("faces.embedding").alias("vector")
    of_photos = results.join(F.broadcast(keys.photos.select("photo_id").distinct()), "photo_id").select(vectors)
    matched = results.join(F.broadcast(faces_of_people(warehouse, keys.people)), [*RESULT])
    of_people = matched.select(F.explode("places").alias("place"), "faces").select(F.expr("faces[place].embedding"))
    references = warehouse.read("references").join(F.broadcast(keys.people), "person").select("embedding")
    for (vector,) in reduce(DataFrame.union, (of_photos, of_people, references)).collect():
        if vector is not None:
            yield np.asarray(vector, np.float32).tobytes()


def _traces(asked: Sequence[Asked], photos: Iterable[Row], vectors: Iterable[bytes]) -> Traces:
    ids = {int(value) for value in of_kind(asked, "photo")} | {row["photo_id"] for row in photos}
    return Traces(
        ids=frozenset(ids),
        nsids=frozenset(of_kind(asked, "owner")),
        urls=frozenset(url for row in photos for url in _urls(row)),
        names=frozenset(of_kind(asked, "person")),
        vectors=frozenset(vectors),
    )


def _urls(photo: Row) -> list[str]:
    return [url for url in (photo["download_url"], photo["page_url"]) if url]
