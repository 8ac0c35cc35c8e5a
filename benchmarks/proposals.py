"""MTCNN's windows between its proposal and its refinement network: the cells that non-maximum suppression leaves, as in
Face-Join, or one window for each blob of touching cells, their mean or the best of them. Recall, false alarms, windows
and time at minimum faces of 20 and 40 pixels. The photos are decoded beforehand; all ways see the same batch in turn.

    .venv/bin/python benchmarks/proposals.py --faces WIDER/images --truth WIDER/truth.json --nonfaces NONFACE
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from detect import Finder, Photos, rgb, with_truth
from floor import CropCounter
from recall import Boxes, accuracy
from rich.console import Console
from rich.table import Table
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from timing import batches_of, in_turn, machine, ratio, total, use_threads, write

from facejoin.conf.settings import ComputeSettings, MtcnnSettings
from facejoin.udfs.vision.detection import boxes as box
from facejoin.udfs.vision.detection.area import Areas
from facejoin.udfs.vision.detection.mtcnn import Mtcnn
from facejoin.udfs.vision.detection.proposal import LARGEST_LEVEL, SAME_IN_PHOTO, Proposer, _Cells, _Level
from facejoin.udfs.vision.engines.runtime import Runtime, choose_runtime

OURS = "suppression"
MIN_FACES = (20, 40)  # pixels
BATCH = 32  # photos
NEIGHBOURS = ((0, 1), (1, -1), (1, 0), (1, 1))  # rows and columns to those that follow a cell; the others precede it

Merge = Callable[[_Cells, np.ndarray], _Cells]  # cells, the blob of each from 0 → one cell a blob


class BlobProposer(Proposer):
    """Cells that touch in a level, by a side or a corner, are one window. Windows of different levels are suppressed by
    better ones, as ever."""

    def __init__(self, settings: MtcnnSettings, runtime: Runtime, merge: Merge):
        super().__init__(settings, runtime)
        self.merge = merge

    def _search(self, photos: Sequence[Areas], levels: Sequence[_Level]) -> _Cells:
        cells = super()._search(photos, levels)
        merged = self.merge(cells, blobs(cells))
        return merged[torch.argsort(merged.level, stable=True)]

    def _windows(self, boxes: torch.Tensor, values: torch.Tensor, _levels: torch.Tensor) -> torch.Tensor:
        kept = box.best(boxes, values[:, 0], SAME_IN_PHOTO)[: self.settings.max_candidates]
        return box.squared(box.shifted(boxes[kept], values[kept, 1:], ends=0))


def blobs(cells: _Cells) -> np.ndarray:
    """(n,) numbers from 0: cells that are connected within their level have the same. `cells` are in order."""
    places = ((cells.level * LARGEST_LEVEL + cells.row) * LARGEST_LEVEL + cells.column).numpy()
    pairs = [_pairs(places, row * LARGEST_LEVEL + column) for row, column in NEIGHBOURS]
    first, second = np.concatenate(pairs, axis=1)
    graph = coo_array((np.ones(len(first), bool), (first, second)), shape=(len(places), len(places)))
    numbers: np.ndarray = connected_components(graph, directed=False)[1]
    return numbers


def _pairs(places: np.ndarray, apart: int) -> np.ndarray:
    """(2, m): the indices of cells, and of those that lie that far behind them. `places` rise."""
    behind = np.searchsorted(places, places + apart)
    behind[behind == len(places)] = 0
    first = np.flatnonzero(places[behind] == places + apart)
    return np.stack([first, behind[first]])


def best_cell(cells: _Cells, blob: np.ndarray) -> _Cells:
    order = np.argsort(cells.values[:, 0].numpy(), kind="stable")
    best = np.zeros(blob.max(initial=-1) + 1, np.int64)
    best[blob[order]] = order  # the last one stays
    return cells[torch.from_numpy(best)]


def mean_cell(cells: _Cells, blob: np.ndarray) -> _Cells:
    """Place and offsets are means by score: of a level's boxes, which are all of one size, that is the mean box. The
    blob has its best cell's score."""
    best, owners = best_cell(cells, blob), torch.from_numpy(blob)
    weights = torch.sigmoid(cells.values[:, :1])
    parts = torch.cat([weights, weights * torch.stack([cells.row, cells.column], 1), weights * cells.values[:, 1:]], 1)
    sums = torch.zeros(len(best.level), parts.shape[1]).index_add_(0, owners, parts)
    row, column, *offsets = (sums[:, 1:] / sums[:, :1]).unbind(1)
    return _Cells(best.level, row, column, torch.stack([best.values[:, 0], *offsets], 1))


WAYS: dict[str, Callable[[MtcnnSettings, Runtime], Proposer]] = {
    OURS: Proposer,
    "blobs, mean": partial(BlobProposer, merge=mean_cell),
    "blobs, best cell": partial(BlobProposer, merge=best_cell),
}


def main(
    faces: Annotated[Path, typer.Option(help="Folder with the photos of --truth.", exists=True, file_okay=False)],
    truth: Annotated[Path, typer.Option(help="JSON: [{file, boxes: [[x1, y1, x2, y2]]}].", exists=True)],
    nonfaces: Annotated[Path, typer.Option(help="Folder with JPEGs without faces.", exists=True, file_okay=False)],
    threads: Annotated[int, typer.Option(min=1)] = 1,
    out: Annotated[Path, typer.Option(help="JSON report.")] = Path("build/benchmarks/proposals.json"),
    rounds: Annotated[int, typer.Option(min=1)] = 2,
) -> None:
    use_threads(threads)
    runtime = choose_runtime(ComputeSettings(device="cpu"))
    crowds, boxes = with_truth(faces, truth)
    empty = [rgb(path) for path in sorted(nonfaces.rglob("*.jpg"))]
    report = {
        "machine": machine(threads) | {"engine": runtime.engine, "precision": str(runtime.precision).split(".")[1]},
        "photos": {"faces": len(crowds), "nonfaces": len(empty), "rounds": rounds},
    }
    report |= {str(size): measured(size, runtime, crowds, boxes, empty, rounds) for size in MIN_FACES}
    write(report, out)
    Console(width=120).print(table(report))


def measured(
    min_face: int, runtime: Runtime, crowds: Photos, truth: Boxes, empty: Photos, rounds: int
) -> dict[str, Any]:
    detectors = {name: _detector(way, min_face, runtime) for name, way in WAYS.items()}
    counters = {name: CropCounter(detector) for name, detector in detectors.items()}
    finders = {name: _finder(detector) for name, detector in detectors.items()}
    figures: dict[str, Any] = {}
    found: dict[str, dict[str, Boxes]] = {}
    for kind, photos in (("faces", crowds), ("nonfaces", empty)):
        batches = batches_of(photos, BATCH)
        found[kind] = {name: list(chain(*map(find, batches))) for name, find in finders.items()}  # warms up as well
        windows = {name: counter.taken()[0] for name, counter in counters.items()}
        seconds = in_turn(finders, batches, rounds)
        for counter in counters.values():
            counter.taken()
        figures[f"windows_{kind}"] = {name: round(count / len(photos), 1) for name, count in windows.items()}
        figures[f"ms_{kind}"] = {name: round(total(own) / len(photos) * 1000, 2) for name, own in seconds.items()}
        figures[f"times_as_long_{kind}"] = {name: ratio(own, seconds[OURS]) for name, own in seconds.items()}
    return figures | accuracy(truth, found["faces"], found["nonfaces"])


def _detector(way: Callable[[MtcnnSettings, Runtime], Proposer], min_face: int, runtime: Runtime) -> Mtcnn:
    detector = Mtcnn(MtcnnSettings(min_face=min_face, min_score=0), runtime)
    detector.proposer = way(detector.settings, runtime)
    return detector


def _finder(detector: Mtcnn) -> Finder:
    return lambda photos: [faces.boxes for faces in detector.detect(photos)]


def table(report: Mapping[str, Any]) -> Table:
    rows = Table("min face", "", *WAYS)
    per_kind = [f"{name}_{kind}" for name in ("windows", "ms", "times_as_long") for kind in ("faces", "nonfaces")]
    for size in map(str, MIN_FACES):
        for name in (*per_kind, "faces_24", "recall_24", "faces_40", "recall_40", "false_alarm_photos"):
            rows.add_row(size, name, *(str(report[size][name][way]) for way in WAYS))
    return rows


if __name__ == "__main__":
    typer.run(main)
