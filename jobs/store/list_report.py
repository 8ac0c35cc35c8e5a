"""What became of a photo list's lines; `forget` keeps it true when it erases some."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from pyspark.sql import functions as F

from facejoin.jobs.store.errors import JobError
from facejoin.jobs.store.warehouse import Warehouse


@dataclass
class ListReport:
    """What became of one list."""

    VERSION: ClassVar[int] = 1

    file: str
    lines: int = 0
    photos: int = 0
    quarantined: dict[str, int] = field(default_factory=dict)  # by reason
    excluded: dict[str, int] = field(default_factory=dict)  # of the photos: those that are not downloaded, by reason
    erased: int = 0  # of who asked out: neither photos nor quarantined
    already_read: bool = False

    def check(self) -> None:
        """Raises JobError unless every line is accounted for."""
        if self.lines != self.photos + sum(self.quarantined.values()) + self.erased:
            raise JobError(
                f"{self.file}: {self.lines} lines, but {self.photos} photos, {self.quarantined} quarantined "
                f"and {self.erased} erased"
            )


def counted(warehouse: Warehouse, lines: Mapping[str, int]) -> dict[str, ListReport]:
    """File → its report, `lines` by file; counted from the tables as they were written, not from what was meant to be,
    and with nothing erased."""
    reports = {file: ListReport(file, count) for file, count in lines.items()}
    ours = F.col("source_file").isin([*lines])
    photos = warehouse.read("photos").where(ours).groupBy("source_file", "excluded").count()
    for file, excluded, count in photos.collect():
        reports[file].photos += count
        if excluded is not None:
            reports[file].excluded[excluded] = count
    quarantined = warehouse.read("quarantine").where(ours).groupBy("source_file", "reason").count()
    for file, reason, count in quarantined.collect():
        reports[file].quarantined[reason] = count
    return reports
