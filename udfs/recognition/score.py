"""Vectors of faces → who each is most like, how sure that is, and whether it is enough."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from facejoin.udfs.recognition.assign import assign
from facejoin.udfs.recognition.gallery import Gallery

ACCEPTED, BELOW, TAKEN, NO_FACE = "accepted", "below", "taken", "no_face"
DECISIONS = (ACCEPTED, BELOW, TAKEN, NO_FACE)


@dataclass(frozen=True)
class Faces:
    """What is to be recognised, one entry a face."""

    vectors: np.ndarray  # (n, d) unit rows
    photos: np.ndarray  # (n,) numbers: faces of one photo share one
    scores: np.ndarray  # (n,) the detector's


@dataclass(frozen=True)
class Scores:
    """One entry a face; rows of `Gallery.means` and `.references` as numbers."""

    person: np.ndarray  # (n,) the one that is decided for; of a face that is not accepted, the best one
    similarity: np.ndarray  # (n,) cosine with that person's mean vector
    confidence: np.ndarray  # (n,) in [0, 1]
    decision: np.ndarray  # (n,) accepted; below the threshold; taken: its person is another face of the photo; no_face
    decisive: np.ndarray  # (n,) the score that the threshold is held against
    nearest: np.ndarray  # (n,) the person's nearest reference
    nearest_similarity: np.ndarray  # (n,) cosine with it
    runner_up: np.ndarray  # (n,) the best other person; -1 in a gallery of one
    runner_up_confidence: np.ndarray  # (n,) NaN in a gallery of one

    @property
    def accepted(self) -> np.ndarray:
        return np.asarray(self.decision == ACCEPTED)


def score(gallery: Gallery, faces: Faces, share: float, threshold: float) -> Scores:
    """`share` of all faces are the gallery's; `threshold` is of the deciding score. What the gallery's filter takes for
    no face is nobody."""
    similarity = gallery.similarity(faces.vectors)  # (n, people)
    confidence = confidences(gallery, faces.vectors, similarity, share)  # (n, people)
    decisive = similarity if gallery.classifier is None else confidence
    rows, best = np.arange(len(decisive)), decisive.argmax(axis=1)
    nobody = _nobody(gallery, faces)
    evidence = np.where(nobody[:, None], -np.inf, gallery.evidence(decisive))
    least = gallery.least(threshold)
    given = assign(evidence, faces.photos, least)
    person = np.where(given >= 0, given, best)
    enough = evidence[rows, best] >= least
    runner_up = _runner_up(decisive, person)
    nearest, nearest_similarity = _nearest_reference(gallery, faces.vectors, person)
    return Scores(
        person=person,
        similarity=similarity[rows, person],
        confidence=confidence[rows, person],
        decision=np.select([nobody, given >= 0, enough], [NO_FACE, ACCEPTED, TAKEN], BELOW),
        decisive=decisive[rows, person],
        nearest=nearest,
        nearest_similarity=nearest_similarity,
        runner_up=runner_up,
        runner_up_confidence=np.where(runner_up >= 0, confidence[rows, runner_up], np.nan),
    )


def confidences(gallery: Gallery, faces: np.ndarray, similarity: np.ndarray, share: float) -> np.ndarray:
    """(n, people) in [0, 1]: calibrated ones of the similarity, or the classifier's own as they are."""
    if gallery.classifier is not None:
        return np.asarray(gallery.classifier.predict_proba(faces))
    return gallery.parameters.curve.confidence(similarity, share)


def _nobody(gallery: Gallery, faces: Faces) -> np.ndarray:
    """(n,) whether a detection shows no face."""
    if gallery.nonfaces is None:
        return np.zeros(len(faces.vectors), bool)
    return gallery.nonfaces.is_nonface(faces.vectors, faces.scores)


def _runner_up(decisive: np.ndarray, person: np.ndarray) -> np.ndarray:
    """The best one but `person`."""
    if decisive.shape[1] < 2:
        return np.full(len(person), -1)
    others = decisive.copy()
    others[np.arange(len(person)), person] = -np.inf
    return np.asarray(others.argmax(axis=1))


def _nearest_reference(gallery: Gallery, faces: np.ndarray, person: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of the person's references alone."""
    likeness = faces @ gallery.references.T  # (n, references)
    likeness[gallery.owners[None, :] != person[:, None]] = -np.inf
    nearest = likeness.argmax(axis=1)
    return nearest, likeness[np.arange(len(faces)), nearest]
