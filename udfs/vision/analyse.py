"""Bytes of photos → their faces with unit vectors: decode, detect, align and embed in one place."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

import numpy as np

from facejoin.conf.settings import DecodeSettings, EmbedSettings, VisionSettings
from facejoin.udfs.vision.decode import DecodeError, decode_with_exif
from facejoin.udfs.vision.detection.detect import DETECTORS, load_detector
from facejoin.udfs.vision.detection.detector import DetectedFaces
from facejoin.udfs.vision.embedding.embed import EMBEDDERS, Embedder
from facejoin.udfs.vision.engines.memory import free_device_memory, is_out_of_memory
from facejoin.udfs.vision.engines.runtime import Runtimes
from facejoin.udfs.vision.engines.weights import WEIGHTS, find_weights
from facejoin.udfs.vision.exif import Exif
from facejoin.udfs.vision.quality import Quality, quality

GROUP_PIXELS = 12_000_000  # of decoded photos that are held at once, if one alone has no more
ERROR_CHARACTERS = 200


@dataclass(frozen=True)
class Face:
    box: np.ndarray  # (4,) x1, y1, x2, y2 in pixels of the decoded photo
    landmarks: np.ndarray  # (5, 2) in pixels of the decoded photo
    score: float  # detector's probability
    quality: Quality
    embedding: np.ndarray  # (d,) float32, length 1; empty until all faces are known
    mirrored: np.ndarray | None = None  # the same of the mirrored face, where asked for

    @property
    def size(self) -> float:
        """Shorter side of the box in pixels."""
        return float(min(self.box[2] - self.box[0], self.box[3] - self.box[1]))


@dataclass
class Analysis:
    """What became of one photo. `seconds` by step: detection is shared out among the photos that it saw together by
    their pixels, embedding among all faces.
    """

    status: str  # faces, no_face, poisonous, or a DecodeError's reason
    error: str | None = None
    width: int | None = None  # pixels of the decoded photo, upright
    height: int | None = None
    exif: Exif | None = None  # of a decoded photo that says something of its camera
    faces: list[Face] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=lambda: {"decode": 0.0, "detect": 0.0, "embed": 0.0})


@dataclass
class _Crops:
    """The faces of many photos on their way to the embedder, all three in step."""

    pixels: list[np.ndarray] = field(default_factory=list)
    owners: list[Analysis] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)


class Analyser:
    """The networks of one VisionSettings, each loaded on its own device.

    >>> networks = analyser(settings, folders, choose_runtimes(ComputeSettings(device="cpu")))
    >>> portrait_found, page = networks.analyse([portrait_png, b"<html>"])
    >>> portrait_found.status, len(portrait_found.faces), portrait_found.faces[0].embedding.shape
    ('faces', 1, (128,))
    >>> page.status
    'unsupported'
    """

    def __init__(self, settings: VisionSettings, folders: Sequence[Path], runtimes: Runtimes):
        """Weights are looked for in `folders`. Raises WeightsError."""
        self.settings = settings
        self.detector = load_detector(settings.detect, folders, runtimes.detect)
        self.embedder = Embedder(settings.embed, weights_file(settings.embed, folders), runtimes.embed)

    def analyse(
        self, bodies: Sequence[bytes], limits: DecodeSettings | None = None, mirrored: bool = False
    ) -> list[Analysis]:
        """One Analysis a body, in order; a body that is no photo is one too.

        `limits` replaces the settings'; with `mirrored` every face is embedded the other way round as well. Where
        memory does not suffice for all at once, each half is analysed by itself; a photo for which it does not suffice
        even alone is `poisonous`.
        """
        try:
            return self._analyse(bodies, limits or self.settings.decode, mirrored)
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            reason = f"out of memory alone: {' '.join(str(error).split())[:ERROR_CHARACTERS]}"
        if len(bodies) < 2:
            return [Analysis("poisonous", reason) for _ in bodies]
        free_device_memory()  # only here, where the error no longer holds what was under way
        half = len(bodies) // 2
        return [found for part in (bodies[:half], bodies[half:]) for found in self.analyse(part, limits, mirrored)]

    def analyse_some(self, bodies: Sequence[bytes], seconds: float) -> list[Analysis]:
        """The same of the first of them: as many as are begun within these seconds, and one at the least."""
        try:
            return self._analyse(bodies, self.settings.decode, False, seconds)
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
        return self.analyse(bodies)

    def _analyse(
        self, bodies: Sequence[bytes], limits: DecodeSettings, mirrored: bool, seconds: float = math.inf
    ) -> list[Analysis]:
        end = time.perf_counter() + seconds
        analyses = [Analysis("no_face") for _ in bodies]
        crops = _Crops()
        for group in _groups(zip(analyses, bodies, strict=True), limits):
            self._find(group, crops)
            if time.perf_counter() > end:
                last, _ = group[-1]
                del analyses[next(place for place, found in enumerate(analyses) if found is last) + 1 :]
                break
        self._embed(crops, mirrored)
        return analyses

    def _find(self, group: list[tuple[Analysis, np.ndarray]], crops: _Crops) -> None:
        """The faces of these photos, still without vectors; their crops are added to `crops`."""
        start = time.perf_counter()
        found = self.detector.detect([photo for _, photo in group])
        per_pixel = (time.perf_counter() - start) / sum(photo.size for _, photo in group)
        for (analysis, photo), faces in zip(group, found, strict=True):
            analysis.seconds["detect"] = per_pixel * photo.size
            start = time.perf_counter()
            own = self.embedder.crops(photo, faces.landmarks)
            analysis.faces = list(_bare_faces(faces, own))
            analysis.seconds["embed"] = time.perf_counter() - start
            crops.pixels += own
            crops.owners += [analysis] * len(own)
            crops.positions += range(len(own))
            if own:
                analysis.status = "faces"

    def _embed(self, crops: _Crops, mirrored: bool) -> None:
        start = time.perf_counter()
        vectors = self.embedder.embed(crops.pixels)
        others = self.embedder.embed([crop[:, ::-1] for crop in crops.pixels]) if mirrored else [None] * len(vectors)
        share = (time.perf_counter() - start) / max(len(vectors), 1)
        for analysis, position, vector, other in zip(crops.owners, crops.positions, vectors, others, strict=True):
            analysis.faces[position] = replace(analysis.faces[position], embedding=vector, mirrored=other)
            analysis.seconds["embed"] += share


def _groups(
    bodies: Iterator[tuple[Analysis, bytes]], limits: DecodeSettings
) -> Iterator[list[tuple[Analysis, np.ndarray]]]:
    """The decoded photos, few enough at a time; a body that is none gets its status."""
    group: list[tuple[Analysis, np.ndarray]] = []
    pixels = 0
    for analysis, body in bodies:
        photo = _decoded(analysis, body, limits)
        if photo is None:
            continue
        size = photo.shape[0] * photo.shape[1]
        if group and pixels + size > GROUP_PIXELS:
            yield group
            group, pixels = [], 0
        group.append((analysis, photo))
        pixels += size
    if group:
        yield group


def _decoded(analysis: Analysis, body: bytes, limits: DecodeSettings) -> np.ndarray | None:
    start = time.perf_counter()
    try:
        photo, analysis.exif = decode_with_exif(body, limits)
    except DecodeError as error:
        analysis.status, analysis.error = error.reason, str(error)
        return None
    finally:
        analysis.seconds["decode"] = time.perf_counter() - start
    analysis.height, analysis.width = photo.shape[:2]
    return photo


def _bare_faces(found: DetectedFaces, crops: Sequence[np.ndarray]) -> Iterator[Face]:
    unembedded = np.zeros(0, np.float32)
    for box, points, score, crop in zip(found.boxes, found.landmarks, found.scores, crops, strict=True):
        yield Face(box, points, float(score), quality(crop, points), unembedded)


@cache
def analyser(settings: VisionSettings, folders: tuple[Path, ...], runtimes: Runtimes) -> Analyser:
    """Loaded once per process and devices. Raises WeightsError."""
    return Analyser(settings, folders, runtimes)


def weights_name(settings: EmbedSettings) -> str:
    return settings.weights or EMBEDDERS[settings.model].default_weights


def weights_file(settings: EmbedSettings, folders: Sequence[Path]) -> Path:
    return find_weights(weights_name(settings), settings.weights_sha256, folders)


def needed_weights(settings: VisionSettings) -> dict[str, str | None]:
    """The weights that do not come with a package: name or file → the hash that the user trusts, if any is given.

    >>> needed_weights(VisionSettings(embed=EmbedSettings(model="sface")))
    {'sface': None}
    """
    needed = {weights_name(settings.embed): settings.embed.weights_sha256}
    detector = DETECTORS[settings.detect.model].weights
    return needed if detector is None else needed | {detector: None}


def embedder_version(settings: EmbedSettings) -> str:
    """Names the embedder and its weights: vectors of equal names can be compared.

    >>> embedder_version(EmbedSettings(model="sface", mirror=True))
    'sface-fb143eea-mirror'
    """
    averaged = "-mirror" if settings.mirror else ""
    return f"{settings.model}-{str(_weights_sha256(settings))[:8]}{averaged}"


def networks_version(settings: VisionSettings) -> str:
    """Names the detector and the embedder, each with its weights, whatever the other settings.

    >>> networks_version(VisionSettings(embed=EmbedSettings(model="sface")))
    'mtcnn-165b.sface-fb143eea'
    """
    return f"{DETECTORS[settings.detect.model].name}.{embedder_version(settings.embed)}"


def model_version(settings: VisionSettings) -> str:
    """Names the networks, their weights and every setting that can change a result: equal name, equal rows.

    >>> model_version(VisionSettings(embed=EmbedSettings(model="sface")))
    'mtcnn-165b.sface-fb143eea.3c4033b99155'
    """
    sha256 = _weights_sha256(settings.embed)
    embed = settings.embed.model_copy(update={"weights": None, "weights_sha256": sha256, "batch": 1})
    exact = settings.model_copy(update={"embed": embed})
    detector = DETECTORS[settings.detect.model].name
    return f"{detector}.{settings.embed.model}-{str(sha256)[:8]}.{exact.digest()}"


def _weights_sha256(settings: EmbedSettings) -> str | None:
    name = weights_name(settings)
    return settings.weights_sha256 or (WEIGHTS[name].sha256 if name in WEIGHTS else None)
