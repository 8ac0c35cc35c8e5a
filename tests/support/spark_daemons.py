"""Spark's own daemons on this machine: a standalone master with workers, a Spark Connect server."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from daemons import daemon, free_ports, listens, says
from mini_cluster import SPARK


@contextmanager
def standalone(folder: Path, workers: Sequence[Mapping[str, str]]) -> Iterator[str]:
    """Its URL. Of each worker its configuration."""
    [port] = free_ports(1)
    url, log = f"spark://127.0.0.1:{port}", folder / "master.log"
    with ExitStack() as daemons:
        program = ("spark-class", "org.apache.spark.deploy.master.Master")
        where = ("--host", "127.0.0.1", "--port", port, "--webui-port", 0)
        daemons.enter_context(_daemon(log, listens(port), *program, *where))
        for number, properties in enumerate(workers):
            daemons.enter_context(_worker(folder / f"worker{number}", url, properties))
        yield url


@contextmanager
def _worker(folder: Path, url: str, properties: Mapping[str, str]) -> Iterator[None]:
    folder.mkdir()
    configuration, log = folder / "worker.conf", folder / "worker.log"
    configuration.write_text("".join(f"{key} {value}\n" for key, value in properties.items()))
    program = ("spark-class", "org.apache.spark.deploy.worker.Worker", "--properties-file", configuration)
    offers = ("--host", "127.0.0.1", "--cores", 2, "--memory", "2g", "--webui-port", 0, "--work-dir", folder / "work")
    with _daemon(log, says(log, "Successfully registered with master"), *program, *offers, url):
        yield


@contextmanager
def connect_server(folder: Path, options: Mapping[str, str]) -> Iterator[str]:
    """Its URL. What it runs on is for `options` to say."""
    [port] = free_ports(1)
    own = {"spark.connect.grpc.binding.address": "127.0.0.1", "spark.connect.grpc.binding.port": str(port)}
    pairs = [word for pair in {**options, **own}.items() for word in ("--conf", "=".join(pair))]
    program = ("spark-submit", "--class", "org.apache.spark.sql.connect.service.SparkConnectServer")
    with _daemon(folder / "connect.log", listens(port), *program, *pairs, "spark-internal"):
        yield f"sc://127.0.0.1:{port}"


def _daemon(log: Path, ready: Callable[[], bool], program: str, *words: str | Path | int):  # type: ignore[no-untyped-def]
    """A program of Spark's bin/; Python's workers there are of this environment."""
    own = {"SPARK_HOME": str(SPARK), "SPARK_LOCAL_IP": "127.0.0.1", "PYSPARK_PYTHON": sys.executable}
    return daemon(log, [str(SPARK / "bin" / program), *map(str, words)], {**os.environ, **own}, ready)
