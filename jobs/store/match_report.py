"""What a run of `match` says; `publish` reads it too."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar


@dataclass
class FalseMatches:
    """How many of a run's matches are expected to be wrong, if all its faces were strangers'."""

    expected: float
    low: int  # 95 % interval
    high: int
    strangers: int  # faces that this was learnt from
    strangers_from: str
    extrapolated: bool  # whether none of them reaches the threshold
    people: dict[str, float]  # expected for each person


@dataclass
class MatchReport:
    VERSION: ClassVar[int] = 1

    gallery: str
    threshold: float
    threshold_from: str
    faces: int  # compared
    not_faces: int  # detections that the gallery's filter takes for no face
    matches: int
    people_found: int
    taken: int  # faces that reach the threshold only for a person who is another face of the photo
    people: dict[str, int] = field(default_factory=dict)  # matches of each
    false_matches: FalseMatches | None = None  # null: there are no strangers to learn from
    without_vectors: int = 0  # faces not compared: they matched nobody before, or their person was forgotten
    dropped_vectors: int = 0  # afterwards: of faces that match nobody
    already_matched: bool = False
