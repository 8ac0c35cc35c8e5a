"""From a similarity to the probability that the best person is the right one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression

ENOUGH = 200  # scores from which a distribution is fitted to a gallery's own, instead of taking what is published
SLOPE = 20.0  # of the curve where scores are too few to fit one: less than any that was fitted (26 and more)


@dataclass(frozen=True)
class Curve:
    """The weight of evidence of a similarity: the logarithm of how much likelier it is of the person than of a
    stranger, slope · (similarity - midpoint)."""

    slope: float
    midpoint: float  # similarity at which both are equally likely
    origin: str  # how it was found, for the reader

    def confidence(self, similarity: np.ndarray, share: float) -> np.ndarray:
        """The probability in [0, 1] that a face is the person's, where a share `share` of all faces are the gallery's
        (Bayes' rule on the odds)."""
        return np.asarray(expit(self.slope * (similarity.astype(np.float64) - self.midpoint) + logit(share)))


def fit_curve(genuine: np.ndarray, impostors: np.ndarray, same_person: float) -> Curve:
    """genuine (g,), impostors (i,): what references score with their own person, and strangers with the best one.

    Logistic regression, both classes weighted alike, gives the log-likelihood ratio (Brümmer 2006,
    doi:10.1016/j.csl.2005.08.001); with fewer than ENOUGH of either, `same_person` is the midpoint.
    """
    if min(len(genuine), len(impostors)) < ENOUGH:
        few = f"{len(genuine)} genuine and {len(impostors)} impostor scores are too few for one of its own"
        return Curve(SLOPE, same_person, f"published by the embedder; {few}")
    scores = np.concatenate([genuine, impostors])[:, None]
    labels = np.repeat([1, 0], [len(genuine), len(impostors)])
    fitted = LogisticRegression(C=1e3, class_weight="balanced").fit(scores, labels)
    slope = float(fitted.coef_[0, 0])
    if slope <= 0:
        return Curve(SLOPE, same_person, "published by the embedder; the references' own do not tell people apart")
    origin = f"{len(genuine)} genuine and {len(impostors)} impostor scores"
    return Curve(slope, float(-fitted.intercept_[0] / slope), origin)
