"""A small warehouse with a page, in which a photo, an owner and people have left their traces everywhere."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from pyspark.sql import SparkSession

from facejoin.conf.schemas import MATCHES, PHOTOS, QUARANTINE, RESULTS
from facejoin.conf.settings import GalleryKind, load_settings
from facejoin.jobs.site.pages import write_pages
from facejoin.jobs.store.galleries import write_gallery
from facejoin.jobs.store.list_report import ListReport
from facejoin.jobs.store.match_report import FalseMatches, MatchReport
from facejoin.jobs.store.once import Run, record, record_plain
from facejoin.jobs.store.warehouse import Warehouse
from facejoin.udfs.recognition.training.train import TrainingSet, train
from facejoin.udfs.vision.analyse import model_version

SETTINGS = load_settings()
VERSION = model_version(SETTINGS.vision)
ANN, BOB, ZOE = "Ann_Made_Up", "Bob_Made_Up", "Zoë_O'Made_Up"
ALICE, CAROL = "11111111@N01", "33333333@N03"
PHOTOS_OF = {
    4000000001: ALICE,
    4000000002: ALICE,
    4000000003: CAROL,
    4000000004: CAROL,
    4000000005: ALICE,
    4000000006: ALICE,
}
SEEN: dict[int, list[str | None]] = {
    4000000001: [ANN],
    4000000002: [BOB, ZOE],
    4000000003: [BOB],
    4000000004: [None],
    4000000005: [ZOE, None],
}
COPY, OTHER = 4000000006, "another-version"  # of photo 1; of the model, under which photo 5 was crawled too
BOXES = np.array([[10, 10, 40, 40], [60, 10, 90, 40]], float)  # of the first and the second face, in pixels of 100
LIST = "file:/lists/made_up.tsv"
DIMENSIONS = 128


@dataclass(frozen=True)
class MadeUp:
    warehouse: Warehouse
    site: Path
    vectors: dict[tuple[int | str, int], np.ndarray]  # of each photo's faces, and of the other version's
    references: dict[str, list[np.ndarray]]


def url(photo: int) -> str:
    return f"http://farm1.test/1/{photo}_abc.jpg"


def page(photo: int) -> str:
    return f"http://pages.test/{PHOTOS_OF[photo]}/{photo}/"


def make_up(spark: SparkSession, folder: Path, kind: GalleryKind = "centred_cosine") -> MadeUp:
    rng = np.random.default_rng(3)
    warehouse = Warehouse(spark, str(folder / "warehouse"))
    people = (ANN, BOB, ZOE)
    directions = _unit(rng.normal(size=(3, DIMENSIONS)))
    owners = np.repeat(np.arange(3), 4)
    vectors = _unit(directions[owners] + 0.03 * rng.normal(size=(12, DIMENSIONS)))
    files = tuple(f"{people[owner]}/{number}.jpg" for number, owner in enumerate(owners))
    trained = TrainingSet(vectors, vectors, owners, people, files)
    gallery = train(trained, kind, fpir=0.01, same_person=0.363, model_version=VERSION)
    references = [
        {"person": people[owner], "file": file, "sha256": f"{number:064d}", "verdict": "used", "detail": None,
         "embedding": vector.tolist()}
        for number, (owner, file, vector) in enumerate(zip(owners, files, vectors, strict=True))
    ]  # fmt: skip
    write_gallery(warehouse, gallery, [_filled(row) for row in references])
    faces: dict[tuple[int | str, int], np.ndarray] = {
        (photo, place): _unit(rng.normal(size=(1, DIMENSIONS)))[0]
        for photo, seen in SEEN.items()
        for place in range(len(seen))
    }
    faces |= {(OTHER, place): _unit(rng.normal(size=(1, DIMENSIONS)))[0] for place in (0, 1)}
    _add_collection(spark, warehouse, faces)
    _add_matches(spark, warehouse, gallery.digest)
    _add_runs(warehouse, gallery.digest, folder / "site")
    write_pages(warehouse, VERSION, gallery.digest, folder / "site")
    own = {person: [*vectors[owners == row]] for row, person in enumerate(people)}
    return MadeUp(warehouse, folder / "site", faces, own)


def _unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def _filled(row: dict[str, Any]) -> dict[str, Any]:
    return dict.fromkeys(("size", "score", "sharpness", "yaw", "pitch", "roll"), 1.0) | row


def _add_collection(spark: SparkSession, warehouse: Warehouse, faces: dict[Any, np.ndarray]) -> None:
    photos = [
        {"photo_id": photo, "bucket": photo % 7, "source_file": LIST, "owner": owner, "owner_name": f"of {owner}",
         "download_url": url(photo), "page_url": page(photo), "title": f"title {photo}"}
        for photo, owner in PHOTOS_OF.items()
    ]  # fmt: skip
    warehouse.append("photos", spark.createDataFrame(photos, PHOTOS).coalesce(1))
    lines = [f"{photo}\t{PHOTOS_OF[photo]}\t{url(photo)}".encode() for photo in (4000000001, 4000000002)]
    lines += [url(4000000001).encode() + b"\tno number", b"\xff\xfe " + CAROL.encode(), b"nothing", b"4000000"]
    quarantine = [{"source_file": LIST, "line": line, "reason": "columns"} for line in lines]
    warehouse.append("quarantine", spark.createDataFrame(quarantine, QUARANTINE).coalesce(1))
    results = [
        {"photo_id": photo, "bucket": photo % 7, "model_version": VERSION, "attempt": 1, "status": "faces",
         "width": 100, "height": 100, "faces": [_face(place, faces[photo, place]) for place in range(len(seen))]}
        for photo, seen in SEEN.items()
    ]  # fmt: skip
    results += _again(results, faces)
    for result in results:  # a commit each
        warehouse.append("results", spark.createDataFrame([result], RESULTS).coalesce(1))


def _face(place: int, vector: np.ndarray) -> dict[str, Any]:
    return {"box": BOXES[place].tolist(), "score": 0.9, "size": 50.0, "embedding": vector.tolist()}


def _again(results: list[dict[str, Any]], faces: dict[Any, np.ndarray]) -> list[dict[str, Any]]:
    """Photo 5 under another model version, at twice the size and in another order, with vectors of its own; and a copy
    of photo 1 by another owner, whose face matches nobody."""
    shown = [{"box": (BOXES[place] * 2).tolist(), "embedding": faces[OTHER, place].tolist()} for place in (1, 0)]
    [copied] = [result for result in results if result["photo_id"] == 4000000001]
    other = {"photo_id": 4000000005, "bucket": 1, "model_version": OTHER, "attempt": 1, "width": 200, "height": 200}
    return [other | {"status": "faces", "faces": shown}, copied | {"photo_id": COPY}]


def _add_matches(spark: SparkSession, warehouse: Warehouse, gallery: str) -> None:
    matches = [
        {"gallery": gallery, "photo_id": photo, "face": place, "person": person, "confidence": 0.9, "similarity": 0.8,
         "threshold": 0.5, "nearest_reference": f"{person}/1.jpg", "runner_up": ANN if person != ANN else BOB,
         "runner_up_confidence": 0.1, "box": [1.0, 1.0, 8.0, 8.0]}
        for photo, seen in SEEN.items() for place, person in enumerate(seen) if person is not None
    ]  # fmt: skip
    warehouse.append("matches", spark.createDataFrame(matches, MATCHES).coalesce(1))


def _add_runs(warehouse: Warehouse, gallery: str, site: Path) -> None:
    read = ListReport(LIST, lines=12, photos=6, quarantined={"columns": 6})
    false = FalseMatches(0.3, 0, 1, 60, "60 faces", False, {ANN: 0.1, BOB: 0.1, ZOE: 0.1})
    matched = MatchReport(gallery, 0.5, "as given", 7, 0, 5, 3, 0, {ANN: 1, BOB: 2, ZOE: 2}, false)
    record(warehouse, [(Run("manifest", LIST, "i"), read)], 1.0)
    record(warehouse, [(Run("match", gallery, "j"), matched)], 1.0)
    enrolled = {
        "gallery": gallery,
        "unused": [{"file": f"{ANN}/x.jpg", "verdict": "no_face"}],
        "audit": [{"people": [ANN, BOB]}],
    }
    record_plain(
        warehouse, [(Run("enroll", "gallery", "k"), enrolled), (Run("publish", str(site), "l"), {"pictures": 5})], 1.0
    )


def all_bytes(folder: Path) -> bytes:
    """Of all files below it, and the values in Parquet files once more: a search by other means than the project's."""
    parts: list[bytes] = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        parts.append(path.read_bytes())
        if path.suffix == ".parquet":
            parts += [value for row in pq.read_table(path).to_pylist() for value in _values(row)]
    return b"\n".join(parts)


def _values(value: Any) -> Iterator[bytes]:
    if isinstance(value, dict):
        for one in value.values():
            yield from _values(one)
    elif isinstance(value, list) and value and isinstance(value[0], float):
        yield np.array(value, np.float32).tobytes()
    elif isinstance(value, list):
        for one in value:
            yield from _values(one)
    else:
        yield value if isinstance(value, bytes) else str(value).encode()
