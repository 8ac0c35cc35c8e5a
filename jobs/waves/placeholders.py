"""Pictures that hosts send, with status 200, in place of photos that are gone. Known ones are in the settings; here
others are learnt from what they have in common: many owners' photos are the very same file.

Owners are counted, not photos: who uploads a photo twice is one owner. Photos of a folder have none.
"""

from __future__ import annotations

import logging
import threading
from contextlib import suppress
from dataclasses import astuple, dataclass, field
from datetime import UTC, datetime

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from facejoin.conf.schemas import PLACEHOLDERS, RESULTS
from facejoin.conf.settings import CrawlSettings
from facejoin.jobs.store.leases import Held
from facejoin.jobs.store.races import retried
from facejoin.jobs.store.results import results_of
from facejoin.jobs.store.turns import working
from facejoin.jobs.store.warehouse import Warehouse
from facejoin.jobs.waves.books import Books
from facejoin.udfs.web.outcomes import Outcome

JOB = "placeholders"
ROW = ("photo_id", "model_version", "attempt", "wave")  # what a row of `results` is known by, doubles too
WHY = "the same file as photos of many other owners"

Buckets = tuple[int, int]  # first and last
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SameFile:
    """That several photos are."""

    sha256: str
    owners: int  # of those photos
    photos: int


@dataclass
class Placeholders:
    """What a crawl knows of them. Its waves, which run side by side, share it."""

    warehouse: Warehouse
    version: str
    settings: CrawlSettings
    known: frozenset[str]  # SHA-256
    learnt: dict[str, int] = field(default_factory=dict)  # by this crawl: SHA-256 → owners whose photos had it
    lock: threading.Lock = field(default_factory=threading.Lock)  # of the two above

    def told(self) -> CrawlSettings:
        """By which tasks know them."""
        fetch = self.settings.fetch.model_copy(update={"placeholder_sha256": (*sorted(self.known),)})
        return self.settings.model_copy(update={"fetch": fetch})

    def learn_of_wave(self, wave: str, buckets: Buckets, photos: int) -> int:
        """Of the rows that it wrote, under its lease. Returns commits to `results`."""
        if self._too_few(photos):
            return 0
        rows = results_of(self.warehouse, self.version, buckets).where(F.col("wave") == wave)
        if files := self._found_in(rows, buckets):
            self._learn(files, buckets)
        return int(bool(files))

    def learn_of_all(self, books: Books) -> None:
        """Of all results: of files too rare in each wave alone, and of rows of waves that began before one was learnt.
        A wave that is the only one has been looked at."""
        results = books.results.values()
        waves = {wave for one in results for wave in one.waves}
        if self._too_few(sum(one.ids.count for one in results)) or len(waves) == 1:
            return
        if files := self._found_in(results_of(self.warehouse, self.version)):
            with suppress(Held), working(self.warehouse, JOB, self.version):  # held by a crawl that finds the same
                self._learn(files)

    def _too_few(self, photos: int) -> bool:
        return self.settings.placeholder_owners is None or photos < self.settings.placeholder_owners

    def _found_in(self, rows: DataFrame, buckets: Buckets | None = None) -> list[SameFile]:
        """Placeholders, known or not, that rows have other statuses for."""
        least, never = self.settings.placeholder_owners or 0, [*self.settings.no_placeholders]
        files = rows.where(F.col("sha256").isNotNull() & ~F.col("sha256").isin(never) & ~_is_placeholder())
        counted = files.groupBy(_short().alias("short")).agg(
            F.count("*").alias("count"), F.bool_or(F.col("sha256").isin([*self.known])).alias("is_known")
        )
        often = [row["short"] for row in counted.where((F.col("count") >= least) | F.col("is_known")).collect()]
        same = _same_files(self.warehouse, files.where(_short().isin(often)), buckets) if often else []
        return [file for file in same if file.owners >= least or file.sha256 in self.known]

    def _learn(self, files: list[SameFile], buckets: Buckets | None = None) -> None:
        """Rows first: where the crawl is killed between the two, the next one learns it again."""
        retried(lambda: _correct(self.warehouse, self.version, [file.sha256 for file in files], buckets))
        with self.lock:
            new = [file for file in files if file.sha256 not in self.known]
            if new:
                _record(self.warehouse, new)
            self.known |= {file.sha256 for file in new}
            self.learnt |= {file.sha256: file.owners for file in new}


def known_placeholders(warehouse: Warehouse, version: str, settings: CrawlSettings) -> Placeholders:
    """Those of the settings and, where any may be learnt, those that were."""
    known = {*settings.fetch.placeholder_sha256}
    if settings.placeholder_owners is not None and warehouse.has("placeholders"):
        known.update(sha256 for (sha256,) in warehouse.read("placeholders").select("sha256").distinct().collect())
    return Placeholders(warehouse, version, settings, frozenset(known - {*settings.no_placeholders}))


def _same_files(warehouse: Warehouse, files: DataFrame, buckets: Buckets | None) -> list[SameFile]:
    photos = warehouse.read("photos").select("bucket", "photo_id", "owner")
    photos = photos if buckets is None else photos.where(F.col("bucket").between(*buckets))
    owned = files.select("bucket", "photo_id", "sha256").join(photos, ["bucket", "photo_id"])
    counts = F.count_distinct("owner").alias("owners"), F.count_distinct("photo_id").alias("photos")
    return [SameFile(*row) for row in owned.groupBy("sha256").agg(*counts).collect()]


def _correct(warehouse: Warehouse, version: str, hashes: list[str], buckets: Buckets | None) -> None:
    """One commit, without the hashes in the table's log."""
    wrong = results_of(warehouse, version, buckets).where(F.col("sha256").isin(hashes) & ~_is_placeholder())
    no_faces = F.lit(None).cast(RESULTS["faces"].dataType)
    said = {"status": F.lit(Outcome.PLACEHOLDER.value), "error": F.lit(WHY), "faces": no_faces}
    warehouse.set("results", wrong.select(*ROW).withColumns(said), *ROW)


def _record(warehouse: Warehouse, files: list[SameFile]) -> None:
    rows = [(*astuple(file), datetime.now(UTC)) for file in files]
    warehouse.append("placeholders", warehouse.spark.createDataFrame(rows, PLACEHOLDERS).coalesce(1))
    log.info("learnt as placeholders: %s", ", ".join(f"{file.sha256} of {file.owners} owners" for file in files))


def _short() -> Column:
    """Of a hash: what is told apart when files are counted, of which a collection has as many as photos."""
    return F.xxhash64("sha256")


def _is_placeholder() -> Column:
    return F.col("status") == Outcome.PLACEHOLDER.value
