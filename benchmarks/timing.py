"""Contestants on the same work, in turn in one run; the processor that they ran on; the report of it."""

from __future__ import annotations

import json
import math
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from typing import Any

import torch
from threadpoolctl import threadpool_limits

PACKAGES = ("torch", "openvino", "facenet-pytorch", "onnxruntime", "numpy", "Pillow", "simplejpeg")

Contestant = Callable[[Any], Any]
Seconds = dict[str, list[list[float]]]  # contestant → round → batch


def use_threads(count: int) -> None:
    """For torch, whatever asks torch for the number, and the linear algebra of NumPy."""
    torch.set_num_threads(count)
    threadpool_limits(count)


def in_turn(contestants: Mapping[str, Contestant], batches: Sequence[Any], rounds: int) -> Seconds:
    """Every contestant gets a batch before any gets the next one; another one begins each time."""
    seconds: Seconds = {name: [[0.0] * len(batches) for _ in range(rounds)] for name in contestants}
    names = list(contestants)
    for number in range(rounds):
        for place, batch in enumerate(batches):
            first = (number + place) % len(names)
            for name in names[first:] + names[:first]:
                start = time.perf_counter()
                contestants[name](batch)
                seconds[name][number][place] = time.perf_counter() - start
    return seconds


def total(rounds: Sequence[Sequence[float]]) -> float:
    """Seconds of one round: of each batch the median over the rounds."""
    return sum(statistics.median(times) for times in zip(*rounds, strict=True))


def ratio(peer: Sequence[Sequence[float]], ours: Sequence[Sequence[float]]) -> float:
    """How many times as long the peer took: the median over all batches of all rounds."""
    pairs = zip(chain(*peer), chain(*ours), strict=True)
    return round(statistics.median(theirs / own for theirs, own in pairs), 2)


def batches_of(items: Sequence[Any], most: int) -> list[Sequence[Any]]:
    """Of about equal length."""
    count = math.ceil(len(items) / most)
    return [items[len(items) * i // count : len(items) * (i + 1) // count] for i in range(count)]


def spread(items: Sequence[Any], most: int) -> list[Any]:
    """At most so many, evenly spaced."""
    count = min(most, len(items))
    return [items[len(items) * i // count] for i in range(count)]


def machine(threads: int) -> dict[str, Any]:
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "threads": threads,
        "python": platform.python_version(),
        "packages": {name: version(name) for name in PACKAGES},
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.processor())


def write(report: Mapping[str, Any], out: Path) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(report, indent=1) + "\n")
