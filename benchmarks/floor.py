"""The least time that the networks' arithmetic can take: their multiply-adds at the rate of a large matrix product."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from facejoin.conf.settings import DetectSettings, MtcnnSettings
from facejoin.udfs.vision.detection.boxes import CELL
from facejoin.udfs.vision.detection.detect import load_detector
from facejoin.udfs.vision.detection.mtcnn import REFINEMENT_SIDE, Mtcnn
from facejoin.udfs.vision.detection.mtcnn_crops import OUTPUT_SIDE
from facejoin.udfs.vision.detection.mtcnn_networks import output_network, proposal_network, refinement_network
from facejoin.udfs.vision.engines.runtime import Network, Runtime

SIDES = (1024, 2048)  # of the matrices
TRIES = 20


@torch.inference_mode()
def multiply_adds(module: nn.Module, shape: tuple[int, ...]) -> int:
    """Of the module's convolutions and matrix products for an input of that shape. Nothing is computed."""
    with FlopCounterMode(display=False) as counter:
        module.to("meta")(torch.zeros(shape, device="meta"))
    return counter.get_total_flops() // 2


@torch.inference_mode()
def multiply_adds_per_second(runtime: Runtime) -> float:
    """The best of some products of square matrices in the runtime's precision, by torch and by the runtime itself."""
    return max(_rate(runtime, side) for side in SIDES)


def _rate(runtime: Runtime, side: int) -> float:
    left, right = torch.rand(2, side, side)
    narrow_left, narrow_right = left.to(runtime.precision), right.to(runtime.precision)
    by_runtime = runtime.load(nn.Linear(side, side, bias=False), (side, side))
    by_runtime(left)
    return side**3 / min(
        min(_seconds(lambda: narrow_left @ narrow_right), _seconds(lambda: by_runtime(left))) for _ in range(TRIES)
    )


def _seconds(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


class Counted:
    """A network that counts the rows it gets."""

    def __init__(self, network: Network):
        self.network = network
        self.rows = 0

    def __call__(self, rows: torch.Tensor) -> torch.Tensor:
        self.rows += len(rows)
        return self.network(rows)


class CropCounter:
    """What the detector's second and third network see from now on."""

    def __init__(self, detector: Mtcnn):
        self.refinement = detector.refinement.network = Counted(detector.refinement.network)
        self.output = detector.output.network = Counted(detector.output.network)

    def taken(self) -> tuple[int, int]:
        """Crops of the refinement and the output network since the last call."""
        rows = self.refinement.rows, self.output.rows
        self.refinement.rows = self.output.rows = 0
        return rows


@dataclass(frozen=True)
class CountingRuntime(Runtime):
    """A runtime whose networks count the rows that they get."""

    loaded: list[tuple[int, Counted]] = field(default_factory=list)  # a network with the multiply-adds of one row

    def load_each_shape(self, module: nn.Module, shape: tuple[int, ...]) -> Callable[[tuple[int, ...]], Network]:
        bare = deepcopy(module)  # counting takes a module's weights away
        load = super().load_each_shape(module, shape)

        def counted(shape: tuple[int, ...]) -> Network:
            network = Counted(load(shape))
            self.loaded.append((multiply_adds(bare, (1, *shape[1:])), network))
            return network

        return counted

    def work(self) -> int:
        """Multiply-adds of all networks that it has loaded."""
        return sum(of_a_row * network.rows for of_a_row, network in self.loaded)


def work_of(
    settings: DetectSettings, folders: Sequence[Path], runtime: Runtime, batches: Iterable[Sequence[np.ndarray]]
) -> int:
    """Multiply-adds of a detector of these settings that is given these photos, decoded, a batch at a time.

    MTCNN's search counts by the whole levels of the pyramid, as `detection_work` says; YuNet's by the canvases that it
    searches, with what overlaps on them and what they are filled up with. Weights are looked for in `folders`.
    """
    counting = CountingRuntime(runtime.device, runtime.engine, runtime.precision)
    detector = load_detector(settings, folders, counting)
    if isinstance(detector, Mtcnn):
        return _cascade_work(detector, batches)
    for photos in batches:
        detector.detect(photos)
    return counting.work()


def _cascade_work(detector: Mtcnn, batches: Iterable[Sequence[np.ndarray]]) -> int:
    crops = CropCounter(detector)
    sizes: list[tuple[int, int]] = []
    for photos in batches:
        detector.detect(photos)
        sizes += [(photo.shape[0], photo.shape[1]) for photo in photos]
    return detection_work(sizes, detector.settings, crops.taken())


def detection_work(sizes: Iterable[tuple[int, int]], settings: MtcnnSettings, crops: tuple[int, int]) -> int:
    """Multiply-adds for photos of these heights and widths: of the search of each whole level, and of the crops."""
    search = proposal_network()
    levels = [level for size in sizes for level in pyramid(*size, settings)]
    per_level = {level: multiply_adds(search, (1, *level, 3)) for level in set(levels)}
    refinement = multiply_adds(refinement_network(), (1, REFINEMENT_SIDE, REFINEMENT_SIDE, 3))
    output = multiply_adds(output_network(), (1, OUTPUT_SIDE, OUTPUT_SIDE, 3))
    return sum(per_level[level] for level in levels) + crops[0] * refinement + crops[1] * output


def pyramid(height: int, width: int, settings: MtcnnSettings) -> Iterator[tuple[int, int]]:
    """Height and width of MTCNN's levels of a photo."""
    scale = CELL / settings.min_face
    while min(height, width) * scale >= CELL:
        yield int(height * scale + 1), int(width * scale + 1)
        scale *= settings.scale_factor
