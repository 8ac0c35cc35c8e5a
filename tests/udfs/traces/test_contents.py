"""Files are searched as they are and unpacked: Parquet, zip and npz, gzip, bzip2, and within one another."""

from __future__ import annotations

import bz2
import gzip
import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from facejoin.udfs.traces.contents import count_traces
from facejoin.udfs.traces.traces import Traces

ID, NSID, NAME = 4000000123, "12345678@N00", "Ada_Lovelace"
VECTOR = np.random.default_rng(0).normal(size=128).astype(np.float32)
TRACES = Traces(
    ids=frozenset({ID}), nsids=frozenset({NSID}), names=frozenset({NAME}), vectors=frozenset({VECTOR.tobytes()})
)


def parquet(columns: dict[str, pa.Array], **options: object) -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.table(columns), file, **options)
    return file.getvalue()


def npz(**arrays: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, allow_pickle=False, **arrays)
    return file.getvalue()


@pytest.mark.parametrize("options", [{}, {"compression": "zstd"}, {"use_dictionary": False, "compression": "none"}])
def test_columns_of_parquet_files_are_searched_however_they_are_written(options: dict[str, object]) -> None:
    face = {"embedding": VECTOR.tolist(), "score": 0.5}
    columns = {
        "photo_id": pa.array([1, ID]),
        "owner": pa.array([NSID, None]),
        "person": pa.array([None, NAME]).dictionary_encode(),
        "faces": pa.array(
            [[face], None], pa.list_(pa.struct({"embedding": pa.list_(pa.float32()), "score": pa.float32()}))
        ),
    }
    found = count_traces(parquet(columns, **options), TRACES)
    assert {*found} == {"id", "nsid", "name", "vector"}


def test_the_same_number_in_another_column_is_no_id() -> None:
    assert not count_traces(parquet({"bytes": pa.array([ID])}), TRACES)


def test_what_lies_in_a_binary_column_is_unpacked_too() -> None:
    arrays, line = npz(references=np.stack([np.zeros(128, np.float32), VECTOR])), f"{ID}\t{NSID}".encode()
    found = count_traces(parquet({"arrays": pa.array([arrays, None]), "line": pa.array([None, line])}), TRACES)
    assert {*found} == {"vector", "id", "nsid"}


def test_statistics_of_columns_are_searched() -> None:
    stats = parquet({"person": pa.array(["Ada_Lovelace"])}, use_dictionary=False)
    assert count_traces(stats, TRACES)["name"] >= 2  # the value, and the least and the greatest one


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lambda text: gzip.compress(bz2.compress(text))])
def test_packed_texts_are_unpacked(pack) -> None:
    assert count_traces(pack(f"by {NAME}".encode()), TRACES) == {"name": 1}


def test_a_clean_file_has_none() -> None:
    clean = {"photo_id": pa.array([2]), "owner": pa.array(["87654321@N00"]), "v": pa.array([VECTOR[::-1].tolist()])}
    assert not count_traces(parquet(clean), TRACES)
    assert not count_traces(b"", TRACES)
