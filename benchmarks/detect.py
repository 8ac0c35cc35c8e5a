"""Detection beside facenet-pytorch's MTCNN as it comes: time, recall and false alarms at minimum faces of 20 and 40
pixels. The photos are decoded beforehand; both see the same batch of them in turn, ours at once, the peer one by one.

    .venv/bin/python benchmarks/detect.py --faces WIDER/images --truth WIDER/truth.json --nonfaces NONFACE \
        --detector yunet
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import typer
from facenet_pytorch import MTCNN
from floor import multiply_adds_per_second, work_of
from PIL import Image
from recall import Boxes, accuracy
from rich.console import Console
from rich.table import Table
from timing import batches_of, in_turn, machine, ratio, spread, total, use_threads, write

from facejoin.conf.settings import ComputeSettings, DetectSettings, MtcnnSettings, YunetSettings, load_settings
from facejoin.jobs.downloads.weights import fetch_weights
from facejoin.udfs.vision.detection.detect import load_detector
from facejoin.udfs.vision.detection.detector import Detector
from facejoin.udfs.vision.engines.runtime import Runtime, choose_runtime

PEER = "facenet_pytorch"
MIN_FACES = (20, 40)  # pixels
BATCH = 32  # photos
WARM_UPS = 4  # rounds; a size of photos that comes so often is compiled for, as it soon is in a crawl
NOISE_SIDE, NOISE_PHOTOS = 1024, 9

Photos = Sequence[np.ndarray]
Finder = Callable[[Photos], Boxes]


def main(
    faces: Annotated[Path, typer.Option(help="Folder with the photos of --truth.", exists=True, file_okay=False)],
    truth: Annotated[Path, typer.Option(help="JSON: [{file, boxes: [[x1, y1, x2, y2]]}].", exists=True)],
    nonfaces: Annotated[Path, typer.Option(help="Folder with JPEGs without faces.", exists=True, file_okay=False)],
    threads: Annotated[int, typer.Option(min=1)] = 1,
    out: Annotated[Path, typer.Option(help="JSON report.")] = Path("build/benchmarks/detect.json"),
    detector: Annotated[Literal["mtcnn", "yunet"], typer.Option(help="Ours.")] = "mtcnn",
    rounds: Annotated[int, typer.Option(min=1)] = 3,
) -> None:
    use_threads(threads)
    runtime = choose_runtime(ComputeSettings())
    crowds, boxes = with_truth(faces, truth)
    empty = [rgb(path) for path in sorted(nonfaces.rglob("*.jpg"))]
    report = {
        "machine": machine(threads) | {"engine": runtime.engine, "precision": str(runtime.precision).split(".")[1]},
        "detector": detector,
        "photos": {"faces": len(crowds), "nonfaces": len(empty), "rounds": rounds},
    }
    cache = Path(load_settings().cache).expanduser()
    if detector == "yunet":
        fetch_weights("yunet", cache)
    for size in MIN_FACES:
        report[str(size)] = measured(settings_of(detector, size), cache, runtime, crowds, boxes, empty, rounds)
    report["noise"] = noise(load_detector(settings_of(detector, MIN_FACES[0]), [cache], runtime), crowds, rounds)
    write(report, out)
    Console().print(table(report))


def with_truth(folder: Path, truth: Path) -> tuple[Photos, Boxes]:
    """The photos that the file lists, and the true faces of each."""
    listed = json.loads(truth.read_text())
    boxes = [np.array(photo["boxes"]).reshape(-1, 4) for photo in listed]
    return [rgb(folder / photo["file"]) for photo in listed], boxes


def rgb(path: Path) -> np.ndarray:
    with Image.open(path) as photo:
        return np.asarray(photo.convert("RGB"))


def settings_of(detector: str, min_face: int) -> DetectSettings:
    """With every face that a cascade finds, as the peer's; YuNet finds a face by its score alone."""
    return YunetSettings(min_face=min_face) if detector == "yunet" else MtcnnSettings(min_face=min_face, min_score=0)


def measured(
    settings: DetectSettings,
    weights: Path,
    runtime: Runtime,
    crowds: Photos,
    truth: Boxes,
    empty: Photos,
    rounds: int,
) -> dict[str, Any]:
    detector = load_detector(settings, [weights], runtime)
    finders: dict[str, Finder] = {"ours": lambda photos: _ours(detector, photos), PEER: _peer(settings.min_face)}
    figures: dict[str, Any] = {}
    found: dict[str, dict[str, Boxes]] = {}
    for kind, photos in (("faces", crowds), ("nonfaces", empty)):
        batches = batches_of(photos, BATCH)
        found[kind] = {name: list(chain(*map(find, batches))) for name, find in finders.items()}  # warms up as well
        for batch in batches * (WARM_UPS - 1):
            detector.detect(batch)
        work = work_of(settings, [weights], runtime, batches)
        seconds = in_turn(finders, batches, rounds)
        figures[f"ratio_{kind}"] = ratio(seconds[PEER], seconds["ours"])
        figures[f"ms_{kind}"] = {name: round(total(own) / len(photos) * 1000, 2) for name, own in seconds.items()}
        floor = work / multiply_adds_per_second(runtime)
        figures[f"floor_share_{kind}"] = round(floor / total(seconds["ours"]), 3)
    return figures | accuracy(truth, found["faces"], found["nonfaces"])


def _ours(detector: Detector, photos: Photos) -> Boxes:
    return [faces.boxes for faces in detector.detect(photos)]


def _peer(min_face: int) -> Finder:
    mtcnn = MTCNN(min_face_size=min_face, keep_all=True, device="cpu")

    def find(photos: Photos) -> Boxes:
        found = [mtcnn.detect(photo)[0] for photo in photos]
        return [np.zeros((0, 4)) if boxes is None else boxes.astype(float) for boxes in found]

    return find


def noise(detector: Detector, photos: Photos, rounds: int) -> dict[str, float]:
    """A photo of nothing but noise beside real ones of the same size, each alone."""
    size = (NOISE_SIDE, NOISE_SIDE)
    real = [np.asarray(Image.fromarray(photo).resize(size)) for photo in spread(photos, NOISE_PHOTOS)]
    noisy = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    seconds = [[_seconds(detector, photo) for photo in [noisy, *real]] for _ in range(rounds + 1)][1:]
    of_noise, *of_real = (statistics.median(times) * 1000 for times in zip(*seconds, strict=True))
    middle = statistics.median(of_real)
    return {
        "noise_ms": round(of_noise, 1),
        "median_photo_ms": round(middle, 1),
        "ratio": round(of_noise / middle, 2),
    }


def _seconds(detector: Detector, photo: np.ndarray) -> float:
    start = time.perf_counter()
    detector.detect([photo])
    return time.perf_counter() - start


def table(report: Mapping[str, Any]) -> Table:
    rows = Table("min face", "", "ours", "facenet-pytorch", "ratio")
    for size in map(str, MIN_FACES):
        figures = report[size]
        for name in ("ms_faces", "ms_nonfaces", "recall_24", "recall_40", "false_alarm_photos"):
            faster = figures.get(name.replace("ms", "ratio"), "") if name.startswith("ms") else ""
            rows.add_row(size, name, str(figures[name]["ours"]), str(figures[name][PEER]), str(faster))
    rows.add_row("20", "noise / median photo", str(report["noise"]["ratio"]), "", "")
    return rows


if __name__ == "__main__":
    typer.run(main)
