"""The SparkSession that a job runs on: the one that is there, or one of our own."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path

import pyspark
from pyspark.sql import SparkSession

from facejoin.conf.versions import DELTA_PACKAGE

SHORT_RUN = {  # over before compiled queries, the JVM's second compiler or its parallel collector have paid off
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
}


def spark_session(extra: dict[str, str] | None = None) -> SparkSession:
    """An active session as it is (notebooks, Databricks); under spark-submit its own; else one with our defaults.

    `extra` is the settings' `spark:` part and only counts where this process starts Spark itself.
    """
    active = SparkSession.getActiveSession()
    if active is not None:
        return active
    builder = SparkSession.builder.appName("face-join")
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
    """Whether driver and executors are one process, which sees this machine's files."""
    master = spark.conf.get("spark.master", None) or ""
    return master.startswith("local") and not master.startswith("local-cluster")


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
