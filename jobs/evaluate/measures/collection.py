"""How well a collection was searched for a gallery's people, photo by photo, whichever faces are in them; face by face
is `open_set`. FNIR, FPIR and rank-1 as in ISO/IEC 19795-1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Candidate:
    """One face's best person, and the evidence for that person."""

    photo_id: int
    person: str
    evidence: float


@dataclass(frozen=True)
class PersonResult:
    truth: int  # photos that the person is in
    found: int  # of these, photos matched to the person
    false: int  # photos matched to the person, who is not in them
    precision: float | None  # null: nobody was matched
    recall: float | None  # null: the person is in no photo


def by_person(
    truth: Mapping[int, Sequence[str]], matched: set[tuple[int, str]], people: Sequence[str]
) -> dict[str, PersonResult]:
    """truth: photo id → people in it; matched: (photo id, person) as claimed."""
    real = {(photo_id, person) for photo_id, present in truth.items() for person in present}
    return {
        person: _person({m for m in matched if m[1] == person}, {r for r in real if r[1] == person})
        for person in people
    }


def _person(matched: set[tuple[int, str]], real: set[tuple[int, str]]) -> PersonResult:
    found = len(matched & real)
    return PersonResult(
        truth=len(real),
        found=found,
        false=len(matched) - found,
        precision=found / len(matched) if matched else None,
        recall=found / len(real) if real else None,
    )


def photo_rank1(truth: Mapping[int, Sequence[str]], candidates: Sequence[Candidate]) -> float | None:
    """Share of (photo, person in it) for which that person is the best one of some face of the photo."""
    best = {(candidate.photo_id, candidate.person) for candidate in candidates}
    real = [(photo_id, person) for photo_id, people in truth.items() for person in people]
    return float(np.mean([pair in best for pair in real])) if real else None


def photo_fnir(
    truth: Mapping[int, Sequence[str]], unknown: Sequence[int], candidates: Sequence[Candidate], fpir: float
) -> float | None:
    """Share of (photo, person in it) missed at the threshold that a share `fpir` at most of the unknown photos reaches.

    A photo's evidence is that of its best face; a photo without a face is missed, or no false alarm. None without any
    unknown or known photo.
    """
    real = [(photo_id, person) for photo_id, people in truth.items() for person in people]
    if not unknown or not real:
        return None
    threshold = _threshold(unknown, candidates, fpir)
    hits = {(c.photo_id, c.person) for c in candidates if c.evidence > threshold}
    return float(np.mean([pair not in hits for pair in real]))


def _threshold(unknown: Sequence[int], candidates: Sequence[Candidate], fpir: float) -> float:
    """What evidence must exceed, so that at most fpir · photos of the unknown do."""
    best = dict.fromkeys(unknown, -np.inf)
    for candidate in candidates:
        if candidate.photo_id in best:
            best[candidate.photo_id] = max(best[candidate.photo_id], candidate.evidence)
    descending = [*sorted(best.values(), reverse=True), -np.inf]
    return descending[int(fpir * len(best) + 1e-9)]
