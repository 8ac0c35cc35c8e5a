"""Rows of `results`, column by column: real networks, a real server and Arrow batches, without Spark."""

import io
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from hashlib import sha256
from ipaddress import IPv4Network
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image
from pyspark.sql.pandas.types import from_arrow_schema

from facejoin.conf.schemas import RESULTS
from facejoin.conf.settings import CrawlSettings, FetchSettings, Settings
from facejoin.demo.photo_server import Fault, PhotoServer
from facejoin.udfs.arrow import record_batch
from facejoin.udfs.find_faces import find_faces, result_rows
from facejoin.udfs.rows import Row
from facejoin.udfs.vision.analyse import Analyser
from facejoin.udfs.web.fetch import Fetcher

CRAWL = CrawlSettings(
    fetch=FetchSettings(allowed_networks=(IPv4Network("127.0.0.1/32"),), retries=0, concurrency=4), photo_batch=3
)  # fewer than there are photos
CONSTANTS = {"model_version": "networks-1", "wave": "0-2047"}
UNFINISHED = pa.schema(
    {
        "photo_id": pa.int64(),
        "bucket": pa.int32(),
        "download_url": pa.string(),
        "attempt": pa.int32(),
        "status": pa.string(),
    }
)
# What each photo is to become; its number is its place in this list.
STATUS = {
    "face": "faces",
    "nobody": "no_face",
    "cut off": "corrupt",
    "page": "unsupported",
    "gone": "gone",
    "busy": "rate_limited",
    "no address": "not_image_url",
    "opted out owner": "suppressed",
}
FAULTS = {"page": Fault.WRONG_TYPE, "gone": Fault.GONE, "busy": Fault.RATE_LIMITED}
ARRIVED = ("face", "nobody", "cut off")
DECODED = ("face", "nobody")
Rows = dict[str, Row]


def png(pixels: np.ndarray, **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", **options)
    return buffer.getvalue()


def exif() -> Image.Exif:
    """A camera's, with an owner's name and a place."""
    exif = Image.Exif()
    exif[0x010F], exif[0x0110], exif[0x0131], exif[0x013B] = "Canon", "EOS 5D", "\0", "Ada"
    exif.get_ifd(0x8769).update({0xA434: "EF50mm f/1.8", 0x9003: "2009:06:12 12:30:05", 0xA430: "Ada"})
    exif.get_ifd(0x8825)[1] = "N"
    return exif


@pytest.fixture(scope="module")
def bodies(head: Callable[[str], np.ndarray]) -> dict[str, bytes]:
    """What the server has: a photo is at /its name.png."""
    portrait = png(np.asarray(Image.fromarray(head("astronaut.png")).resize((200, 160))), exif=exif())
    nobody = png(np.full((90, 120, 3), 100, np.uint8), exif=exif())
    return {"face": portrait, "nobody": nobody, "cut off": portrait[:4000]}


@pytest.fixture(scope="module")
def server(bodies: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory) -> Iterator[PhotoServer]:
    folder: Path = tmp_path_factory.mktemp("photos")
    for name, body in bodies.items():
        (folder / f"{name.replace(' ', '-')}.png").write_bytes(body)
    with PhotoServer(folder, faults={f"/{name}.png": fault for name, fault in FAULTS.items()}) as running:
        yield running


@pytest.fixture(scope="module")
def todo(server: PhotoServer) -> list[pa.RecordBatch]:
    """Photos that are yet to be crawled, in two batches; the last one comes with its status."""
    rows = [
        {
            "photo_id": number,
            "bucket": 100 + number,
            "download_url": server.url(f"{name.replace(' ', '-')}.png"),
            "attempt": 1 + number % 2,
            "status": None,
        }
        for number, name in enumerate(STATUS)
    ]
    *_, no_address, opted_out = rows
    no_address["download_url"] = "photos/6.png"
    opted_out["status"] = "suppressed"
    return [pa.RecordBatch.from_pylist(part, schema=UNFINISHED) for part in (rows[:5], rows[5:])]


@pytest.fixture(scope="module")
def started() -> datetime:
    return datetime.now(UTC)


@pytest.fixture(scope="module")
def batches(todo: list[pa.RecordBatch], analyser: Analyser, started: datetime) -> list[pa.RecordBatch]:
    with Fetcher(CRAWL.fetch) as fetcher:
        found = result_rows(iter(todo), analyser, fetcher, CRAWL)
        return [record_batch([row | CONSTANTS for row in rows], RESULTS) for rows in found]


@pytest.fixture(scope="module")
def rows(started: datetime, batches: list[pa.RecordBatch]) -> Rows:
    by_number = {row["photo_id"]: row for batch in batches for row in batch.to_pylist()}
    return {name: by_number[number] for number, name in enumerate(STATUS)}


def test_every_photo_is_one_row_with_its_outcome(batches: list[pa.RecordBatch], rows: Rows) -> None:
    assert sorted(number for batch in batches for number in batch["photo_id"].to_pylist()) == list(range(len(STATUS)))
    assert {name: row["status"] for name, row in rows.items()} == STATUS


def test_the_columns_are_those_of_results_in_name_type_and_order(batches: list[pa.RecordBatch]) -> None:
    for batch in batches:
        assert from_arrow_schema(batch.schema).simpleString() == RESULTS.simpleString()
        assert batch.schema.field("crawled_at").type == pa.timestamp("us", "UTC")
        assert batch.schema.field("photo_id").type == pa.int64()


def test_at_most_a_photo_batch_of_rows_comes_at_a_time(batches: list[pa.RecordBatch]) -> None:
    assert [batch.num_rows for batch in batches] == [3, 3, 2]


def test_what_the_list_says_and_what_is_the_same_for_all_stands_in_every_row(rows: Rows) -> None:
    for number, row in enumerate(rows.values()):
        assert (row["photo_id"], row["bucket"], row["attempt"]) == (number, 100 + number, 1 + number % 2)
        assert (row["model_version"], row["wave"]) == ("networks-1", "0-2047")


def test_the_http_status_is_there_where_the_server_answered(rows: Rows) -> None:
    statuses = {name: row["http_status"] for name, row in rows.items()}
    answered = {"face": 200, "nobody": 200, "cut off": 200, "page": 200, "gone": 410, "busy": 429}
    assert statuses == answered | {"no address": None, "opted out owner": None}


def test_an_error_is_there_where_something_went_wrong(rows: Rows) -> None:
    fine = {name for name, row in rows.items() if row["error"] is None}
    assert fine == {"face", "nobody", "opted out owner"}
    assert all("\n" not in row["error"] for name, row in rows.items() if name not in fine)


def test_bytes_and_hash_are_those_of_what_arrived(rows: Rows, bodies: dict[str, bytes]) -> None:
    for name, row in rows.items():
        arrived = (len(bodies[name]), sha256(bodies[name]).hexdigest()) if name in ARRIVED else (None, None)
        assert (row["bytes"], row["sha256"]) == arrived, name


def test_width_and_height_are_those_of_the_decoded_photo(rows: Rows) -> None:
    sizes = {name: (row["width"], row["height"]) for name, row in rows.items() if row["width"] or row["height"]}
    assert sizes == {"face": (200, 160), "nobody": (120, 90)}


def test_what_the_file_says_of_its_camera_is_there_with_faces_and_without_and_nothing_else_of_it(rows: Rows) -> None:
    said = {name: row["exif"] for name, row in rows.items() if row["exif"] is not None}
    taken = datetime(2009, 6, 12, 12, 30, 5, tzinfo=UTC)
    kept = {"make": "Canon", "model": "EOS 5D", "lens": "EF50mm f/1.8", "software": None, "taken": taken}
    assert said == {"face": kept, "nobody": kept}
    assert "Ada" not in str(rows)


def test_faces_are_null_where_there_are_none(rows: Rows) -> None:
    assert {name for name, row in rows.items() if row["faces"] is not None} == {"face"}


def test_a_faces_columns_are_what_the_networks_find_in_the_same_bytes(
    rows: Rows, bodies: dict[str, bytes], analyser: Analyser
) -> None:
    ((face,),) = [found.faces for found in analyser.analyse([bodies["face"]])]
    (row,) = rows["face"]["faces"]
    assert row["box"] == pytest.approx(face.box.tolist(), abs=1)
    assert row["landmarks"] == pytest.approx(face.landmarks.ravel().tolist(), abs=1)
    assert row["score"] == pytest.approx(face.score, abs=1e-3)
    assert row["size"] == pytest.approx(min(row["box"][2] - row["box"][0], row["box"][3] - row["box"][1]))
    quality = [row[name] for name in ("sharpness", "yaw", "pitch", "roll")]
    expected = [face.quality.sharpness, face.quality.yaw, face.quality.pitch, face.quality.roll]
    assert quality == pytest.approx(expected, rel=1e-2, abs=0.1)
    assert np.dot(row["embedding"], face.embedding) == pytest.approx(1, abs=1e-4)
    assert "mirrored" not in row


def test_the_seconds_of_a_step_are_zero_where_it_was_not_done(rows: Rows) -> None:
    asked_for = set(STATUS) - {"opted out owner"}
    done = {"download": asked_for, "decode": set(ARRIVED), "detect": set(DECODED), "embed": set(DECODED)}
    for step, names in done.items():
        assert {name for name, row in rows.items() if row["seconds"][step] > 0} == names, step
    assert all(seconds >= 0 for row in rows.values() for seconds in row["seconds"].values())


def test_every_row_says_when_it_was_made(rows: Rows, started: datetime) -> None:
    for row in rows.values():
        assert started <= row["crawled_at"] <= datetime.now(UTC)


def test_a_photo_with_a_status_is_never_asked_for(rows: Rows, server: PhotoServer) -> None:
    assert rows["opted out owner"]["status"] == "suppressed"
    asked_for = {path for path in server.requests if path != "/robots.txt"}
    assert asked_for == {"/face.png", "/nobody.png", "/cut-off.png", "/page.png", "/gone.png", "/busy.png"}


def test_no_photos_are_no_rows(analyser: Analyser) -> None:
    with Fetcher(CRAWL.fetch) as fetcher:
        assert list(result_rows(iter([]), analyser, fetcher, CRAWL)) == []


def test_outside_a_task_of_spark_the_stage_refuses() -> None:
    stage = find_faces(Settings().networks, CRAWL, CONSTANTS)
    with pytest.raises(RuntimeError, match="inside a Spark task only"):
        next(stage(iter([])))
