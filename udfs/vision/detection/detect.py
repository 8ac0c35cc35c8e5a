"""The detectors, by the names that the settings know them by.

To add one: a file beside this one with a `Detector`, its branch in `load_detector`, its names in DETECTORS below and in
DetectSettings, and its weights' pin in engines.weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from facejoin.conf.settings import DetectSettings, MtcnnSettings
from facejoin.udfs.vision.detection import mtcnn, yunet
from facejoin.udfs.vision.detection.detector import Detector
from facejoin.udfs.vision.engines.runtime import Runtime
from facejoin.udfs.vision.engines.weights import find_weights


@dataclass(frozen=True)
class DetectorKind:
    name: str  # in model_version: the network and its weights
    weights: str | None  # a key of engines.weights.WEIGHTS; None: they come with a package
    sure: float  # score from which a detection is a face, whatever else speaks against it


DETECTORS = {
    "mtcnn": DetectorKind(mtcnn.NAME, None, sure=0.98),  # of 6,011 faces of LFW one has less
    # Of those none has less, and nothing has it in 120 photos without faces, turned and mirrored: at most 0.85
    "yunet": DetectorKind(yunet.NAME, "yunet", sure=0.87),
}


def load_detector(settings: DetectSettings, folders: Sequence[Path], runtime: Runtime) -> Detector:
    """The detector of these settings; its weights are looked for in `folders`. Raises WeightsError."""
    if isinstance(settings, MtcnnSettings):
        return mtcnn.Mtcnn(settings, runtime)
    return yunet.Yunet(settings, find_weights("yunet", None, folders), runtime)
