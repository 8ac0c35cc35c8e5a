"""A file's bytes → the contents to be searched: as they are, and out of what they are packed in."""

from __future__ import annotations

import bz2
import gzip
import io
import zipfile
from collections import Counter
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from facejoin.udfs.traces.traces import ID, Traces

PARQUET, ZIP, GZIP, BZIP2 = b"PAR1", b"PK\x03\x04", b"\x1f\x8b", b"BZh"
NUMBER = "photo_id"  # the column of ids; in any other one a number means something else


def count_traces(content: bytes, traces: Traces) -> Counter[str]:
    """Kind → how often. Packed files (Parquet, npz and other zip, gzip, bzip2) are searched as they are and unpacked,
    within one another too."""
    found = traces.in_binary(content) if b"\0" in content else traces.in_text(content)
    if content.startswith(PARQUET) and content.endswith(PARQUET):
        for name, column in _columns(content):
            found += _in_column(name, column, traces)
    for piece in _unpacked(content):
        found += count_traces(piece, traces)
    return found


def _unpacked(content: bytes) -> Iterator[bytes]:
    if content.startswith(ZIP):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            yield from (archive.read(name) for name in archive.namelist())
    elif content.startswith(GZIP):
        yield gzip.decompress(content)
    elif content.startswith(BZIP2):
        yield bz2.decompress(content)


def _columns(content: bytes) -> Iterator[tuple[str, pa.Array]]:
    """(name, values) of each column without others in it, one row group after the other; and of its statistics."""
    file = pq.ParquetFile(io.BytesIO(content))
    for group in range(file.num_row_groups):
        for batch in file.read_row_group(group).to_batches():
            for name in batch.schema.names:
                yield from _leaves(name, batch.column(name))
        yield "statistics", pa.array(_statistics(file.metadata.row_group(group)), pa.binary())


def _leaves(name: str, values: pa.Array) -> Iterator[tuple[str, pa.Array]]:
    if pa.types.is_struct(values.type):
        for field, child in zip(values.type, values.flatten(), strict=True):
            yield from _leaves(field.name, child)
    elif pa.types.is_map(values.type):
        yield from _leaves(name, values.keys)
        yield from _leaves(name, values.items)
    elif pa.types.is_list(values.type) or pa.types.is_large_list(values.type):
        yield from _leaves(name, values.flatten())
    elif pa.types.is_dictionary(values.type):
        yield name, values.dictionary_decode()
    else:
        yield name, values


def _statistics(group: pq.RowGroupMetaData) -> list[bytes]:
    """The least and the greatest text of each column, which stand in the file unpacked."""
    kept = (group.column(number).statistics for number in range(group.num_columns))
    ends = (end for one in kept if one is not None and one.has_min_max for end in (one.min, one.max))
    return [end.encode() if isinstance(end, str) else end for end in ends if isinstance(end, str | bytes)]


def _in_column(name: str, values: pa.Array, traces: Traces) -> Counter[str]:
    kind = values.type
    if pa.types.is_integer(kind):
        ids = values.drop_null().to_numpy(zero_copy_only=False) if name == NUMBER else np.zeros(0, np.int64)
        return Counter({ID: number} if (number := traces.among(ids)) else {})
    if pa.types.is_floating(kind):
        return traces.in_binary(values.to_numpy(zero_copy_only=False).tobytes())
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        texts = values.drop_null().unique().to_pylist()
        return traces.in_text("\n".join(texts).encode("utf-8", errors="replace"))
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return sum((count_traces(piece, traces) for piece in values.drop_null().to_pylist()), Counter())
    return Counter()
