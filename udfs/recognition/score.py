"""Vectors of faces → who each is most like, how sure that is, and whether it is enough."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from facejoin.udfs.recognition.gallery import Gallery


@dataclass(frozen=True)
class Scores:
    """One entry a face; rows of `Gallery.means` and `.references` as numbers."""

    person: np.ndarray  # (n,) the best one
    similarity: np.ndarray  # (n,) cosine with the best one's mean vector
    confidence: np.ndarray  # (n,) in [0, 1]
    accepted: np.ndarray  # (n,) whether the deciding score reaches the threshold
    decisive: np.ndarray  # (n,) the deciding score
    nearest: np.ndarray  # (n,) the best one's nearest reference
    nearest_similarity: np.ndarray  # (n,)
    runner_up: np.ndarray  # (n,) the second best person; -1 in a gallery of one
    runner_up_confidence: np.ndarray  # (n,) NaN in a gallery of one


def score(gallery: Gallery, faces: np.ndarray, threshold: float | None = None) -> Scores:
    """faces (n, d) unit rows; `threshold` replaces the gallery's own."""
    similarity = faces @ gallery.means.T  # (n, people)
    confidence = confidences(gallery, faces, similarity)  # (n, people)
    order = np.argsort(-confidence, axis=1, kind="stable")
    rows = np.arange(len(faces))
    best = order[:, 0]
    second = order[:, 1] if order.shape[1] > 1 else np.full(len(faces), -1)
    decisive = similarity[rows, best] if gallery.classifier is None else confidence[rows, best]
    nearest, nearest_similarity = _nearest_reference(gallery, faces, best)
    return Scores(
        person=best,
        similarity=similarity[rows, best],
        confidence=confidence[rows, best],
        accepted=decisive >= (gallery.parameters.threshold if threshold is None else threshold),
        decisive=decisive,
        nearest=nearest,
        nearest_similarity=nearest_similarity,
        runner_up=second,
        runner_up_confidence=np.where(second >= 0, confidence[rows, second], np.nan),
    )


def confidences(gallery: Gallery, faces: np.ndarray, similarity: np.ndarray) -> np.ndarray:
    """(n, people) in [0, 1]: the classifier's probabilities, or a logistic curve of the cosine."""
    if gallery.classifier is not None:
        return np.asarray(gallery.classifier.predict_proba(faces))
    return expit(gallery.parameters.slope * (similarity - gallery.parameters.midpoint).astype(np.float64))


def _nearest_reference(gallery: Gallery, faces: np.ndarray, best: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of the best person's references alone."""
    likeness = faces @ gallery.references.T  # (n, references)
    likeness[gallery.owners[None, :] != best[:, None]] = -np.inf
    nearest = likeness.argmax(axis=1)
    return nearest, likeness[np.arange(len(faces)), nearest]
