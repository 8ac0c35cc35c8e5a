"""Rows of what is found in files, column by column: real networks and Arrow batches, without Spark."""

import io
from collections.abc import Callable
from copy import copy
from hashlib import sha256

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image
from pyspark.sql.types import ArrayType, FloatType, IntegerType, StringType, StructField, StructType

from facejoin.conf.schemas import FACE
from facejoin.conf.settings import DecodeSettings, Settings
from facejoin.demo.samples import Samples
from facejoin.udfs.arrow import record_batch
from facejoin.udfs.rows import Row
from facejoin.udfs.search_files import find_nonfaces, find_references, nonface_rows, reference_rows
from facejoin.udfs.vision.analyse import Analyser

FILE = StructType([StructField(name, StringType()) for name in ("path", "sha256", "status", "error")])
FILE = FILE.add("width", IntegerType()).add("height", IntegerType())
FOUND = StructType([*FILE.fields, StructField("faces", ArrayType(FACE))])
BOTH_WAYS = StructType([*FACE.fields, StructField("mirrored", ArrayType(FloatType()))])
FOUND_BOTH_WAYS = StructType([*FILE.fields, StructField("faces", ArrayType(BOTH_WAYS))])
NONFACES = StructType([StructField(name, StringType()) for name in ("path", "status", "detail")])
NONFACES = NONFACES.add("vectors", ArrayType(ArrayType(FloatType())))
FILES = pa.schema({"path": pa.string(), "content": pa.binary()})
MOST = 12


def png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def in_batches(bodies: dict[str, bytes], size: int) -> list[pa.RecordBatch]:
    files = [{"path": path, "content": body} for path, body in bodies.items()]
    parts = [files[start : start + size] for start in range(0, len(files), size)]
    return [pa.RecordBatch.from_pylist(part, schema=FILES) for part in parts]


@pytest.fixture(scope="module")
def bodies(head: Callable[[str], np.ndarray]) -> dict[str, bytes]:
    """path → content; none has as many bytes as a photo of the collection must have."""
    one, other = (np.asarray(Image.fromarray(head(name)).resize((100, 100))) for name in ("astronaut.png", "biden.jpg"))
    return {
        "people/one.png": png(one),
        "people/two.png": png(np.hstack([one, other])),
        "people/nobody.png": png(np.full((90, 120, 3), 100, np.uint8)),
        "people/broken.png": png(one)[:3000],
        "people/note.png": b"no picture",
    }


@pytest.fixture(scope="module")
def demanding(analyser: Analyser) -> Analyser:
    """The same networks under the crawl's settings, which refuse files of so few bytes."""
    networks = copy(analyser)
    networks.settings = analyser.settings.model_copy(update={"decode": DecodeSettings()})
    return networks


@pytest.fixture(scope="module")
def found(bodies: dict[str, bytes], demanding: Analyser) -> list[list[Row]]:
    assert min(map(len, bodies.values())) < demanding.settings.decode.min_bytes
    return list(reference_rows(iter(in_batches(bodies, 2)), demanding, mirrored=True))


@pytest.fixture(scope="module")
def rows(found: list[list[Row]]) -> dict[str, Row]:
    stored = pa.Table.from_batches([record_batch(part, FOUND_BOTH_WAYS) for part in found]).to_pylist()
    return {row["path"]: row for row in stored}


def test_every_file_is_one_row_in_its_place_of_its_batch(found: list[list[Row]], bodies: dict[str, bytes]) -> None:
    assert [len(part) for part in found] == [2, 2, 1]
    assert [row["path"] for part in found for row in part] == list(bodies)


def test_a_file_has_its_status_and_its_number_of_faces_however_few_bytes_it_has(
    rows: dict[str, Row],
) -> None:
    assert {path: (row["status"], len(row["faces"] or [])) for path, row in rows.items()} == {
        "people/one.png": ("faces", 1),
        "people/two.png": ("faces", 2),
        "people/nobody.png": ("no_face", 0),
        "people/broken.png": ("corrupt", 0),
        "people/note.png": ("unsupported", 0),
    }
    assert rows["people/nobody.png"]["faces"] is None


def test_hash_size_and_error_are_the_files_own(rows: dict[str, Row], bodies: dict[str, bytes]) -> None:
    assert all(row["sha256"] == sha256(bodies[path]).hexdigest() for path, row in rows.items())
    sizes = {path: (row["width"], row["height"]) for path, row in rows.items() if row["error"] is None}
    assert sizes == {"people/one.png": (100, 100), "people/two.png": (200, 100), "people/nobody.png": (120, 90)}
    assert all(row["width"] is None and row["height"] is None for row in rows.values() if row["error"] is not None)


def test_a_face_has_the_vectors_of_both_ways_round_where_the_schema_has_room_for_them(
    rows: dict[str, Row], found: list[list[Row]], bodies: dict[str, bytes]
) -> None:
    (face,) = rows["people/one.png"]["faces"]
    there, back = (np.array(face[name]) for name in ("embedding", "mirrored"))
    assert np.linalg.norm(there) == pytest.approx(1, abs=1e-5)
    assert np.linalg.norm(back) == pytest.approx(1, abs=1e-5)
    assert 0.5 < there @ back < 0.9999
    ((without,), *_) = (row["faces"] for row in record_batch(found[0], FOUND).to_pylist())
    assert without == {name: value for name, value in face.items() if name != "mirrored"}


def test_without_mirrored_no_face_is_embedded_twice(bodies: dict[str, bytes], demanding: Analyser) -> None:
    batch = in_batches({"one": bodies["people/one.png"]}, 1)
    ((row,),) = reference_rows(iter(batch), demanding, mirrored=False)
    assert [face["mirrored"] for face in row["faces"]] == [None]


@pytest.fixture(scope="module")
def nonfaces(samples: Samples, eager_analyser: Analyser) -> dict[str, Row]:
    names = ("grass.png", "astronaut.png", "brick.png")
    files = {name: samples.path(name).read_bytes() for name in names} | {"note": b"no picture"}
    found = nonface_rows(iter(in_batches(files, 3)), eager_analyser, MOST)
    stored = pa.Table.from_batches([record_batch([row], NONFACES) for row in found]).to_pylist()
    return {row["path"]: row for row in stored}


def test_a_photo_without_faces_gives_vectors_and_one_with_a_face_or_none_at_all_says_why_not(
    nonfaces: dict[str, Row],
) -> None:
    assert {path: (row["status"], len(row["vectors"])) for path, row in nonfaces.items()} == {
        "grass.png": ("used", MOST),
        "astronaut.png": ("faces", 0),
        "brick.png": ("used", 0),
        "note": ("unsupported", 0),
    }
    assert {path for path, row in nonfaces.items() if row["detail"] is None} == {"grass.png", "brick.png"}


def test_vectors_of_no_faces_are_an_embedders(nonfaces: dict[str, Row]) -> None:
    vectors = np.array(nonfaces["grass.png"]["vectors"])
    assert vectors.shape == (MOST, 128)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


@pytest.mark.parametrize(
    "make",
    [
        lambda networks: find_references(networks, FOUND),
        lambda networks: find_nonfaces(networks, NONFACES, MOST),
    ],
)
def test_outside_a_task_of_spark_the_stages_refuse(make: Callable) -> None:
    with pytest.raises(RuntimeError, match="inside a Spark task only"):
        next(make(Settings().networks)(iter([])))
