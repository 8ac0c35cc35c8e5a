"""Photos without faces → vectors of what a detector that believes too readily takes for faces in them.

Such crops come with landmarks and are aligned like any face, so that their vectors lie where those of later false
alarms will; vectors of random squares, as in the study that had the idea, mostly lie elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from facejoin.conf.settings import DecodeSettings, DetectSettings, YunetSettings
from facejoin.udfs.vision.analyse import Analyser
from facejoin.udfs.vision.decode import DecodeError, decode
from facejoin.udfs.vision.detection.detect import DETECTORS

EAGER_MTCNN = (0.3, 0.2, 0.05)  # thresholds of the cascade: some 60 windows of a photo of half a megapixel
EAGER_YUNET = 0.02  # least score: some 30 windows of the photos that have any
MOST = 50  # crops of one photo, so that one full of them does not outweigh the others


@dataclass(frozen=True)
class NonfaceCrops:
    """What one photo without faces gave."""

    status: str  # used, faces (it shows one after all), or a DecodeError's reason
    detail: str | None
    vectors: np.ndarray  # (n, d) float32, unit rows, best score first; none unless used


def eager(settings: DetectSettings) -> DetectSettings:
    """The settings of a detector for `nonface_crops`: it keeps what the given one does and much more."""
    if isinstance(settings, YunetSettings):
        return settings.model_copy(update={"min_score": min(settings.min_score, EAGER_YUNET), "second_opinion": 0.0})
    first, second, third = (min(pair) for pair in zip(settings.thresholds, EAGER_MTCNN, strict=True))
    return settings.model_copy(update={"thresholds": (first, second, third), "min_score": 0.0})


def nonface_crops(body: bytes, networks: Analyser, limits: DecodeSettings, most: int = MOST) -> NonfaceCrops:
    """At most so many crops of the photo, seen all eight ways round, by networks of `eager` settings.

    >>> nonface_crops(grass_png, eager_networks, DecodeSettings(min_bytes=0), most=5).vectors.shape
    (5, 128)
    """
    nothing = np.zeros((0, networks.embedder.kind.dimensions), np.float32)
    try:
        photo = decode(body, limits)
    except DecodeError as error:
        return NonfaceCrops(error.reason, str(error), nothing)
    crops: list[np.ndarray] = []
    scores: list[float] = []
    for number, view in enumerate(_views(photo)):
        [found] = networks.detector.detect([view])
        if number == 0 and len(found) and found.scores[0] >= DETECTORS[networks.settings.detect.model].sure:
            return NonfaceCrops("faces", f"shows a face, to a score of {found.scores[0]:.3f}", nothing)
        crops += networks.embedder.crops(view, found.landmarks[:most])
        scores += found.scores[:most].tolist()
    best = np.argsort(scores, kind="stable")[::-1][:most]
    return NonfaceCrops("used", None, networks.embedder.embed([crops[i] for i in best]))


def _views(photo: np.ndarray) -> Iterator[np.ndarray]:
    """The photo as it is, by quarter turns, and mirrored: what is no face one way round may look like one another."""
    for one in (photo, photo[:, ::-1]):
        for turns in range(4):
            yield np.ascontiguousarray(np.rot90(one, turns))
