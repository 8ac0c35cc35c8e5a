"""The study's fifth classifier: a mixture of normal distributions, as many as there are people."""

from __future__ import annotations

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.mixture import GaussianMixture


class MixtureClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """One mixture over all faces, that starts from the people's means. A component votes for the people whose faces it
    was responsible for, so that its probabilities are of people (OpenFace left it to chance which is whose).
    """

    def fit(self, vectors: np.ndarray, owners: np.ndarray) -> MixtureClassifier:
        """vectors (n, d), owners (n,)."""
        self.classes_ = np.unique(owners)
        means = np.stack([vectors[owners == person].mean(axis=0) for person in self.classes_])
        self.mixture_ = GaussianMixture(
            len(means), covariance_type="diag", means_init=means.astype(np.float64), reg_covar=1e-4, random_state=0
        ).fit(vectors.astype(np.float64))
        responsible = self.mixture_.predict_proba(vectors.astype(np.float64))  # (n, components)
        votes = np.stack([responsible[owners == person].sum(axis=0) for person in self.classes_], axis=1)
        self.votes_ = votes / np.maximum(votes.sum(axis=1, keepdims=True), np.finfo(float).tiny)
        return self

    def predict_proba(self, vectors: np.ndarray) -> np.ndarray:
        """(n, d) → (n, people)."""
        return np.asarray(self.mixture_.predict_proba(vectors.astype(np.float64)) @ self.votes_)

    def predict(self, vectors: np.ndarray) -> np.ndarray:
        return np.asarray(self.classes_[self.predict_proba(vectors).argmax(axis=1)])
