"""Rows of matches → pieces of the site's JSON: what Spark's executors run for `publish`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import groupby
from operator import itemgetter
from typing import Any

import pyarrow as pa
from pyspark.sql.types import IntegerType, StringType, StructType

from facejoin.udfs.arrow import Batches, Stage, record_batch
from facejoin.udfs.picture_texts import match_text, picture_text
from facejoin.udfs.places import towns_of

PICTURES = 500  # in one file of the page: about 350 KB
FILES = StructType().add("person", StringType()).add("number", IntegerType()).add("pictures", StringType())
MATCHES = StructType().add("matches", StringType())
Starts = Mapping[tuple[int, str], int]  # part and person → rank of that person's first picture there


def write_pictures(starts: Starts) -> Stage:
    """For mapInArrow: pictures of one part, a person's together and by rank → rows of FILES: the objects with
    commas between them. A file that two parts share is a row of each."""

    def write(batches: Batches) -> Batches:
        for (person, number), texts in groupby(_texts(batches, starts), itemgetter(0, 1)):
            pictures = ",\n".join(text for _, _, text in texts)
            yield record_batch([{"person": person, "number": number, "pictures": _sound(pictures)}], FILES)

    return write


def write_matches(batches: Batches) -> Batches:
    """For mapInArrow: download_url, person, confidence → rows of MATCHES, as above."""
    for batch in batches:
        columns = (batch.column(name).to_pylist() for name in ("download_url", "person", "confidence"))
        if batch.num_rows:
            yield record_batch([{"matches": _sound(",\n".join(map(match_text, *columns)))}], MATCHES)


def _texts(batches: Batches, starts: Starts) -> Iterator[tuple[str, int, str]]:
    """(person, number of the file, picture)."""
    ranks = dict(starts)
    for row in (row for batch in batches for row in _rows(batch)):
        place = (row["part"], row["person"])
        rank = ranks[place]
        ranks[place] = rank + 1
        yield row["person"], rank // PICTURES, picture_text(row, rank, row["town"])


def _rows(batch: pa.RecordBatch) -> Iterator[dict[str, Any]]:
    """With the town, and the time as it stands in UTC."""
    columns = {name: batch.column(name) for name in batch.schema.names}
    columns["taken"] = columns["taken"].cast(pa.timestamp("us"))
    values = {name: column.to_pylist() for name, column in columns.items()}
    places = [*zip(values["latitude"], values["longitude"], strict=True)]
    towns = towns_of(places)
    values["town"] = [towns.get(place) for place in places]
    for row in zip(*values.values(), strict=True):
        yield dict(zip(values, row, strict=True))


def _sound(text: str) -> str:
    """Without lone surrogates, which UTF-8 has not: one odd title is no reason to publish nothing."""
    return text.encode("utf-8", errors="replace").decode()
