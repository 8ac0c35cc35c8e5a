"""What part of a crawl is asked for, and how a photo is told to be of it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pyspark.sql import Column
from pyspark.sql import functions as F

from facejoin.conf.settings import SettingsError
from facejoin.jobs.store.results import worth_another_try
from facejoin.jobs.store.warehouse import Warehouse
from facejoin.udfs.web.outcomes import Outcome


@dataclass(frozen=True)
class Asked:
    """All that is missing, unless something else is said."""

    limit: int | None = None  # photos, at most
    waves: int | None = None  # at most
    sample: int | None = None  # photos of the collection that are looked at alone, the same ones every time
    retry: bool = False  # also photos whose result may be another one by now
    statuses: tuple[str, ...] = ()  # which results those are; none: the network's and the server's own failures
    attempts: int | None = None  # photos that have had so many are not tried again
    last_hash: int | None = None  # of the sample's photos: see `sampled`
    missing: bool = True  # also photos without a result

    def check(self) -> None:
        """Raises SettingsError."""
        known = [outcome.value for outcome in Outcome]
        if unknown := [status for status in self.statuses if status not in known]:
            raise SettingsError(f"{', '.join(unknown)} is no outcome of a photo; expected some of {', '.join(known)}")
        if not self.retry and (self.statuses or self.attempts is not None):
            given = " ".join(self.statuses) or f"--attempts {self.attempts}"
            raise SettingsError(f"{given} was given without --retry: expected with it, as what is to be tried again")

    def only(self, *statuses: str) -> Asked:
        """The same photos, those with these results alone."""
        return replace(self, retry=True, statuses=statuses, missing=False)

    @property
    def is_part(self) -> bool:
        """Whether it ends before all that is missing is done."""
        return self.limit is not None or self.waves is not None

    @property
    def of_it(self) -> Column:
        """Of a row with a photo_id: whether it is of the sample."""
        return F.lit(True) if self.last_hash is None else _hash() <= self.last_hash

    @property
    def again(self) -> Column:
        """Of a final result: whether it is to be tried again."""
        if not self.retry:
            return F.lit(False)
        chosen = F.col("status").isin([*self.statuses]) if self.statuses else worth_another_try()
        return chosen if self.attempts is None else chosen & (F.col("attempt") < self.attempts)


def sampled(warehouse: Warehouse, asked: Asked) -> Asked:
    """With the sample drawn: the photos with the lowest hashes. A larger sample holds a smaller one."""
    if asked.sample is None:
        return asked
    lowest = warehouse.read("photos").select(_hash().alias("hash")).orderBy("hash").limit(asked.sample)
    [[last]] = lowest.agg(F.max("hash")).collect()
    return replace(asked, last_hash=last)


def _hash() -> Column:
    return F.xxhash64(F.lit("sample"), F.col("photo_id"))
