"""One Spark session for the tests that need one, and an empty warehouse for each of them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from facejoin.jobs.session import spark_session
from facejoin.jobs.tables import Warehouse

SPARK = {
    "spark.master": "local[2]",
    "spark.ui.enabled": "false",
    "spark.driver.memory": "2g",
    "spark.sql.shuffle.partitions": "2",
    "spark.sql.execution.arrow.pyspark.validateSchema.enabled": "true",
    # With few rows most of the time would go into compiling; the demo's own tests run with Spark's defaults.
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1",
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
}


@pytest.fixture(scope="session")
def spark() -> Iterator[SparkSession]:
    """Started by the first test that asks for it."""
    session = spark_session(SPARK)
    yield session
    session.stop()


@pytest.fixture
def warehouse(spark: SparkSession, tmp_path: Path) -> Warehouse:
    return Warehouse(spark, str(tmp_path / "warehouse"))
