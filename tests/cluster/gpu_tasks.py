"""A job of tests/cluster/test_standalone.py: what tasks on GPUs were given, and what they would load.

Prints a JSON list, one object a task. No card is here: torch is told in each worker that four are, and the networks are
a stand-in, so what is shown is the choice of the device and that it is made once.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import pyarrow as pa
from pyspark.sql import SparkSession

SCHEMA = (
    "address string, given long, process long, detect string, embed string, networks long, start double, end double"
)
SLOTS, ROUNDS = 4, 3


def seen(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """One row: the GPU that the task was given, and what its networks were loaded on."""
    import torch
    from pyspark import TaskContext

    from facejoin.conf.settings import Settings
    from facejoin.udfs.task_networks import task_networks
    from facejoin.udfs.vision import analyse

    setattr(torch.cuda, "is_available", lambda: True)  # noqa: B010
    setattr(analyse, "Analyser", lambda vision, folders, runtimes: SimpleNamespace(runtimes=runtimes))  # noqa: B010
    start, task = time.time(), TaskContext.get()
    assert task is not None
    assert sum(batch.num_rows for batch in batches) == 1
    addresses, networks = task.resources()["gpu"].addresses, cast(Any, task_networks(Settings().networks))
    devices = (str(networks.runtimes.detect.device), str(networks.runtimes.embed.device))
    row = (addresses[0], len(addresses), os.getpid(), *devices, id(networks), start, time.time())
    names = [column.split()[0] for column in SCHEMA.split(", ")]
    yield pa.RecordBatch.from_pylist([dict(zip(names, row, strict=True))])


def main() -> None:
    spark = SparkSession.builder.getOrCreate()
    together = spark.range(SLOTS, numPartitions=SLOTS).mapInArrow(seen, SCHEMA, barrier=True).collect()
    later = spark.range(SLOTS * ROUNDS, numPartitions=SLOTS * ROUNDS).mapInArrow(seen, SCHEMA).collect()
    tasks = {"together": [row.asDict() for row in together], "later": [row.asDict() for row in later]}
    sys.stdout.write(json.dumps(tasks) + "\n")


if __name__ == "__main__":
    main()
