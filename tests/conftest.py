"""One Spark session for the tests that need one, an empty warehouse for each of them, and the demo, run once.

Photos that are not part of the repository are read from FACEJOIN_DATA; tests that need them are skipped without.
"""

from __future__ import annotations

import bz2
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from photo_rows import ROW
from pyspark.sql import SparkSession
from wheel_environment import Environment, build_wheel, install_wheel

from facejoin.cli import app as cli
from facejoin.conf.schemas import TABLES
from facejoin.conf.settings import load_settings
from facejoin.demo.photo_list import Layout, PhotoRow, write_photo_list
from facejoin.demo.photo_server import PhotoServer
from facejoin.jobs.store.session import spark_session
from facejoin.jobs.store.warehouse import Warehouse

if TYPE_CHECKING:  # which takes seconds to import
    from facejoin.udfs.vision.analyse import Analysis

RESEARCH_DATA = Path(os.environ.get("FACEJOIN_DATA", Path(__file__).parents[2] / "shared" / "data"))
LFW_BATCH = 64  # photos analysed together

PHOTO = b"\xff\xd8\xff" + bytes(range(256)) * 40  # fetching does not decode: any bytes will do


SPARK = {
    "spark.master": "local[2]",
    "spark.ui.enabled": "false",
    "spark.driver.memory": "4g",
    "spark.sql.shuffle.partitions": "2",
    "spark.sql.execution.arrow.pyspark.validateSchema.enabled": "true",
    # With few rows most of the time would go into compiling and planning again, and a collector beside the program
    # into its threads; the demo's own tests run with what its command sets. Delta keeps the plans of every table that
    # it has seen: those of all tests' tables together fill the memory, and collecting takes most of the time.
    "spark.driver.extraJavaOptions": "-XX:+UseSerialGC -Ddelta.log.cacheSize=30",
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
}


@pytest.hookimpl(tryfirst=True)  # before `-m` chooses
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks what needs this process's Spark, so that it can run beside the rest, in a process of its own."""
    for item in items:
        if "spark" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.spark)


@pytest.fixture(scope="session")
def research_data() -> Callable[[str], Path]:
    """(path below the folder of research data) → the path itself; the test is skipped where nothing is there."""

    def research_data(below: str) -> Path:
        path = RESEARCH_DATA / below
        if not path.exists():
            pytest.skip(f"research data are missing: no {path}; FACEJOIN_DATA names their folder")
        return path

    return research_data


@pytest.fixture(scope="session")
def spark() -> Iterator[SparkSession]:
    """Started by the first test that asks for it."""
    session = spark_session(SPARK)
    yield session
    session.stop()


@pytest.fixture(scope="session")
def empty_tables(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Those that every campaign has: to copy files takes a hundredth of the time that it takes Delta to make tables."""
    empty = Warehouse(spark, str(tmp_path_factory.mktemp("empty")))
    for name in TABLES.keys() - {"load", "placeholders"}:
        empty.read(name)
    return Path(empty.folder)


@pytest.fixture
def warehouse(spark: SparkSession, empty_tables: Path, tmp_path: Path) -> Warehouse:
    return Warehouse(spark, str(shutil.copytree(empty_tables, tmp_path / "warehouse")))


@pytest.fixture
def facejoin(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """Runs the command here, on the session that is there → (exit status, stdout, stderr)."""

    def facejoin(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["facejoin", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        out, err = capsys.readouterr()
        assert isinstance(ended.value.code, int)
        return ended.value.code, out, err

    return facejoin


@pytest.fixture(scope="session")
def photo_row() -> Callable[..., PhotoRow]:
    """A row of a photo list with everything in it, unless changed."""
    return lambda photo_id=1, **changes: replace(ROW, photo_id=photo_id, **changes)


@pytest.fixture(scope="session")
def list_lines(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., list[str]]:
    """Rows → the lines that a photo list of `layout` columns has for them."""
    path = tmp_path_factory.mktemp("lines") / "lines.bz2"

    def lines(rows: list[PhotoRow], layout: Layout = 23) -> list[str]:
        write_photo_list(path, rows, layout)
        return bz2.decompress(path.read_bytes()).decode().removesuffix("\n").split("\n")

    return lines


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder with one photo, /8/1.jpg."""
    (tmp_path / "photos" / "8").mkdir(parents=True)
    (tmp_path / "photos" / "8" / "1.jpg").write_bytes(PHOTO)
    return tmp_path / "photos"


@pytest.fixture
def serve(photos: Path) -> Iterator[Callable[..., PhotoServer]]:
    """Starts servers of the photos, with the given faults, that end with the test."""
    with ExitStack() as servers:
        yield lambda **options: servers.enter_context(PhotoServer(photos, **options))


@dataclass(frozen=True)
class DemoRun:
    folder: Path
    report: dict[str, Any]
    printed: str


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(tmp_path_factory.mktemp("source"))


@pytest.fixture(scope="session")
def wheel_environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    return install_wheel(wheel, tmp_path_factory.mktemp("environment"))


@pytest.fixture(scope="session")
def run_demo(wheel_environment: Environment) -> Callable[..., DemoRun]:
    """(folder, *options) → what `facejoin demo` left and said: of the wheel, in a process of its own with the
    command's settings of Spark."""

    def run(folder: Path, *options: str | Path) -> DemoRun:
        printed = wheel_environment.run("facejoin", "demo", "--out", folder, *options)
        return DemoRun(folder, json.loads((folder / "report.json").read_text()), printed)

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
    found: Analysis  # with the vectors of the mirrored faces where the person is known


@dataclass(frozen=True)
class Lfw:
    """Both by person and file."""

    known: list[Portrait]
    unknown: list[Portrait]


@pytest.fixture(scope="session")
def lfw(research_data: Callable[[str], Path]) -> Lfw:
    """Minutes on one core, for all tests of a session together; they are never kept longer than that."""
    known, unknown = (sorted((research_data("lfw") / part).glob("*/*")) for part in ("known", "unknown"))
    return Lfw([*_portraits(known, mirrored=True)], [*_portraits(unknown, mirrored=False)])


def _portraits(files: list[Path], mirrored: bool) -> Iterator[Portrait]:
    from facejoin.jobs.downloads.weights import fetch_needed_weights
    from facejoin.udfs.vision.analyse import analyser
    from facejoin.udfs.vision.engines.runtime import choose_runtimes

    settings = load_settings()
    cache = Path(settings.cache).expanduser()
    fetch_needed_weights(settings.networks)
    networks = analyser(settings.vision, (cache,), choose_runtimes(settings.compute))
    any_size = settings.vision.decode.model_copy(update={"min_bytes": 0})
    for start in range(0, len(files), LFW_BATCH):
        part = files[start : start + LFW_BATCH]
        found = networks.analyse([file.read_bytes() for file in part], any_size, mirrored)
        for file, analysis in zip(part, found, strict=True):
            yield Portrait(file.parent.name, file, analysis)
