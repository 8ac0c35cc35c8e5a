"""Files → what is still found in them of who asked out: what Spark's executors run."""

from __future__ import annotations

from pathlib import Path

from pyspark.sql.types import LongType, StringType, StructType

from facejoin.udfs.arrow import Batches, Stage, record_batch
from facejoin.udfs.traces.contents import count_traces
from facejoin.udfs.traces.traces import Traces

FOUND = StructType().add("path", StringType()).add("kind", StringType()).add("traces", LongType())


def find_traces(traces: Traces) -> Stage:
    """For mapInArrow: path, content (null: a file that this machine has) → rows of FOUND, none of a clean file."""

    def stage(batches: Batches) -> Batches:
        for file in (file for batch in batches for file in batch.to_pylist()):
            content = Path(file["path"]).read_bytes() if file["content"] is None else file["content"]
            found = count_traces(content, traces)
            rows = [{"path": file["path"], "kind": kind, "traces": number} for kind, number in sorted(found.items())]
            yield record_batch(rows, FOUND)

    return stage
