"""The study's decision tree, in a form that can be stored."""

from __future__ import annotations

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.tree import DecisionTreeClassifier

DEPTH = 20  # OpenFace's


class TreeClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """scikit-learn's tree as plain arrays: its own follows whatever indices a file holds, out of bounds as well."""

    def fit(self, vectors: np.ndarray, owners: np.ndarray) -> TreeClassifier:
        """vectors (n, d), owners (n,)."""
        grown = DecisionTreeClassifier(max_depth=DEPTH, random_state=0).fit(vectors, owners)
        nodes = grown.tree_
        self.classes_ = grown.classes_
        self.children_ = np.stack([nodes.children_left, nodes.children_right])  # (2, nodes); negative: a leaf
        self.features_ = np.maximum(nodes.feature, 0)  # (nodes,) the dimension that is asked for; of a leaf any
        self.limits_ = nodes.threshold  # (nodes,) larger values go to the second child
        self.shares_ = nodes.value[:, 0] / nodes.value[:, 0].sum(axis=1, keepdims=True)  # (nodes, people)
        return self

    def predict_proba(self, vectors: np.ndarray) -> np.ndarray:
        """(n, d) → (n, people): the shares of the people among the references in each face's leaf."""
        rows, node = np.arange(len(vectors)), np.zeros(len(vectors), int)
        for _ in range(DEPTH):
            second = vectors.astype(np.float32)[rows, self.features_[node]] > self.limits_[node]
            child = self.children_[second.astype(int), node]
            node = np.where(child >= 0, child, node)
        return np.asarray(self.shares_[node])

    def predict(self, vectors: np.ndarray) -> np.ndarray:
        return np.asarray(self.classes_[self.predict_proba(vectors).argmax(axis=1)])
