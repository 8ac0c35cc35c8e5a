"""One photo of a gallery folder, and whether its face can be a reference."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from pyspark.sql import Row

from facejoin.conf.settings import EnrollSettings

USED = "used"


@dataclass(frozen=True)
class ReferencePhoto:
    """One photo of the gallery folder and what became of it."""

    person: str
    file: str  # person/file
    sha256: str
    verdict: str
    detail: str | None = None
    size: float | None = None  # shorter side of the face, in pixels
    score: float | None = None
    sharpness: float | None = None  # grey levels², as in `results`
    yaw: float | None = None  # degrees, like the next two
    pitch: float | None = None
    roll: float | None = None
    embedding: list[float] | None = None
    mirrored: list[float] | None = None  # of the mirrored face


def judged(found: Iterable[tuple[ReferencePhoto, list[Row]]], settings: EnrollSettings) -> list[ReferencePhoto]:
    """Each photo with its faces → used, or the reason why not; of equal files the first one counts."""
    seen: dict[str, str] = {}
    references = []
    for reference, faces in found:
        if reference.sha256 in seen:
            references.append(
                replace(reference, verdict="duplicate", detail=f"the same file as {seen[reference.sha256]}")
            )
            continue
        seen[reference.sha256] = reference.file
        references.append(_judged(reference, faces, settings) if reference.verdict == "faces" else reference)
    return references


def _judged(reference: ReferencePhoto, faces: list[Row], settings: EnrollSettings) -> ReferencePhoto:
    """The largest face is the person's, if it is large enough and clearly larger than the next."""
    subject, *others = sorted(faces, key=lambda face: -_area(face))
    if others and _area(subject) < settings.subject_ratio * _area(others[0]):
        return replace(reference, verdict="several_faces", detail=f"{len(faces)} faces, none clearly the largest")
    if subject["size"] < settings.min_face:
        detail = f"the face measures {subject['size']:.0f} pixels; at least {settings.min_face} expected"
        return replace(reference, verdict="too_small", detail=detail)
    measured = {name: subject[name] for name in ("size", "score", "sharpness", "yaw", "pitch", "roll")}
    embedding, mirrored = list(subject["embedding"]), list(subject["mirrored"])
    return replace(reference, verdict=USED, **measured, embedding=embedding, mirrored=mirrored)


def _area(face: Row) -> float:
    left, top, right, bottom = face["box"]
    return float((right - left) * (bottom - top))
