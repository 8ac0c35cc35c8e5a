"""What is wrong with a gallery, as far as its own vectors tell: wrong labels, look-alikes, shared and poor photos."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.stats import norm

from facejoin.udfs.recognition.audit.likeness import (
    ENOUGH,
    Groups,
    Likeness,
    groups_of,
    likeness,
    likeness_threshold,
    robust,
)

Kind = Literal["mislabelled", "same_face", "look_alike", "low_quality"]
WITNESSES = 3  # references that agree with each other, from which a fourth that resembles none of them is wrong
BACKED = 2  # references of another person that agree, so that it is known whose a reference is instead
# Cosine of one photo with itself, made smaller and saved anew: 0.94 for the worst hundredth of LFW's photos. Only one
# in a thousand pairs of different photos of a person reaches 0.9.
SAME_PHOTO = 0.9
# Grey levels² in a crop of 112 pixels. LFW's photos blurred by 2 and 3 pixels have 11 and 4, and lose 0.05 and 0.13 of
# a likeness of 0.70 with their person's others; what has more than 20 loses up to 0.02.
SHARP = 10.0
SHARP_CROP = 112  # pixels
# Degrees. LFW's faces that are turned more lose 0.04. Pitch, and the detector's score, tell less than that.
TURNED = 45.0
BLOCK = 1024  # references compared with all others at once


@dataclass(frozen=True)
class AuditSet:
    """The usable references of a gallery, one entry each."""

    vectors: np.ndarray  # (n, d) unit rows
    owners: np.ndarray  # (n,) rows of `people`
    people: tuple[str, ...]
    files: tuple[str, ...]  # (n,)
    sharpness: np.ndarray  # (n,) grey levels², in the aligned crop
    yaw: np.ndarray  # (n,) degrees


@dataclass(frozen=True)
class Finding:
    """Something that a person should look at. `certain`: sure enough to go on without these files."""

    kind: Kind
    files: tuple[str, ...]  # of look-alikes the two that are most alike
    people: tuple[str, ...]
    score: float  # a mean cosine; for low_quality what was measured: grey levels² or degrees
    reason: str
    certain: bool = False


def audit(references: AuditSet, same_person: float, crop: int) -> tuple[Finding, ...]:
    """`same_person`: the embedder's published cosine; `crop`: side of its aligned faces, in pixels. Certain ones first.

    Whoever has a reference keeps one: where all of a person's are in doubt, nothing is certain.

    >>> vectors = np.array([[1, 0], [1, 0], [0, 1], [0, 1], [0, 1]], np.float32)
    >>> files = ("Ann/1.jpg", "Ann/2.jpg", "Ann/3.jpg", "Bob/1.jpg", "Bob/2.jpg")
    >>> owners, sharpness, yaw = np.array([0, 0, 0, 1, 1]), np.full(5, 150.0), np.zeros(5)
    >>> references = AuditSet(vectors, owners, ("Ann", "Bob"), files, sharpness, yaw)
    >>> for finding in audit(references, same_person=0.363, crop=112):
    ...     print(finding.kind, *finding.files, finding.reason, finding.certain, sep="; ")
    mislabelled; Ann/3.jpg; likeness 0.00 with Ann's others, 1.00 with Bob; True
    """
    threshold = likeness_threshold(references.vectors, references.owners, len(references.people), same_person)
    wrong, groups, scores = _wrong(references, threshold)
    findings = [
        *_mislabelled(references, wrong, groups, scores, threshold),
        *_same_face(references, wrong),
        *_look_alikes(references, groups, same_person, threshold),
        *_low_quality(references, crop),
    ]
    return tuple(sorted(findings, key=lambda finding: not finding.certain))


def _wrong(references: AuditSet, threshold: float) -> tuple[np.ndarray, Groups, Likeness]:
    """((n,) certainly mislabelled, the groups of the others, likeness with these). Wrong ones are taken out until no
    more turn up, since they hide others as long as they are in."""
    vectors, owners = references.vectors, references.owners
    wrong = np.zeros(len(owners), bool)
    while True:
        groups = groups_of(vectors, owners, len(references.people), threshold, ~wrong)
        scores = likeness(vectors, owners, groups)
        found = _leaving_one_each(wrong | _certain(scores, groups, threshold), owners)
        if (found == wrong).all():
            return wrong, groups, scores
        wrong = found


def _certain(scores: Likeness, groups: Groups, threshold: float) -> np.ndarray:
    """(n,): unlike its own person, more like another one, and either truly so or beside enough that agree.

    A face that is hidden or old may be unlike its own person's, but hardly more like one of many others.
    """
    elsewhere = (scores.other >= threshold) & (groups.agreeing[scores.person] >= BACKED)
    unlike = (scores.own < threshold) & (scores.own < scores.other)
    return unlike & (elsewhere | (scores.others >= WITNESSES))


def _leaving_one_each(wrong: np.ndarray, owners: np.ndarray) -> np.ndarray:
    left = np.bincount(owners[~wrong], minlength=owners.max() + 1)
    return wrong & (left[owners] > 0)


def _mislabelled(
    references: AuditSet, wrong: np.ndarray, groups: Groups, scores: Likeness, threshold: float
) -> Iterator[Finding]:
    """One finding a reference; one a person where its references disagree and none of them is in the majority."""
    elsewhere = (scores.other > scores.own) & (scores.other >= threshold)
    doubted = wrong | (scores.own < threshold) | elsewhere
    for person, name in enumerate(references.people):
        own = np.flatnonzero(doubted & (references.owners == person))
        torn = own[~wrong[own]] if groups.agreeing[person] == 0 else own[:0]
        for row in np.setdiff1d(own, torn):
            reason = _why(references, scores, row, threshold)
            yield Finding(
                "mislabelled", (references.files[row],), (name,), float(scores.own[row]), reason, bool(wrong[row])
            )
        if len(torn):
            yield _disagreement(references, scores, torn, threshold)


def _why(references: AuditSet, scores: Likeness, row: int, threshold: float) -> str:
    own = f"likeness {scores.own[row]:.2f} with {references.people[references.owners[row]]}'s others"
    if scores.other[row] >= threshold:
        return f"{own}, {_with_other(references, scores, row)}"
    less = ", less than with some other person" if scores.own[row] < scores.other[row] else ""
    return f"{own}{less}; {threshold:.2f} is that of one person's photos"


def _with_other(references: AuditSet, scores: Likeness, row: int) -> str:
    return f"{scores.other[row]:.2f} with {references.people[scores.person[row]]}"


def _disagreement(references: AuditSet, scores: Likeness, rows: np.ndarray, threshold: float) -> Finding:
    """Of references of which it cannot be told which are wrong."""
    hints = (
        f"{references.files[row]} has {_with_other(references, scores, row)}"
        for row in rows
        if scores.other[row] >= threshold
    )
    score = float(scores.own[rows].mean())
    reason = "; ".join((f"likeness {score:.2f} with each other: which are wrong cannot be told", *hints))
    person = references.people[references.owners[rows[0]]]
    return Finding("mislabelled", tuple(references.files[row] for row in rows), (person,), score, reason)


def _same_face(references: AuditSet, wrong: np.ndarray) -> Iterator[Finding]:
    """References of one face, most likely one photo, enrolled for two people of whom nobody knows which."""
    for first, second, cosine in _nearly_equal(references.vectors, references.owners):
        if not (wrong[first] or wrong[second]):
            rows = (first, second)
            files = tuple(references.files[row] for row in rows)
            people = tuple(references.people[references.owners[row]] for row in rows)
            yield Finding("same_face", files, people, cosine, f"nearly one photo (cosine {cosine:.2f}) for two people")


def _nearly_equal(vectors: np.ndarray, owners: np.ndarray) -> Iterator[tuple[int, int, float]]:
    """(row, later row, cosine) of vectors of two people."""
    for start in range(0, len(owners), BLOCK):
        cosines = vectors[start : start + BLOCK] @ vectors.T  # (BLOCK, n)
        cosines[owners[start : start + BLOCK, None] == owners] = -1
        for row, second in np.argwhere(cosines >= SAME_PHOTO):
            if start + row < second:
                yield int(start + row), int(second), float(cosines[row, second])


def _look_alikes(references: AuditSet, groups: Groups, same_person: float, threshold: float) -> Iterator[Finding]:
    """Pairs of people more alike than chance makes one pair of a gallery of this size, the most alike first."""
    first, second = np.triu_indices(len(references.people), 1)
    means = groups.sums / groups.counts[:, None]
    scores = np.sum(means[first] * means[second], axis=1)  # mean cosine between their references
    limit = same_person
    if len(scores) >= ENOUGH:
        middle, deviation = robust(scores)
        limit = middle + deviation * float(norm.isf(1 / len(scores)))
    for pair in np.argsort(-scores, kind="stable")[: np.count_nonzero(scores >= limit)]:
        yield _look_alike(references, int(first[pair]), int(second[pair]), float(scores[pair]), limit, threshold)


def _look_alike(references: AuditSet, first: int, second: int, score: float, limit: float, threshold: float) -> Finding:
    """The files are the two that resemble each other most."""
    of_first, of_second = (np.flatnonzero(references.owners == person) for person in (first, second))
    cosines = references.vectors[of_first] @ references.vectors[of_second].T
    row, column = np.unravel_index(cosines.argmax(), cosines.shape)
    files = (references.files[of_first[row]], references.files[of_second[column]])
    reason = f"likeness {score:.2f} between two people's photos, where {limit:.2f} is unusual"
    if score >= threshold:
        reason += ": perhaps they are one person"
    return Finding("look_alike", files, (references.people[first], references.people[second]), score, reason)


def _low_quality(references: AuditSet, crop: int) -> Iterator[Finding]:
    """Warnings only: on LFW, with one of two references blurred by 3 pixels, 0.7 % of searches miss at an FPIR of
    0.1 %, and 1.4 % without it; of three, 0.4 and 0.5 %. Nor did leaving out turned ones help.
    """
    # A larger crop of the same photo is smoother, its Laplacian falls with the square of the scale.
    sharp = SHARP * (SHARP_CROP / crop) ** 4
    people = [references.people[owner] for owner in references.owners]
    for row, (file, person) in enumerate(zip(references.files, people, strict=True)):
        sharpness, yaw = float(references.sharpness[row]), float(references.yaw[row])
        if sharpness < sharp:
            reason = f"blurred: sharpness {sharpness:.1f}, at least {sharp:.1f} expected"
            yield Finding("low_quality", (file,), (person,), sharpness, reason)
        if abs(yaw) > TURNED:
            reason = f"turned aside by {abs(yaw):.0f}°, at most {TURNED:.0f}° expected"
            yield Finding("low_quality", (file,), (person,), yaw, reason)
