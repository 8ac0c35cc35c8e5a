"""What a run of `match` says; `publish` reads it too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from facejoin.jobs.store.distribution import Distribution

MOST = 0.5  # of the matches: a share above is more than one person of a gallery is likely to have
FEWEST_MATCHES, FEWEST_PEOPLE = 20, 3  # below which it is nothing unusual


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
    # Of all compared faces, each for the person that it was given or is most like; null: there were no faces
    confidences: Distribution | None = None
    similarities: Distribution | None = None
    warnings: list[str] = field(default_factory=list)
    already_matched: bool = False


def taking_most(matches: Mapping[str, int]) -> tuple[str, str] | None:
    """Of each person's matches: (person, what to think of it) of whoever has most of them all.

    >>> taking_most({"Ann": 90, "Bob": 10, "Cy": 3})
    ('Ann', 'Ann has 87 % of all 103 matches: look at some, and at the references; a higher threshold may be needed')
    >>> taking_most({"Ann": 50, "Bob": 50, "Cy": 3})
    """
    total, person = sum(matches.values()), max(matches, key=lambda name: matches[name], default="")
    if total < FEWEST_MATCHES or len(matches) < FEWEST_PEOPLE or matches[person] <= MOST * total:
        return None
    share = f"{person} has {matches[person] / total:.0%} of all {total:,} matches".replace("%", " %")
    return person, f"{share}: look at some, and at the references; a higher threshold may be needed"
