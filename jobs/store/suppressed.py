"""Who asked out: the list that every job honours. It holds no name and no number, but hashes of them.

A hash keeps a reader of the list from learning who is on it at a glance. Whoever has a guess can still test it, and all
photo ids can be guessed in hours: a key would help only where jobs have it and readers of the tables have not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from hashlib import sha256
from typing import Literal, get_args

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from facejoin.conf.schemas import SUPPRESSED
from facejoin.jobs.store.warehouse import Warehouse

Kind = Literal["photo", "owner", "person"]
KINDS: tuple[Kind, ...] = get_args(Kind)
PREFIX = "sha256:"  # of hashed values; older versions kept them plain
NOT_OF_IDS = "[^0-9A-Za-z@]+"  # what stands between the ids and NSIDs of a line that nobody could read


def hashed(kind: str, value: str) -> str:
    """As the list holds it. A value that is one already stays as it is."""
    return value if value.startswith(PREFIX) else PREFIX + sha256(f"{kind} {value}".encode()).hexdigest()


def suppressed_hashes(warehouse: Warehouse, kind: Kind) -> list[str]:
    """Sorted, each once."""
    rows = warehouse.read("suppressed").where(F.col("kind") == kind).select("value").collect()
    return sorted({hashed(kind, row["value"]) for row in rows})


def suppressed_among(warehouse: Warehouse, people: Iterable[str]) -> list[str]:
    """Those of these names that are on the list, sorted."""
    hashes = suppressed_hashes(warehouse, "person")
    return sorted({person for person in people if hashed("person", person) in hashes})


def listed(warehouse: Warehouse, asked: Iterable[tuple[Kind, str]]) -> set[tuple[Kind, str]]:
    """Those who are on the list."""
    hashes = {kind: suppressed_hashes(warehouse, kind) for kind in KINDS}
    return {(kind, value) for kind, value in asked if hashed(kind, value) in hashes[kind]}


def plain_list(warehouse: Warehouse) -> list[tuple[Kind, str]]:
    """Whom an older version has put on the list by name or number."""
    rows = warehouse.read("suppressed").where(~F.col("value").startswith(PREFIX)).select("kind", "value").distinct()
    return sorted((row["kind"], row["value"]) for row in rows.collect() if _is_sound(row["kind"], row["value"]))


def hash_list(warehouse: Warehouse, tells: Callable[[str], bool]) -> bool:
    """Whether anything of the list was plain, or `tells` so of a reason, and is no longer."""
    rows = [row.asDict() for row in warehouse.read("suppressed").collect()]
    hidden = [
        row | {
            "value": hashed(row["kind"], row["value"]),
            "reason": None if row["reason"] and tells(row["reason"]) else row["reason"],
        }
        for row in rows
    ]  # fmt: skip
    if hidden == rows:
        return False
    warehouse.overwrite("suppressed", warehouse.spark.createDataFrame(hidden, SUPPRESSED).coalesce(1))
    return True


def suppress(warehouse: Warehouse, asked: Iterable[tuple[Kind, str]], reason: str | None) -> None:
    """Puts on the list who is not on it, in one commit."""
    known = {(row["kind"], hashed(row["kind"], row["value"])) for row in warehouse.read("suppressed").collect()}
    new = dict.fromkeys((kind, hashed(kind, value)) for kind, value in asked)
    rows = [(kind, value, reason, datetime.now(UTC)) for kind, value in new if (kind, value) not in known]
    if rows:
        warehouse.append("suppressed", warehouse.spark.createDataFrame(rows, SUPPRESSED).coalesce(1))


def is_suppressed(warehouse: Warehouse) -> Column:
    """Of rows with a photo_id and an owner: by either. The list of those who asked out is short."""
    return _is_one_of(F.col("photo_id"), warehouse, "photo") | _is_one_of(F.col("owner"), warehouse, "owner")


def tells_of_suppressed(warehouse: Warehouse, text: Column) -> Column:
    """Of raw text: whether the number of a suppressed photo or the NSID of a suppressed owner stands in it."""
    hashes = [*suppressed_hashes(warehouse, "photo"), *suppressed_hashes(warehouse, "owner")]
    if not hashes:
        return F.lit(False)
    words = F.split(text, NOT_OF_IDS)
    return F.exists(words, lambda word: _hash("photo", word).isin(hashes) | _hash("owner", word).isin(hashes))


def keep_unsuppressed(results: DataFrame, warehouse: Warehouse) -> DataFrame:
    """Without rows of photos that are suppressed themselves or by their owner."""
    suppressed = warehouse.read("photos").where(is_suppressed(warehouse)).select("photo_id")
    return results.join(suppressed, "photo_id", "left_anti")


def keep_unsuppressed_people(rows: DataFrame, warehouse: Warehouse) -> DataFrame:
    """Without rows of people who asked out, by the column `person`."""
    return rows.where(~_is_one_of(F.col("person"), warehouse, "person"))


def _is_sound(kind: str, value: str) -> bool:
    return kind in KINDS and (kind != "photo" or (value.isascii() and value.isdecimal()))


def _is_one_of(value: Column, warehouse: Warehouse, kind: Kind) -> Column:
    return F.coalesce(_hash(kind, value).isin(suppressed_hashes(warehouse, kind)), F.lit(False))


def _hash(kind: Kind, value: Column) -> Column:
    """The column's twin of `hashed`."""
    return F.concat(F.lit(PREFIX), F.sha2(F.concat(F.lit(f"{kind} "), value.cast("string")), 256))
