"""The filter of false faces: how many false alarms it takes away, and how many faces with them. Beside it the filter of
random squares that the idea comes from. Every other person of --faces is the gallery that the radii are set by.

    .venv/bin/python benchmarks/nonfaces.py --nonfaces NONFACE --faces LFW --crowds WIDER/images \
        --truth WIDER/truth.json --out nonfaces.json
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import typer
from PIL import Image
from timing import machine, use_threads, write

from facejoin.conf.settings import DecodeSettings, DetectSettings, MtcnnSettings, YunetSettings, load_settings
from facejoin.demo.samples import SCENES, fetch_samples
from facejoin.jobs.downloads.weights import fetch_needed_weights
from facejoin.jobs.evaluate.measures.detection import matches, shorter_sides
from facejoin.jobs.evaluate.measures.intervals import wilson
from facejoin.udfs.recognition.nonface_filter import NonfaceFilter, fit_nonfaces
from facejoin.udfs.vision.analyse import Analyser
from facejoin.udfs.vision.decode import decode
from facejoin.udfs.vision.detection.detect import DETECTORS
from facejoin.udfs.vision.embedding.embed import EMBEDDERS
from facejoin.udfs.vision.engines.runtime import Runtimes, choose_runtimes
from facejoin.udfs.vision.nonface_crops import eager, nonface_crops

USUAL: dict[str, DetectSettings] = {"mtcnn": MtcnnSettings(), "yunet": YunetSettings()}
# Least scores, at which false alarms are counted; the default settings keep those of the first, of YuNet the second.
SCORES = {"mtcnn": (0.9, 0.7, 0.5), "yunet": (0.7, 0.5, 0.3)}
BATCH = 32  # photos
SQUARES, LEAST_SQUARE = 200, 24  # random squares of a photo; pixels a side, up to the whole photo
LARGE = 40  # pixels: the smallest face of use to a gallery
SAME_PERSON = EMBEDDERS[load_settings().vision.embed.model].same_person
ANY_SIZE = DecodeSettings(min_bytes=0)


@dataclass(frozen=True)
class Detections:
    boxes: np.ndarray  # (n, 4)
    scores: np.ndarray  # (n,)
    vectors: np.ndarray  # (n, d)

    def __getitem__(self, rows: np.ndarray) -> Detections:
        return Detections(self.boxes[rows], self.scores[rows], self.vectors[rows])

    def __len__(self) -> int:
        return len(self.scores)


def main(
    nonfaces: Annotated[Path, typer.Option(help="Folder with JPEGs without faces.", exists=True, file_okay=False)],
    faces: Annotated[Path, typer.Option(help="Folder of folders, one a person.", exists=True, file_okay=False)],
    crowds: Annotated[Path | None, typer.Option(help="Folder with the photos of --truth.", file_okay=False)] = None,
    truth: Annotated[Path | None, typer.Option(help="JSON: [{file, boxes: [[x1, y1, x2, y2]]}].")] = None,
    lookalikes_of: Annotated[
        Path | None, typer.Option("--from", help="Photos that the filter is made of; else the samples.")
    ] = None,
    threads: Annotated[int, typer.Option(min=1)] = 1,
    out: Annotated[Path, typer.Option(help="JSON report.")] = Path("build/benchmarks/nonfaces.json"),
    detector: Annotated[Literal["mtcnn", "yunet"], typer.Option()] = "mtcnn",
) -> None:
    use_threads(threads)
    runtimes, usual = choose_runtimes(load_settings().compute), USUAL[detector]
    fetch_needed_weights(load_settings().networks)
    subjects, owners = subjects_of(faces, networks(runtimes, usual))
    alarms = _alarms(nonfaces, runtimes, usual)
    small = crowd_faces(crowds, truth, networks(runtimes, usual)) if crowds and truth else None
    gallery = owners % 2 == 0
    of_run = {"machine": machine(threads), "detector": detector, "gallery": int(gallery.sum())}
    report: dict[str, Any] = of_run | {"filters": {}}
    for name, crops in {"lookalikes": _lookalikes, "random squares": _random_squares}.items():
        vectors = crops(_sources(lookalikes_of), runtimes, usual)
        nonface = fit_nonfaces(vectors, subjects.vectors[gallery], SAME_PERSON, DETECTORS[detector].sure)
        figures = judged(nonface, subjects, gallery, alarms, small, SCORES[detector])
        report["filters"][name] = {"crops": len(vectors)} | figures
    write(report, out)
    typer.echo(json.dumps(report["filters"], indent=1))


def judged(
    nonface: NonfaceFilter,
    subjects: Detections,
    gallery: np.ndarray,
    alarms: Mapping[str, Detections],
    small: Detections | None,
    scores: Sequence[float],
) -> dict[str, Any]:
    """How many are dropped of how many; `vectors_alone` is without the detector's word."""
    removed = {
        f"{way}, score {score}": _counts(nonface, found[found.scores >= score])
        for way, found in alarms.items()
        for score in scores
    }
    figures = {"false_alarms_removed": removed, "faces_lost": _counts(nonface, subjects)}
    figures["faces_lost_outside_the_gallery"] = _counts(nonface, subjects[~gallery])
    if small is not None:
        figures["crowd_faces_lost"] = _counts(nonface, small)
        figures[f"crowd_faces_{LARGE}_lost"] = _counts(nonface, small[shorter_sides(small.boxes) >= LARGE])
    return figures


def _counts(nonface: NonfaceFilter, found: Detections) -> dict[str, Any]:
    dropped = int(nonface.is_nonface(found.vectors, found.scores).sum())
    alone = int(nonface.is_nonface(found.vectors, np.zeros(len(found))).sum())
    return {"dropped": dropped, "of": len(found), "share_95": wilson(dropped, len(found)), "vectors_alone": alone}


def networks(runtimes: Runtimes, detect: DetectSettings) -> Analyser:
    settings = load_settings()
    vision = settings.vision.model_copy(update={"detect": detect, "decode": ANY_SIZE})
    return Analyser(vision, [Path(settings.cache)], runtimes)


def detected(photos: Iterable[np.ndarray], analyser: Analyser) -> list[Detections]:
    """Of each photo."""
    rest, found = iter(photos), []
    while batch := list(islice(rest, BATCH)):
        for photo, faces in zip(batch, analyser.detector.detect(batch), strict=True):
            vectors = analyser.embedder.embed(analyser.embedder.crops(photo, faces.landmarks))
            found.append(Detections(faces.boxes, faces.scores, vectors))
    return found


def joined(found: Iterable[Detections]) -> Detections:
    parts = [(one.boxes, one.scores, one.vectors) for one in found]
    return Detections(*(np.concatenate(part) for part in zip(*parts, strict=True)))


def subjects_of(folder: Path, analyser: Analyser) -> tuple[Detections, np.ndarray]:
    """The face nearest to the middle of each photo in which there is one, and the number of its person."""
    files = sorted(folder.rglob("*.jpg"))
    people = {person: number for number, person in enumerate(sorted({path.parent.name for path in files}))}
    subjects, owners = [], []
    for path, found in zip(files, detected(map(_rgb, files), analyser), strict=True):
        if len(found):
            with Image.open(path) as photo:
                middle = np.array(photo.size) / 2
            centres = (found.boxes[:, :2] + found.boxes[:, 2:]) / 2
            subjects.append(found[np.linalg.norm(centres - middle, axis=1).argsort()[:1]])
            owners.append(people[path.parent.name])
    return joined(subjects), np.array(owners)


def crowd_faces(folder: Path, truth: Path, analyser: Analyser) -> Detections:
    """The detections that found a true face."""
    listed = json.loads(truth.read_text())
    found = detected((_rgb(folder / photo["file"]) for photo in listed), analyser)
    boxes = [np.array(photo["boxes"], float).reshape(-1, 4) for photo in listed]
    return joined(own[matches(true, own.boxes)[1]] for true, own in zip(boxes, found, strict=True))


def _alarms(folder: Path, runtimes: Runtimes, usual: DetectSettings) -> dict[str, Detections]:
    """What is found where no face is: in the photos as they are, and in all eight ways to turn and mirror them."""
    least: dict[str, Any] = {"min_score": min(SCORES[usual.model])}
    if isinstance(usual, MtcnnSettings):
        least["thresholds"] = (*usual.thresholds[:2], least["min_score"])
    analyser = networks(runtimes, usual.model_copy(update=least))
    photos = [_rgb(path) for path in sorted(folder.rglob("*.jpg"))]
    views = {
        (mirror, turns): joined(detected((np.rot90(photo[:, ::mirror], turns) for photo in photos), analyser))
        for mirror in (1, -1)
        for turns in range(4)
    }
    return {"as they are": views[1, 0], "eight ways": joined(views.values())}


def _sources(folder: Path | None) -> list[Path]:
    if folder is not None:
        return sorted(folder.rglob("*.jpg"))
    samples = fetch_samples(Path(load_settings().cache))
    return [samples.path(name) for name in SCENES]


def _lookalikes(files: list[Path], runtimes: Runtimes, usual: DetectSettings) -> np.ndarray:
    analyser = networks(runtimes, eager(usual))
    return np.concatenate([nonface_crops(path.read_bytes(), analyser, ANY_SIZE).vectors for path in files])


def _random_squares(files: list[Path], runtimes: Runtimes, usual: DetectSettings) -> np.ndarray:
    """Of every size alike, as the embedder sees a crop."""
    embedder = networks(runtimes, usual).embedder
    rng = np.random.default_rng(0)
    crops = [_square(photo, rng, embedder.kind.size) for photo in map(_rgb, files) for _ in range(SQUARES)]
    return embedder.embed(crops)


def _square(photo: np.ndarray, rng: np.random.Generator, size: int) -> np.ndarray:
    side = int(np.exp(rng.uniform(np.log(LEAST_SQUARE), np.log(min(photo.shape[:2])))))
    top, left = (int(rng.integers(0, length - side + 1)) for length in photo.shape[:2])
    square = Image.fromarray(photo[top : top + side, left : left + side])
    return np.asarray(square.resize((size, size), Image.Resampling.BILINEAR))


def _rgb(path: Path) -> np.ndarray:
    return decode(path.read_bytes(), ANY_SIZE)


if __name__ == "__main__":
    typer.run(main)
