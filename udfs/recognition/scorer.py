"""What a face is compared with: people's mean vectors, and a classifier where the gallery has one.

There are two scales. A *score* is what a user sees, and sets a threshold of: the similarity, or a classifier's
confidence. *Evidence* is what everything inside is compared on, since it adds up over the faces of a photo: the
similarity itself, or the logarithmic odds of the confidence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import expit, logit

if TYPE_CHECKING:
    from sklearn.base import ClassifierMixin

SUREST = 1 - 1e-9  # confidence of a classifier beyond which its logarithmic odds are not followed


@dataclass(frozen=True)
class Scorer:
    centre: np.ndarray  # (d,) taken off every vector before it is compared; zeros for a plain cosine
    means: np.ndarray  # (people, d): unit rows, the direction of a person's mean vector off the centre
    classifier: ClassifierMixin | None = None  # with predict_proba over rows of `means`; None: the similarity decides

    def similarity(self, faces: np.ndarray) -> np.ndarray:
        """Cosine of every face with every person, off the centre. faces (n, d) unit rows → (n, people)."""
        return np.asarray(off_centre(faces, self.centre) @ self.means.T)

    def evidence(self, faces: np.ndarray) -> np.ndarray:
        """Of every face for every person. faces (n, d) unit rows → (n, people)."""
        if self.classifier is None:
            return self.similarity(faces)
        return log_odds(self.classifier.predict_proba(faces))

    def to_evidence(self, threshold: float) -> float:
        """A threshold of the score → of the evidence. Every face reaches a confidence of 0, none one above 1."""
        if self.classifier is None:
            return threshold
        if not 0 < threshold <= 1:
            return -np.inf if threshold <= 0 else np.inf
        return float(log_odds(np.array(threshold)))

    def to_score(self, threshold: float) -> float:
        """A threshold of the evidence → of the score."""
        return threshold if self.classifier is None else float(expit(threshold))


def log_odds(confidence: np.ndarray) -> np.ndarray:
    """Of a classifier's confidences, whatever their precision: in float32 the surest would be 1, and infinite."""
    return np.asarray(logit(np.clip(confidence.astype(np.float64), 1 - SUREST, SUREST)))


def mean_vectors(references: np.ndarray, owners: np.ndarray, people: int) -> np.ndarray:
    """references (n, d) unit rows, owners (n,) → (people, d): the direction of each person's mean."""
    sums = np.zeros((people, references.shape[1]), np.float32)
    np.add.at(sums, owners, references)
    return unit(sums)


def off_centre(vectors: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """(n, d) unit rows, (d,) → (n, d) unit rows."""
    return unit(vectors - centre) if centre.any() else vectors


def unit(vectors: np.ndarray) -> np.ndarray:
    """(n, d) → (n, d) of length 1; a row of zeros stays one."""
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12))
