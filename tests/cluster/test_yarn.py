"""YARN with HDFS: the demo's jobs in client mode, with an executor killed in the middle, and in cluster mode.

The nodes know no package of Python: executors, and in cluster mode the driver, run in the archive of make environment.
What the jobs leave is what they leave on one machine, vectors bit for bit, but for times.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from daemons import command_line, processes_with, wait_until
from mini_cluster import MiniCluster
from pyspark.sql import SparkSession
from submitting import QUICK_JVM, TIMEOUT, command, environment, submit
from tables import assert_same_tables

from facejoin.jobs.store.warehouse import Warehouse

WAREHOUSE = "hdfs:///facejoin/warehouse"  # as in conf/yarn.yaml
IN_ARCHIVE = "environment/bin/python"
ASKED_BEFORE_THE_KILL = 20  # downloads, of the 81 photos that are listed


@pytest.fixture(scope="module")
def fetched(
    yarn: MiniCluster, spark: SparkSession, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Warehouse]:
    """(folder of HDFS) → its tables, read here."""

    def fetch(folder: str) -> Warehouse:
        target = tmp_path_factory.mktemp("fetched")
        yarn.hdfs("-get", folder, target)
        return Warehouse(spark, str(target / Path(folder).name))

    return fetch


def _executor(cluster: MiniCluster) -> tuple[int, str]:
    """(process, number) of one that runs; the shells around it have its words too. A slow node may still have none."""
    lines = {process: command_line(process) for process in processes_with("--executor-id ")}
    of_cluster = {one: line for one, line in lines.items() if str(cluster.folder) in line}
    java = min(one for one, line in of_cluster.items() if line.split()[0].endswith("/java"))
    return java, of_cluster[java].split("--executor-id ")[1].split()[0]


def test_client_mode_with_an_executor_killed_in_the_middle(
    yarn: MiniCluster, on_yarn: Mapping[str, str], demo, local_warehouse: Path, fetched, spark, tmp_path: Path
) -> None:
    before = demo.server.requests.total()
    job = ("run", "hdfs:///lists", "--gallery", "hdfs:///gallery", "--config", demo.config)
    words = command(on_yarn, *job, "--warehouse", WAREHOUSE, "--site", tmp_path / "site")
    variables = environment(HADOOP_CONF_DIR=yarn.conf, PYSPARK_PYTHON=IN_ARCHIVE)
    with (tmp_path / "console").open("w+") as console:
        running = subprocess.Popen(words, env=variables, stdout=console, stderr=console)
        try:
            crawls = lambda: demo.server.requests.total() > before + ASKED_BEFORE_THE_KILL  # noqa: E731
            wait_until(crawls, lambda: running.poll() is None, TIMEOUT, tmp_path / "console")
            java, number = _executor(yarn)
            os.kill(java, signal.SIGKILL)
            running.wait(TIMEOUT)
        finally:
            running.kill()
    said = (tmp_path / "console").read_text()
    assert running.returncode == 0, said[-3000:]
    assert f"Lost executor {number}" in said
    assert (tmp_path / "site" / "index.html").exists()
    assert_same_tables(fetched("/facejoin/warehouse"), Warehouse(spark, str(local_warehouse)))


def test_every_job_runs_in_cluster_mode(
    yarn: MiniCluster, on_yarn: Mapping[str, str], demo, local_warehouse: Path, fetched, spark, tmp_path: Path
) -> None:
    jobs: dict[str, tuple[str | Path, ...]] = {
        "manifest": ("hdfs:///lists",),
        "crawl": (),
        "enroll": ("hdfs:///gallery",),
        "match": (),
        "publish": ("--site", tmp_path / "site"),
    }
    options = {**on_yarn, "spark.submit.deployMode": "cluster", "spark.driver.extraJavaOptions": QUICK_JVM}
    variables: dict[str, str | Path] = {"HADOOP_CONF_DIR": yarn.conf, "PYSPARK_PYTHON": IN_ARCHIVE}
    for job, given in jobs.items():
        done = submit(options, job, *given, "--config", demo.config, "--warehouse", "hdfs:///cluster", **variables)
        assert done.returncode == 0, done.stderr[-2000:] + _driver_said(yarn, done.stderr)
    assert (tmp_path / "site" / "index.html").exists()
    assert_same_tables(fetched("/cluster"), Warehouse(spark, str(local_warehouse)))


def _driver_said(cluster: MiniCluster, submitted: str) -> str:
    application = re.findall(r"application_\d+_\d+", submitted)
    logs = cluster.container_logs(application[0], "std*") if application else {}
    return "\n".join(f"{path}\n{log[-3000:]}" for path, log in logs.items())


def test_a_container_that_takes_too_much_memory_is_ended_and_the_console_says_so(
    yarn: MiniCluster, on_yarn: Mapping[str, str], demo
) -> None:
    too_little = {
        "spark.executor.memory": "512m",
        "spark.executor.memoryOverhead": "384m",
        "spark.executor.maxNumFailures": "1",
    }
    job = ("enroll", "hdfs:///gallery", "--config", demo.config, "--warehouse", "hdfs:///too-little")
    done = submit({**on_yarn, **too_little}, *job, HADOOP_CONF_DIR=yarn.conf, PYSPARK_PYTHON=IN_ARCHIVE)
    assert done.returncode == 1, done.stderr[-2000:]
    assert "Container killed by YARN for exceeding physical memory limits" in done.stdout + done.stderr
