"""The networks of a Spark task: on the GPU and the processors that the scheduler gave it."""

from __future__ import annotations

from pathlib import Path

import torch
from pydantic import BaseModel, ConfigDict
from pyspark import SparkFiles, TaskContext

from facejoin.conf.settings import NetworkSettings
from facejoin.udfs.vision.analyse import Analyser, analyser
from facejoin.udfs.vision.engines.runtime import choose_runtimes


class Loading(BaseModel):
    """All that it takes to load a task's networks, in its worker or in a process beside it."""

    model_config = ConfigDict(frozen=True)

    settings: NetworkSettings
    folders: tuple[Path, ...]  # with weights
    gpus: tuple[str, ...]  # addresses
    threads: int

    def load(self) -> Analyser:
        """Once per process and devices. Raises WeightsError and DeviceError."""
        torch.set_num_threads(self.threads)
        runtimes = choose_runtimes(self.settings.compute, self.gpus)
        return analyser(self.settings.vision, self.folders, runtimes)


def task_loading(settings: NetworkSettings) -> Loading:
    """Of the task that this process runs. Raises RuntimeError outside a task."""
    task = TaskContext.get()
    if task is None:
        raise RuntimeError("runs inside a Spark task only")
    gpus = task.resources().get("gpu")
    return Loading(
        settings=settings,
        folders=(Path(SparkFiles.getRootDirectory()), Path(settings.cache)),
        gpus=tuple(gpus.addresses) if gpus else (),
        threads=task.cpus(),
    )


def is_later_attempt() -> bool:
    """Whether the task that this process runs has failed before, in this or in another process."""
    task = TaskContext.get()
    return task is not None and task.attemptNumber() > 0


def task_networks(settings: NetworkSettings) -> Analyser:
    """Loaded once per worker and devices. Raises RuntimeError outside a task, WeightsError and DeviceError."""
    return task_loading(settings).load()
