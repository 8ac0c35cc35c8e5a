"""The warehouse: the only place that reads and writes Delta tables."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from delta import DeltaTable
from pyspark.sql import Column, DataFrame, Row, SparkSession
from pyspark.sql import functions as F

from facejoin.conf.schemas import CLUSTERED_BY, CONSTRAINTS, STATISTICS, TABLES
from facejoin.conf.settings import SettingsError
from facejoin.jobs.session import runs_locally


class Warehouse:
    """A folder of Delta tables, each made when it is first asked for."""

    def __init__(self, spark: SparkSession, folder: str):
        """Raises SettingsError where a folder of this machine cannot be written."""
        self.spark = spark
        self.folder = _local_folder(folder) if runs_locally(spark) and "://" not in folder else folder
        self._made: set[str] = set()

    def read(self, name: str) -> DataFrame:
        self._make(name)
        return self.spark.read.format("delta").load(self.path(name))

    def append(self, name: str, rows: DataFrame) -> None:
        """One commit."""
        self._make(name)
        rows.write.format("delta").mode("append").save(self.path(name))

    def replace(self, name: str, rows: DataFrame, where: str) -> None:
        """One commit in which `rows`, all of which satisfy `where`, take the place of those that did."""
        self._make(name)
        rows.write.format("delta").mode("overwrite").option("replaceWhere", where).save(self.path(name))

    def delete(self, name: str, where: Column) -> None:
        self._table(name).delete(where)

    def empty(self, name: str, columns: Iterable[str], where: Column) -> None:
        """Sets `columns` of the rows to null."""
        self._table(name).update(where, {c: F.lit(None).cast(TABLES[name][c].dataType) for c in columns})

    def version(self, name: str) -> int:
        """Of the last commit: it moves whenever the table does."""
        history = self._table(name).history(1)
        return max(version for (version,) in history.select("version").collect())

    def path(self, name: str) -> str:
        return f"{self.folder.rstrip('/')}/{name}"

    def report_of(self, job: str, unit: str, inputs: str) -> dict[str, Any] | None:
        """What the job's last run on this unit reported, if it had the very same inputs: there is nothing to do."""
        last = self._last_run(job, unit)
        return json.loads(last["report"]) if last is not None and last["inputs"] == inputs else None

    def last_report(self, job: str, unit: str) -> dict[str, Any] | None:
        """Of the job's last run on this unit, whatever its inputs."""
        last = self._last_run(job, unit)
        return None if last is None else json.loads(last["report"])

    def record(self, job: str, unit: str, inputs: str, seconds: float, report: dict[str, Any]) -> None:
        self.record_all([(job, unit, inputs, datetime.now(UTC), seconds, json.dumps(report, sort_keys=True))])

    def record_all(self, runs: list[tuple[str, str, str, datetime, float, str]]) -> None:
        self.append("runs", self.spark.createDataFrame(runs, TABLES["runs"]).coalesce(1))

    def _last_run(self, job: str, unit: str) -> Row | None:
        runs = self.read("runs").where((F.col("job") == job) & (F.col("unit") == unit))
        return runs.orderBy(F.desc("finished_at")).select("inputs", "report").first()

    def _table(self, name: str) -> DeltaTable:
        self._make(name)
        return DeltaTable.forPath(self.spark, self.path(name))

    def _make(self, name: str) -> None:
        if name in self._made:
            return
        table = DeltaTable.createIfNotExists(self.spark).location(self.path(name)).addColumns(TABLES[name])
        if name in CLUSTERED_BY:
            table = table.clusterBy(CLUSTERED_BY[name])
        if name in STATISTICS:
            table = table.property("delta.dataSkippingStatsColumns", ",".join(STATISTICS[name]))
        for constraint, rule in CONSTRAINTS.get(name, {}).items():
            table = table.property(f"delta.constraints.{constraint}", rule)
        table.execute()
        self._made.add(name)


def fingerprint(**inputs: Any) -> str:
    """A short name for exactly these inputs of a job."""
    return hashlib.sha256(json.dumps(inputs, sort_keys=True, default=str).encode()).hexdigest()[:16]


def is_suppressed(suppressed: DataFrame) -> Column:
    """Of rows with a photo_id and an owner: by either. The list of those who asked out is short."""
    asked = suppressed.select("kind", "value").collect()
    ids, owners = ([value for kind, value in asked if kind == wanted] for wanted in ("photo", "owner"))
    return F.col("photo_id").cast("string").isin(ids) | F.coalesce(F.col("owner").isin(owners), F.lit(False))


def _local_folder(folder: str) -> str:
    path = Path(folder).expanduser().absolute()
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            return str(path)
    except OSError as error:
        raise SettingsError(f"the warehouse {path} cannot be written: {error.strerror}") from error
