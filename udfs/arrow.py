"""What the stages that Spark runs as mapInArrow have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pyarrow as pa
from pyspark.sql.pandas.types import to_arrow_schema
from pyspark.sql.types import StructType

Batches = Iterator[pa.RecordBatch]
Stage = Callable[[Batches], Batches]


def arrow_schema(schema: StructType) -> pa.Schema:
    """As Spark expects it back: exact types, and times in UTC."""
    return to_arrow_schema(schema, timezone="UTC")


def record_batch(rows: Sequence[dict[str, Any]], schema: StructType) -> pa.RecordBatch:
    """Columns that a row lacks are null, those that the schema lacks are left out."""
    return pa.RecordBatch.from_pylist([*rows], schema=arrow_schema(schema))
