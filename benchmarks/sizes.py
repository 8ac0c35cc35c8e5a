"""Recall of both detectors by the size of the face and of the photo, in photos composed of known faces; and the time
that they take for a megapixel, on one thread.

    .venv/bin/python benchmarks/sizes.py --photos LFW --backgrounds NONFACE --plot benchmarks/sizes.png
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from composed import Head, composed, heads_in
from PIL import Image, ImageOps
from rich import box
from rich.console import Console
from rich.table import Table
from timing import machine, spread, use_threads, write

from facejoin.conf.settings import DecodeSettings, DetectSettings, MtcnnSettings, YunetSettings, load_settings
from facejoin.jobs.downloads.weights import fetch_weights
from facejoin.jobs.evaluate.measures.detection import Counts, counts
from facejoin.jobs.evaluate.measures.intervals import wilson
from facejoin.udfs.vision.analyse import GROUP_PIXELS
from facejoin.udfs.vision.decode import decode
from facejoin.udfs.vision.detection.detect import load_detector
from facejoin.udfs.vision.detection.detector import Detector
from facejoin.udfs.vision.engines.runtime import choose_runtime

PHOTOS = (500, 1000, 2000, 4000)  # pixels, longer sides; the shorter ones are three quarters of them
FACES = (20, 28, 40, 80, 160, 320, 640, 1280)  # pixels, shorter sides; and for each photo one as wide as it
NEARLY = 0.8  # of the photo's width: a face of more would say nothing that one as wide does not
PEOPLE = 60  # one face of each for every size of photo and face, but for what the next two leave out
MOST_PIXELS = 144_000_000  # of photos for one size of photo and face
MOST_FACES = 20  # in a photo
BATCH = 32  # photos that a detector is given together at most, the crawl's own setting
MIN_FACE = 20  # pixels: the smallest that the detectors search for
SETTINGS: dict[str, DetectSettings] = {
    "mtcnn": MtcnnSettings(min_face=MIN_FACE),
    "yunet": YunetSettings(min_face=MIN_FACE),
}
SEED = 0
WIDE = "as wide"  # the faces that fill the photo, in tables

Sample = tuple[np.ndarray, np.ndarray]  # a photo, uint8 (height, width, 3), and the boxes of its faces (n, 4)


@dataclass(frozen=True)
class Cell:
    """One size of photo and of face."""

    photo: int  # pixels, longer side
    face: int  # pixels, shorter side of its box

    @property
    def width(self) -> int:
        """Shorter side of the photo in pixels."""
        return self.photo * 3 // 4

    @property
    def pixels(self) -> int:
        return self.photo * self.width

    def size(self, number: int) -> tuple[int, int]:
        """Width and height of the photo of that number: upright every second time, and always for a large face."""
        is_upright = number % 2 == 1 or self.face > self.width / 2
        return (self.width, self.photo) if is_upright else (self.photo, self.width)


@dataclass
class Outcome:
    """Of one detector."""

    counts: Counts = field(default_factory=Counts)
    milliseconds: list[float] = field(default_factory=list)  # for a megapixel, of each photo's batch

    def figures(self, photos: int) -> dict[str, Any]:
        interval = wilson(self.counts.found, self.counts.faces)
        others = self.counts.detections - self.counts.right
        return {"found": self.counts.found, "interval": interval, "others_per_photo": round(others / photos, 3)}


def main(
    photos: Annotated[Path, typer.Option(help="Folder of folders, one a person.", exists=True, file_okay=False)],
    backgrounds: Annotated[Path, typer.Option(help="Folder with JPEGs without faces.", exists=True, file_okay=False)],
    out: Annotated[Path, typer.Option(help="JSON report.")] = Path("build/benchmarks/sizes.json"),
    plot: Annotated[Path, typer.Option(help="PNG.")] = Path("build/benchmarks/sizes.png"),
    people: Annotated[int, typer.Option(min=1)] = PEOPLE,
) -> None:
    use_threads(1)
    detectors = loaded()
    heads = list(islice(heads_in(pictures_of(photos, 2 * people), [*detectors.values()]), people))
    scenes = sorted(backgrounds.rglob("*.jpg"))
    if not heads or not scenes:
        raise typer.BadParameter(f"no *.jpg with one face below {photos}, or none below {backgrounds}")
    cells = [Cell(photo, face) for photo in PHOTOS for face in faces_of(photo)]
    outcomes = [measured(cell, heads, scenes, detectors) for cell in cells]
    report = {"machine": machine(1), "people": len(heads), **summary(cells, outcomes)}
    write(report, out)
    draw(report["sizes"], plot)
    for table in (recalls(report["sizes"]), costs(report["photos"])):
        Console(width=160).print(table)


def loaded() -> dict[str, Detector]:
    cache, runtime = Path(load_settings().cache), choose_runtime(load_settings().compute)
    fetch_weights("yunet", cache)
    return {name: load_detector(settings, [cache], runtime) for name, settings in SETTINGS.items()}


def pictures_of(folder: Path, most: int) -> Iterator[np.ndarray]:
    """The first picture of each of so many people, evenly spread."""
    first: dict[Path, Path] = {}
    for path in sorted(folder.rglob("*.jpg")):
        first.setdefault(path.parent, path)
    return (_rgb(path) for path in spread([*first.values()], most))


def _rgb(path: Path) -> np.ndarray:
    return decode(path.read_bytes(), DecodeSettings(min_bytes=0))


def faces_of(photo: int) -> list[int]:
    width = Cell(photo, 0).width
    return [face for face in FACES if face < NEARLY * width] + [width]


def measured(
    cell: Cell, heads: Sequence[Head], scenes: Sequence[Path], detectors: Mapping[str, Detector]
) -> tuple[int, dict[str, Outcome]]:
    """The number of photos, and what each detector made of them."""
    outcomes = {name: Outcome() for name in detectors}
    samples, done = composed_for(cell, heads, scenes), 0
    while batch := list(islice(samples, min(BATCH, max(1, GROUP_PIXELS // cell.pixels)))):
        for name, detector in detectors.items():
            _search(detector, batch, outcomes[name])
        detectors = dict(reversed([*detectors.items()]))  # another one begins each time
        done += len(batch)
    return done, outcomes


def composed_for(cell: Cell, heads: Sequence[Head], scenes: Sequence[Path]) -> Iterator[Sample]:
    """Photos with each head once, the same ones each time; fewer heads where those are too large."""
    rng = np.random.default_rng([SEED, cell.photo, cell.face])
    left = [heads[number] for number in rng.permutation(len(heads))]
    for number in range(MOST_PIXELS // cell.pixels):
        scene = Image.fromarray(_rgb(scenes[int(rng.integers(len(scenes)))]))
        background = ImageOps.fit(scene, cell.size(number), Image.Resampling.BICUBIC)
        photo, boxes = composed(background, left[:MOST_FACES], cell.face, rng)
        yield photo, boxes
        left = left[len(boxes) :]
        if not left:
            return


def _search(detector: Detector, samples: Sequence[Sample], outcome: Outcome) -> None:
    photos = [photo for photo, _ in samples]
    start = time.perf_counter()
    found = detector.detect(photos)
    seconds = time.perf_counter() - start
    megapixels = sum(photo.shape[0] * photo.shape[1] for photo in photos) / 1e6
    outcome.milliseconds += [seconds * 1000 / megapixels] * len(photos)
    for (_, boxes), faces in zip(samples, found, strict=True):
        outcome.counts += counts(boxes, faces.boxes, min_size=0)


def summary(cells: Sequence[Cell], outcomes: Sequence[tuple[int, dict[str, Outcome]]]) -> dict[str, Any]:
    """By size of photo and face, and by that of the photo alone."""
    sizes, photos = [], []
    for cell, (number, by_name) in zip(cells, outcomes, strict=True):
        figures = {name: outcome.figures(number) for name, outcome in by_name.items()}
        faces = next(iter(by_name.values())).counts.faces
        sizes.append({"photo": cell.photo, "face": cell.face, "photos": number, "faces": faces, **figures})
    for size in PHOTOS:
        own = [outcome for cell, outcome in zip(cells, outcomes, strict=True) if cell.photo == size]
        photos.append({"photo": size, **{name: _cost(own, name) for name in SETTINGS}})
    return {"sizes": sizes, "photos": photos}


def _cost(outcomes: Sequence[tuple[int, dict[str, Outcome]]], name: str) -> dict[str, float]:
    """The median photo's time, and the detections that show no face."""
    own = [by_name[name] for _, by_name in outcomes]
    others = sum(outcome.counts.detections - outcome.counts.right for outcome in own)
    return {
        "ms_per_megapixel": round(statistics.median(ms for outcome in own for ms in outcome.milliseconds), 1),
        "others_per_photo": round(others / sum(number for number, _ in outcomes), 3),
    }


def recalls(sizes: Sequence[Mapping[str, Any]]) -> Table:
    """A row for each size of face and detector, a column for each size of photo; as a table of Markdown."""
    table = Table("face", "detector", *map(str, PHOTOS), box=box.MARKDOWN)
    rows: dict[tuple[str, str], dict[int, str]] = {}
    for face in [*map(str, FACES), WIDE]:
        rows |= {(face, name): {} for name in SETTINGS}
    for cell in sizes:
        face = str(cell["face"]) if cell["face"] in FACES else WIDE
        for name in SETTINGS:
            rows[face, name][cell["photo"]] = _recall(cell[name], cell["faces"])
    for labels, cells in rows.items():
        table.add_row(*labels, *(cells.get(photo, "–") for photo in PHOTOS))
    return table


def _recall(figures: Mapping[str, Any], faces: int) -> str:
    low, high = figures["interval"]
    return f"{figures['found']}/{faces} ({low * 100:.0f}–{high * 100:.0f} %)"


def costs(photos: Sequence[Mapping[str, Any]]) -> Table:
    table = Table("", "detector", *(str(size["photo"]) for size in photos), box=box.MARKDOWN)
    for title, key in (("ms a megapixel", "ms_per_megapixel"), ("other detections a photo", "others_per_photo")):
        for name in SETTINGS:
            table.add_row(title, name, *(str(size[name][key]) for size in photos))
    return table


def draw(sizes: Iterable[Mapping[str, Any]], path: Path) -> None:
    import matplotlib.pyplot as plt

    figure, panels = plt.subplots(1, len(SETTINGS), figsize=(9, 3.6), sharey=True, layout="constrained")
    cells = list(sizes)
    for name, axes in zip(SETTINGS, panels, strict=True):
        for photo in PHOTOS:
            own = [cell for cell in cells if cell["photo"] == photo]
            recall = [cell[name]["found"] / cell["faces"] for cell in own]
            axes.plot([cell["face"] for cell in own], recall, marker="o", markersize=3, label=f"{photo} pixels")
        axes.set(title=name, xlabel="shorter side of the face (pixels)", xscale="log")
        axes.set_xticks(FACES, map(str, FACES))
        axes.minorticks_off()
        axes.grid(alpha=0.3)
    panels[0].set_ylabel("share of faces found")
    panels[0].legend(title="photo", loc="lower right")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=100)


if __name__ == "__main__":
    typer.run(main)
