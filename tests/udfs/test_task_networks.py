"""What a task's networks run on, by what the scheduler gave it: the decision, without Spark, GPUs or networks."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from pyspark import SparkFiles, TaskContext
from pyspark.resource import ResourceInformation

from facejoin.conf.settings import NetworkSettings, Settings, validated
from facejoin.udfs import task_networks as module
from facejoin.udfs.vision.engines.errors import DeviceError
from facejoin.udfs.vision.engines.runtime import Runtimes

CORES = 3
CPU, GPU = torch.device("cpu"), torch.device("cuda:2")
DETECTION_ON_THE_PROCESSOR = {"detect": {"device": "cpu"}}


def networks(**compute: Any) -> NetworkSettings:
    return validated({"compute": compute}, "test").networks


@pytest.fixture(autouse=True)
def loaded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Instead of the networks, what they would have been loaded on."""
    monkeypatch.setattr(module, "analyser", lambda vision, folders, runtimes: runtimes)
    monkeypatch.setattr(SparkFiles, "getRootDirectory", lambda: str(tmp_path))
    monkeypatch.setattr(torch, "set_num_threads", lambda count: None)


@pytest.fixture
def in_a_task(monkeypatch: pytest.MonkeyPatch) -> Any:
    """(GPUs that it was given, of four on the machine) makes this process one."""

    def given(*addresses: str, machine: int = 4) -> None:
        gpus = {"gpu": ResourceInformation("gpu", [*addresses])} if addresses else {}
        monkeypatch.setattr(TaskContext, "get", lambda: SimpleNamespace(resources=lambda: gpus, cpus=lambda: CORES))
        monkeypatch.setattr(torch.cuda, "is_available", lambda: machine > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: machine)

    return given


def devices(settings: NetworkSettings) -> tuple[torch.device, torch.device]:
    """Of detection and of embedding."""
    runtimes: Any = module.task_networks(settings)
    assert isinstance(runtimes, Runtimes)
    return runtimes.detect.device, runtimes.embed.device


def test_a_task_with_a_gpu_runs_on_it_what_has_no_other_device(in_a_task: Any) -> None:
    in_a_task("2", "3")
    assert devices(Settings().networks) == (GPU, GPU)
    assert devices(networks(**DETECTION_ON_THE_PROCESSOR)) == (CPU, GPU)
    assert devices(networks(**DETECTION_ON_THE_PROCESSOR, embed={"device": "cuda"})) == (CPU, GPU)
    assert devices(networks(device="cpu", embed={"device": "cuda"})) == (CPU, GPU)
    assert devices(networks(device="cpu", embed={"device": "cuda:1"})) == (CPU, torch.device("cuda:1"))


@pytest.mark.parametrize("compute", [{"device": "cpu"}, {"detect": {"device": "cpu"}, "embed": {"device": "cpu"}}])
def test_a_task_that_runs_nothing_on_cuda_needs_no_gpu(compute: dict[str, Any], in_a_task: Any) -> None:
    for addresses in ((), ("2",)):
        in_a_task(*addresses)
        assert devices(networks(**compute)) == (CPU, CPU)
    in_a_task(machine=0)
    assert devices(networks(**compute)) == (CPU, CPU)


def test_a_task_that_embeds_on_a_gpu_fails_where_there_is_none(in_a_task: Any) -> None:
    in_a_task(machine=0)
    assert devices(networks(**DETECTION_ON_THE_PROCESSOR)) == (CPU, CPU)
    with pytest.raises(DeviceError, match="device 'cuda' was asked for"):
        module.task_networks(networks(**DETECTION_ON_THE_PROCESSOR, embed={"device": "cuda"}))


def test_networks_are_of_a_task_alone() -> None:
    with pytest.raises(RuntimeError, match="inside a Spark task only"):
        module.task_networks(Settings().networks)
