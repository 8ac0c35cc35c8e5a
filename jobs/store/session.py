"""The SparkSession that a job runs on: the one that is there, or one of our own."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

import pyspark
from pyspark.sql import DataFrame, Row, SparkSession

from facejoin.conf.versions import DELTA_PACKAGE
from facejoin.jobs.store.errors import JobError

LEDGER = "ledger"  # pool of what must not wait for all the tasks of a wave
SHORT_RUN = {  # over before compiled queries, the JVM's second compiler or its parallel collector have paid off
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
}


def spark_session(extra: dict[str, str] | None = None) -> SparkSession:
    """An active session as it is (notebooks, Databricks); under spark-submit its own; where SPARK_REMOTE names a server
    of Spark Connect, one on it as it is; else one with our defaults.

    `extra` is the settings' `spark:` part and only counts where this process starts Spark itself.
    """
    active = SparkSession.getActiveSession()
    if active is not None:
        return active
    builder = SparkSession.builder
    if "SPARK_REMOTE" in os.environ:
        return builder.getOrCreate()
    builder = builder.appName("face-join")
    if "PYSPARK_GATEWAY_PORT" not in os.environ:  # set by spark-submit, which has the configuration already
        for key, value in _merged(default_configuration(), extra or {}).items():
            builder = builder.config(key, value)
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    return builder.getOrCreate()


def default_configuration() -> dict[str, str]:
    """conf/spark-defaults.conf, and where Delta comes from."""
    lines = (files("facejoin.conf") / "spark-defaults.conf").read_text().splitlines()
    pairs = (line.split(None, 1) for line in lines if line.strip() and not line.startswith("#"))
    defaults = {key: value.strip() for key, value in pairs}
    quiet = files("facejoin.conf") / "log4j2.properties"
    defaults["spark.driver.extraJavaOptions"] = f"-Dlog4j2.configurationFile={quiet}"
    if not delta_is_installed():
        defaults["spark.jars.packages"] = DELTA_PACKAGE
    return defaults


def _merged(defaults: dict[str, str], extra: dict[str, str]) -> dict[str, str]:
    """`extra` wins, but for the JVM's options, which add up."""
    options = "spark.driver.extraJavaOptions"
    both = f"{defaults.get(options, '')} {extra.get(options, '')}".strip()
    return defaults | extra | {options: both}


def delta_is_installed() -> bool:
    """Whether Delta's jars lie beside Spark's own, where `make setup` puts them."""
    home = Path(os.environ.get("SPARK_HOME", Path(pyspark.__file__).parent))
    return any((home / "jars").glob("delta-spark_*.jar"))


def runs_locally(spark: SparkSession) -> bool:
    """Whether driver and executors are this one process, which sees this machine's files."""
    if not hasattr(spark, "_jsparkSession"):  # Spark Connect: they are the server's
        return False
    master = spark.conf.get("spark.master", None) or ""
    return master.startswith("local") and not master.startswith("local-cluster")


def cores_of(spark: SparkSession) -> int | None:
    """That its executors have at this moment; None on Spark Connect, which does not tell."""
    return spark.sparkContext.defaultParallelism if hasattr(spark, "_jsparkSession") else None


@contextmanager
def in_pool(spark: SparkSession, name: str) -> Iterator[None]:
    """Jobs of this thread take turns with those of other pools, where the scheduler is fair, and do not wait for all
    tasks that were there before. On Spark Connect, which has no say in it, as they are."""
    if not hasattr(spark, "_jsparkSession"):
        yield
        return
    key, context = "spark.scheduler.pool", spark.sparkContext
    before = context.getLocalProperty(key)
    context.setLocalProperty(key, name)
    try:
        yield
    finally:
        context.setLocalProperty(key, before)  # type: ignore[arg-type]  # None takes it away


def rows_by_partition(rows: DataFrame) -> Iterator[Row]:
    """In their order; one partition is held and the next one on its way.

    Outside a query, for Spark 4.2 keeps the results of all jobs of one (DataFrame.toLocalIterator's as long as the
    session lives). Spark Connect sends what it has of a query as it comes.
    """
    if not hasattr(rows.sparkSession, "_jsparkSession"):
        return rows.toLocalIterator()
    return rows.rdd.toLocalIterator(prefetchPartitions=True)


@contextmanager
def settings_within(spark: SparkSession, values: Mapping[str, str]) -> Iterator[None]:
    """Settings of the session, put back at the end."""
    before = {key: spark.conf.get(key, None) for key in values}
    try:
        for key, value in values.items():
            spark.conf.set(key, value)
        yield
    finally:
        for key, old in before.items():
            if old is None:
                spark.conf.unset(key)
            else:
                spark.conf.set(key, old)


def java(spark: SparkSession) -> Any:
    """The driver's Java, which alone can delete and list files wherever they are. Raises JobError on Spark Connect."""
    if not hasattr(spark, "_jsparkSession"):
        raise JobError("this cannot be done through Spark Connect: run it where the Spark driver is")
    return spark._jvm


def hadoop_path(spark: SparkSession, path: str) -> tuple[Any, Any]:
    """(Hadoop's path, its file system)."""
    hadoop = java(spark).org.apache.hadoop.fs.Path(path)
    return hadoop, hadoop.getFileSystem(spark._jsparkSession.sessionState().newHadoopConf())
