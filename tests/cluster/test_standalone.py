"""Spark's own cluster manager: two workers with two GPUs each, which a discovery script invents."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from mini_cluster import SPARK
from spark_daemons import standalone

HERE = Path(__file__).parent
GPUS = (("0", "1"), ("2", "3"))  # of each worker
OPTIONS = {
    "spark.executor.cores": "2",
    "spark.executor.memory": "1g",
    "spark.executor.resource.gpu.amount": "2",
    "spark.task.resource.gpu.amount": "1",
    "spark.ui.enabled": "false",
}


@pytest.fixture(scope="module")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, Any]]]:
    """What they were given, the first four at the same time, the others as a place became free."""
    folder = tmp_path_factory.mktemp("standalone")
    workers = [
        {
            "spark.worker.resource.gpu.amount": str(len(addresses)),
            "spark.worker.resource.gpu.discoveryScript": str(_discovery(folder, addresses)),
        }
        for addresses in GPUS
    ]
    with standalone(folder, workers) as url:
        pairs = [word for pair in OPTIONS.items() for word in ("--conf", "=".join(pair))]
        variables = {**os.environ, "SPARK_LOCAL_IP": "127.0.0.1", "PYSPARK_PYTHON": sys.executable}
        job = [SPARK / "bin" / "spark-submit", "--master", url, *pairs, HERE / "gpu_tasks.py"]
        done = subprocess.run([*map(str, job)], env=variables, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, list[dict[str, Any]]] = json.loads(done.stdout.splitlines()[-1])
    return found


def _discovery(folder: Path, addresses: tuple[str, ...]) -> Path:
    script = folder / f"gpus-{addresses[0]}.sh"
    script.write_text(f"#!/bin/sh\necho '{json.dumps({'name': 'gpu', 'addresses': addresses})}'\n")
    script.chmod(0o755)
    return script


def test_tasks_at_the_same_time_have_a_gpu_each(tasks: dict[str, list[dict[str, Any]]]) -> None:
    assert sorted(task["address"] for task in tasks["together"]) == ["0", "1", "2", "3"]
    assert {task["given"] for group in tasks.values() for task in group} == {1}
    for one, other in combinations(tasks["later"], 2):
        if one["address"] == other["address"]:
            assert one["end"] <= other["start"] or other["end"] <= one["start"]


def test_a_task_loads_its_networks_on_its_own_gpu(tasks: dict[str, list[dict[str, Any]]]) -> None:
    for task in [*tasks["together"], *tasks["later"]]:
        assert task["detect"] == task["embed"] == f"cuda:{task['address']}"


def test_a_worker_loads_networks_once_for_each_gpu_that_it_sees(tasks: dict[str, list[dict[str, Any]]]) -> None:
    loaded = {(t["process"], t["address"], t["networks"]) for t in [*tasks["together"], *tasks["later"]]}
    assert len(loaded) == len({(process, address) for process, address, _ in loaded})
    assert len(loaded) < len(tasks["together"]) + len(tasks["later"])
