"""Bytes of photos → their faces with unit vectors: decode, detect, align and embed in one place."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np

from facejoin.conf.settings import DecodeSettings, EmbedSettings, VisionSettings
from facejoin.udfs.vision.decode import decode
from facejoin.udfs.vision.detect import Detector, Faces
from facejoin.udfs.vision.device import choose_device
from facejoin.udfs.vision.embed import EMBEDDERS, Embedder
from facejoin.udfs.vision.errors import DecodeError
from facejoin.udfs.vision.weights import PACKAGED, WEIGHTS, find_weights


@dataclass(frozen=True)
class Face:
    box: np.ndarray  # (4,) x1, y1, x2, y2 in pixels of the decoded photo
    landmarks: np.ndarray  # (5, 2) in pixels of the decoded photo
    score: float  # detector's probability
    embedding: np.ndarray  # (d,) float32, length 1

    @property
    def size(self) -> float:
        """Shorter side of the box in pixels."""
        return float(min(self.box[2] - self.box[0], self.box[3] - self.box[1]))


@dataclass
class Analysis:
    """What became of one photo; `seconds` by step, where embedding is shared out among a batch's faces."""

    status: str  # faces, no_face, or a DecodeError's reason
    error: str | None = None
    width: int | None = None  # pixels, upright
    height: int | None = None
    faces: list[Face] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=lambda: {"decode": 0.0, "detect": 0.0, "embed": 0.0})


class Analyser:
    """The networks of one VisionSettings, loaded on one device."""

    def __init__(self, settings: VisionSettings, weights: Path, device_name: str):
        device = choose_device(device_name)
        self.settings = settings
        self.detector = Detector(settings.detect, device)
        self.embedder = Embedder(settings.embed, weights, device)

    def analyse(self, bodies: Sequence[bytes], limits: DecodeSettings | None = None) -> list[Analysis]:
        """One Analysis a body, in order; a body that is no photo is one too. `limits` replaces the settings'."""
        analyses, crops, owners = [], [], []
        for body in bodies:
            analysis, own_crops = self._find(body, limits or self.settings.decode)
            owners += [(analysis, index) for index in range(len(own_crops))]
            crops += own_crops
            analyses.append(analysis)
        self._embed(crops, owners)
        return analyses

    def _find(self, body: bytes, limits: DecodeSettings) -> tuple[Analysis, list[np.ndarray]]:
        """The photo's faces, still without vectors, and their crops."""
        analysis = Analysis("no_face")
        try:
            with _timed(analysis, "decode"):
                photo = decode(body, limits)
            analysis.height, analysis.width = photo.shape[:2]
            with _timed(analysis, "detect"):
                found = self.detector.detect(photo)
        except DecodeError as error:
            analysis.status, analysis.error = error.reason, str(error)
            return analysis, []
        if not len(found):
            return analysis, []
        analysis.status, analysis.faces = "faces", list(_bare_faces(found))
        with _timed(analysis, "embed"):
            return analysis, self.embedder.crops(photo, found.landmarks)

    def _embed(self, crops: list[np.ndarray], owners: list[tuple[Analysis, int]]) -> None:
        start = time.perf_counter()
        vectors = self.embedder.embed(crops)
        share = (time.perf_counter() - start) / max(len(crops), 1)
        for (analysis, index), vector in zip(owners, vectors, strict=True):
            bare = analysis.faces[index]
            analysis.faces[index] = Face(bare.box, bare.landmarks, bare.score, vector)
            analysis.seconds["embed"] += share


@contextmanager
def _timed(analysis: Analysis, step: str) -> Iterator[None]:
    start = time.perf_counter()
    try:
        yield
    finally:
        analysis.seconds[step] += time.perf_counter() - start


def _bare_faces(found: Faces) -> Iterator[Face]:
    unembedded = np.zeros(0, np.float32)
    for box, points, score in zip(found.boxes, found.landmarks, found.scores, strict=True):
        yield Face(box, points, float(score), unembedded)


@cache
def analyser(settings: VisionSettings, folders: tuple[Path, ...], device: str) -> Analyser:
    """Loaded once per process and device. Raises WeightsError, DeviceError."""
    return Analyser(settings, weights_file(settings.embed, folders), device)


def weights_name(settings: EmbedSettings) -> str:
    return settings.weights or EMBEDDERS[settings.model].default_weights


def weights_file(settings: EmbedSettings, folders: Sequence[Path]) -> Path:
    return find_weights(weights_name(settings), settings.weights_sha256, folders)


def model_version(settings: VisionSettings) -> str:
    """Names the networks, their weights and every setting that can change a result: equal name, equal rows."""
    name = weights_name(settings.embed)
    sha256 = settings.embed.weights_sha256 or (WEIGHTS[name].sha256 if name in WEIGHTS else None)
    embed = settings.embed.model_copy(update={"weights": None, "weights_sha256": sha256, "batch": 1})
    exact = settings.model_copy(update={"embed": embed})
    detector = PACKAGED["onet"][:4]
    return f"mtcnn-{detector}.{settings.embed.model}-{str(sha256)[:8]}.{exact.digest()}"
