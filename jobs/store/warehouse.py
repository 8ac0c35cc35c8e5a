"""The warehouse: the only place that reads and writes Delta tables."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from delta import DeltaTable
from delta.tables import DeltaMergeBuilder
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from facejoin.conf.schemas import CLUSTERED_BY, CONSTRAINTS, PROPERTIES, STATISTICS, TABLES
from facejoin.conf.settings import SettingsError
from facejoin.jobs.store.session import runs_locally

LAST_COMMITS = 10  # of which one is of rows: a version of the project adds its columns in one


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

    def update(self, name: str, columns: Mapping[str, Column], where: Column) -> None:
        self._table(name).update(where, {**columns})

    def delete(self, name: str, where: Column) -> None:
        self._table(name).delete(where)

    def remove(self, name: str, keys: DataFrame) -> None:
        """One commit: rows go that equal one of `keys` in all of its columns. Unlike a condition's, their values do not
        stand in the table's log."""
        self._merge(name, keys, keys.columns).whenMatchedDelete().execute()

    def set(self, name: str, rows: DataFrame, *on: str) -> None:
        """One commit: the other columns of `rows` take the place of those of the row that has the same columns `on`,
        without their values in the log."""
        values = {column: F.col(f"new.{column}") for column in rows.columns if column not in on}
        self._merge(name, rows, on).whenMatchedUpdate(set={**values}).execute()

    def clear(self, name: str, keys: DataFrame, *columns: str) -> None:
        """One commit: `columns` become null in rows that equal one of `keys`, which do not stand in the log."""
        empty = {column: F.lit(None).cast(TABLES[name][column].dataType) for column in columns}
        self._merge(name, keys, keys.columns).whenMatchedUpdate(set={**empty}).execute()

    def overwrite(self, name: str, rows: DataFrame) -> None:
        """One commit in which `rows` take the place of all."""
        self._make(name)
        rows.write.format("delta").mode("overwrite").save(self.path(name))

    def vacuum(self, name: str) -> None:
        """Deletes files that no version holds which is younger than the table keeps old ones."""
        self._table(name).vacuum()

    def version(self, name: str) -> int:
        """Of the last commit that was more than a new column: it moves whenever the rows do."""
        history = self._table(name).history(LAST_COMMITS).where("operation != 'ADD COLUMNS'")
        return max(version for (version,) in history.select("version").collect())

    def path(self, name: str) -> str:
        return f"{self.folder.rstrip('/')}/{name}"

    def _merge(self, name: str, rows: DataFrame, on: Iterable[str]) -> DeltaMergeBuilder:
        same = " AND ".join(f"old.{column} <=> new.{column}" for column in on)
        return self._table(name).alias("old").merge(rows.alias("new"), same)

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
        for key, value in PROPERTIES.get(name, {}).items():
            table = table.property(key, value)
        for constraint, rule in CONSTRAINTS.get(name, {}).items():
            table = table.property(f"delta.constraints.{constraint}", rule)
        table.execute()
        self._add_new_columns(name)
        self._made.add(name)

    def _add_new_columns(self, name: str) -> None:
        """To a table of an older version, so that every reader finds them, with null in the rows that are there.

        One commit to the log: no file is touched. Merging schemas at each append would leave readers without them until
        somebody writes, and let through any column that a job makes by mistake.
        """
        there = self.spark.read.format("delta").load(self.path(name)).columns
        new = StructType([column for column in TABLES[name] if column.name not in there])
        if new.fields:
            path = self.path(name).replace("`", "``")
            self.spark.sql(f"ALTER TABLE delta.`{path}` ADD COLUMNS ({new.toDDL()})")


def _local_folder(folder: str) -> str:
    path = Path(folder).expanduser().absolute()
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            return str(path)
    except OSError as error:
        raise SettingsError(f"the warehouse {path} cannot be written: {error.strerror}") from error
