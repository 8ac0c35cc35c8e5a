"""One Spark session for the tests that need one, an empty warehouse for each of them, and the demo, run once."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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


@dataclass(frozen=True)
class DemoRun:
    folder: Path
    report: dict[str, Any]
    printed: str


@pytest.fixture(scope="session")
def run_demo() -> Callable[..., DemoRun]:
    """(folder, *options) → what `facejoin demo` left and said, in a process of its own with Spark's own defaults."""

    def run(folder: Path, *options: str | Path) -> DemoRun:
        command = [Path(sys.executable).with_name("facejoin"), "demo", "--out", folder, *options]
        done = subprocess.run(command, capture_output=True, text=True, timeout=1200)
        assert done.returncode == 0, done.stderr[-2000:]
        return DemoRun(folder, json.loads((folder / "report.json").read_text()), done.stdout)

    return run


@pytest.fixture(scope="session")
def finished_demo(run_demo: Callable[..., DemoRun], tmp_path_factory: pytest.TempPathFactory) -> DemoRun:
    """The first run of the demo on its own samples."""
    return run_demo(tmp_path_factory.mktemp("demo"))
