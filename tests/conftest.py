"""One Spark session for the tests that need one, an empty warehouse for each of them, and the demo, run once.

Photos that are not part of the repository are read from FACEJOIN_DATA; tests that need them are skipped without.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pyspark.sql import SparkSession

from facejoin.conf.settings import load_settings
from facejoin.jobs.session import spark_session
from facejoin.jobs.tables import Warehouse

if TYPE_CHECKING:  # which takes seconds to import
    from facejoin.udfs.vision.analyse import Analysis

DATA = Path(os.environ.get("FACEJOIN_DATA", Path(__file__).parents[2] / "shared" / "data"))
LFW_BATCH = 64  # photos analysed together

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


@dataclass(frozen=True)
class Portrait:
    """A photo of LFW, the person it is named after, and what the default networks find in it."""

    person: str
    file: Path
    found: Analysis  # its faces with the vectors of their mirror images


@dataclass(frozen=True)
class Lfw:
    """Both by person and file."""

    known: list[Portrait]
    unknown: list[Portrait]


@pytest.fixture(scope="session")
def lfw() -> Lfw:
    """Two minutes on one core, for all tests together."""
    if not (DATA / "lfw" / "known").is_dir():
        pytest.skip(f"needs the photos of {DATA / 'lfw'}")
    return Lfw(*([*_portraits(sorted((DATA / "lfw" / part).glob("*/*")))] for part in ("known", "unknown")))


def _portraits(files: list[Path]) -> Iterator[Portrait]:
    from facejoin.jobs.fetch_weights import fetch_weights
    from facejoin.udfs.vision.analyse import analyser
    from facejoin.udfs.vision.runtime import choose_runtime

    settings = load_settings()
    cache = Path(settings.cache).expanduser()
    fetch_weights("sface", cache)
    networks = analyser(settings.vision, (cache,), choose_runtime(settings.compute))
    any_size = settings.vision.decode.model_copy(update={"min_bytes": 0})
    for start in range(0, len(files), LFW_BATCH):
        part = files[start : start + LFW_BATCH]
        found = networks.analyse([file.read_bytes() for file in part], any_size, mirrored=True)
        for file, analysis in zip(part, found, strict=True):
            yield Portrait(file.parent.name, file, analysis)
