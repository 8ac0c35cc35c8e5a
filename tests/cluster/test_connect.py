"""A Spark Connect server: what Databricks' shared clusters allow. No JVM is on the client's side, and no SparkContext.

`match` and `publish` run through it on what a local run has crawled and enrolled, and the notebooks read its tables.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import nbformat
import pytest
import yaml
from nbclient import NotebookClient
from pyspark.sql import SparkSession
from spark_daemons import connect_server
from tables import ROUNDING, assert_same_rows

from facejoin.jobs.store.session import default_configuration
from facejoin.jobs.store.warehouse import Warehouse

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
MADE_AGAIN = ("matches", "runs")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    options = {**default_configuration(), "spark.master": "local[2]", "spark.ui.enabled": "false"}
    options |= {"spark.sql.shuffle.partitions": "2", "spark.driver.memory": "2g"}
    with connect_server(tmp_path_factory.mktemp("connect"), options) as url:
        yield url


@pytest.fixture(scope="module")
def folder(local_warehouse: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A campaign that is crawled and enrolled, and its settings: as a demo's folder."""
    folder = tmp_path_factory.mktemp("campaign")
    shutil.copytree(local_warehouse, folder / "warehouse", ignore=shutil.ignore_patterns(*MADE_AGAIN))
    return folder


@pytest.fixture(scope="module")
def run(server: str, folder: Path, demo) -> Callable[..., str]:
    """(a facejoin command) → what it says."""
    values = {**yaml.safe_load(demo.config.read_text()), "warehouse": str(folder / "warehouse")}
    (folder / "settings.yaml").write_text(yaml.safe_dump(values))

    def run(*words: str | Path) -> str:
        command = [sys.executable, "-m", "facejoin.cli.app", *words, "--config", folder / "settings.yaml"]
        variables = {**os.environ, "SPARK_REMOTE": server}
        done = subprocess.run([*map(str, command)], env=variables, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
        return done.stdout

    return run


def test_match_finds_what_it_finds_beside_the_tables(
    run: Callable[..., str], folder: Path, local_warehouse: Path, spark: SparkSession
) -> None:
    run("match")
    there, here = Warehouse(spark, str(folder / "warehouse")), Warehouse(spark, str(local_warehouse))
    assert_same_rows(there.read("matches"), here.read("matches"), ROUNDING)


def test_publish_writes_the_page_on_the_clients_side(run: Callable[..., str], folder: Path) -> None:
    run("match")
    run("publish", "--site", folder / "site")
    assert (folder / "site" / "index.html").exists()


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_a_notebook_reads_through_it(
    path: Path, run: Callable[..., str], server: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("match")
    monkeypatch.setenv("SPARK_REMOTE", server)
    monkeypatch.setenv("FACEJOIN_DEMO", str(folder))
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(path.parent)}}).execute()
    printed = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert any("Barack_Obama" in str(output) for output in printed)
