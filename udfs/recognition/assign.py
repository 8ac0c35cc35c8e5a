"""One face, one person; one person, once a photo."""

from __future__ import annotations

import numpy as np
from scipy.optimize import linear_sum_assignment

LITTLE = np.finfo(np.float32).eps  # so that a face that just reaches the threshold counts too


def assign(evidence: np.ndarray, photos: np.ndarray, threshold: float) -> np.ndarray:
    """Who each face is: (n,) the person's column, or -1.

    evidence (n, people) of each face for each person, -inf where it is out of the question; photos (n,) the photo that
    each face is in. A face is given to the person it is most like, if the evidence reaches `threshold`. Where faces of
    one photo would share a person, the photo's faces and people are assigned together, so that the evidence above the
    threshold sums to the most (Kuhn 1955, doi:10.1002/nav.3800020109): who loses a person is given the next one, if
    that is enough.

    >>> evidence = np.array([[0.9, 0.3], [0.8, 0.6]])  # two faces of one photo, both most like the first person
    >>> assign(evidence, photos=np.array([0, 0]), threshold=0.5)
    array([0, 1])
    """
    best = evidence.argmax(axis=1)
    highest = evidence[np.arange(len(best)), best]
    person = np.where((highest >= threshold) & np.isfinite(highest), best, -1)
    for photo in _contested(person, photos):
        rows = np.flatnonzero(photos == photo)
        person[rows] = _together(evidence[rows], threshold)
    return person


def _contested(person: np.ndarray, photos: np.ndarray) -> np.ndarray:
    """Photos in which a person is claimed twice."""
    claims, times = np.unique(np.stack([photos, person])[:, person >= 0], axis=1, return_counts=True)
    return np.unique(claims[0, times > 1])


def _together(evidence: np.ndarray, threshold: float) -> np.ndarray:
    """evidence (faces, people) of one photo → (faces,) person or -1."""
    enough = (evidence >= threshold) & np.isfinite(evidence)
    floor = max(threshold, evidence[enough].min() - 1)  # where nothing is asked for
    gain = np.where(enough, np.maximum(evidence, floor) - floor + LITTLE, 0.0)
    faces, people = linear_sum_assignment(gain, maximize=True)
    person = np.full(len(evidence), -1)
    person[faces] = np.where(enough[faces, people], people, -1)
    return person
