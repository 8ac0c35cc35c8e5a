"""The networks of a Spark task: on the GPU and the processors that the scheduler gave it."""

from __future__ import annotations

from pathlib import Path

import torch
from pyspark import SparkFiles, TaskContext

from facejoin.conf.settings import NetworkSettings
from facejoin.udfs.vision.analyse import Analyser, analyser
from facejoin.udfs.vision.engines.runtime import choose_runtimes


def task_networks(settings: NetworkSettings) -> Analyser:
    """Loaded once per worker and devices. Raises RuntimeError outside a task, WeightsError and DeviceError."""
    task = TaskContext.get()
    if task is None:
        raise RuntimeError("runs inside a Spark task only")
    torch.set_num_threads(task.cpus())
    gpus = task.resources().get("gpu")
    runtimes = choose_runtimes(settings.compute, gpus.addresses if gpus else ())
    return analyser(settings.vision, (Path(SparkFiles.getRootDirectory()), Path(settings.cache)), runtimes)
