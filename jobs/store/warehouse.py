"""The warehouse: the only place that reads and writes Delta tables."""

from __future__ import annotations

import re
import tempfile
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path

from delta import DeltaTable
from delta.tables import DeltaMergeBuilder
from pyspark.errors import AnalysisException
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from facejoin.conf.schemas import CLUSTERED_BY, CONSTRAINTS, PROPERTIES, STATISTICS, TABLES
from facejoin.conf.settings import SettingsError
from facejoin.jobs.store.log_store import check_log_store
from facejoin.jobs.store.races import HALF_MADE, retried
from facejoin.jobs.store.session import runs_locally

SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:(?=/)")  # file:, hdfs:, s3a:
LAST_COMMITS = 10  # of which one is of rows: a version of the project adds its columns in one


class Warehouse:
    """A folder of Delta tables, each made when it is first asked for."""

    def __init__(self, spark: SparkSession, folder: str):
        """Raises SettingsError where a folder of this machine cannot be written, or one on S3 not by two at once."""
        check_log_store(spark, folder)
        self.spark = spark
        place = one_spelling(folder)
        path = place.removeprefix("file:")
        self.folder = _local_folder(path) if runs_locally(spark) and not SCHEME.match(path) else place
        self._made: set[str] = set()
        self._making = threading.Lock()  # waves run side by side

    def read(self, name: str) -> DataFrame:
        self._make(name)
        return self.spark.read.format("delta").load(self.path(name))

    def has(self, name: str) -> bool:
        """Whether the table was made already; this does not make it."""
        try:
            return bool(self.spark.read.format("delta").load(self.path(name)).columns)
        except AnalysisException:
            return False

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
        self._make(name)
        commits = self.spark.sql(f"DESCRIBE HISTORY {self._name(name)} LIMIT {LAST_COMMITS}")
        history = commits.where("operation != 'ADD COLUMNS'")
        return max(version for (version,) in history.select("version").collect())

    def path(self, name: str) -> str:
        return f"{self.folder.rstrip('/')}/{name}"

    def _name(self, name: str) -> str:
        """In SQL, which Spark Connect takes too; DeltaTable would ask for a plugin of its server."""
        path = self.path(name).replace("`", "``")
        return f"delta.`{path}`"

    def _merge(self, name: str, rows: DataFrame, on: Iterable[str]) -> DeltaMergeBuilder:
        same = " AND ".join(f"old.{column} <=> new.{column}" for column in on)
        return self._table(name).alias("old").merge(rows.alias("new"), same)

    def _table(self, name: str) -> DeltaTable:
        self._make(name)
        return DeltaTable.forPath(self.spark, self.path(name))

    def _make(self, name: str) -> None:
        with self._making:
            if name not in self._made:
                retried(lambda: self._create(name), conditions=HALF_MADE)  # two jobs may start at once
                self._made.add(name)

    def _create(self, name: str) -> None:
        clustered = f"CLUSTER BY ({CLUSTERED_BY[name]})" if name in CLUSTERED_BY else ""
        self.spark.sql(
            f"CREATE TABLE IF NOT EXISTS {self._name(name)} ({TABLES[name].toDDL()}) "
            f"USING delta {clustered} {_properties(name)}"
        )
        self._add_new_columns(name)

    def _add_new_columns(self, name: str) -> None:
        """To a table of an older version, so that every reader finds them, with null in the rows that are there.

        One commit to the log: no file is touched. Merging schemas at each append would leave readers without them until
        somebody writes, and let through any column that a job makes by mistake.
        """
        there = self.spark.read.format("delta").load(self.path(name)).columns
        new = StructType([column for column in TABLES[name] if column.name not in there])
        if new.fields:
            self.spark.sql(f"ALTER TABLE {self._name(name)} ADD COLUMNS ({new.toDDL()})")


def one_spelling(folder: str) -> str:
    """Delta takes hdfs:///tables and hdfs:/tables for two folders, and creates no table between them.

    >>> one_spelling("hdfs:///tables"), one_spelling("hdfs://host:8020/tables"), one_spelling("/tables")
    ('hdfs:/tables', 'hdfs://host:8020/tables', '/tables')
    """
    return re.sub(rf"^({SCHEME.pattern})/{{3,}}", r"\1/", folder)


def _properties(name: str) -> str:
    """Of the table, as SQL has them."""
    constraints = {f"delta.constraints.{constraint}": rule for constraint, rule in CONSTRAINTS.get(name, {}).items()}
    properties = PROPERTIES.get(name, {}) | constraints
    if name in STATISTICS:
        properties["delta.dataSkippingStatsColumns"] = ",".join(STATISTICS[name])
    listed = ", ".join(f"'{key}' = '{value}'" for key, value in properties.items())
    return f"TBLPROPERTIES ({listed})" if listed else ""


def _local_folder(folder: str) -> str:
    path = Path(folder).expanduser().absolute()
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            return str(path)
    except OSError as error:
        raise SettingsError(f"the warehouse {path} cannot be written: {error.strerror}") from error
