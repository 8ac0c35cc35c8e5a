"""The kinds of gallery: what decides whom a face is most like."""

from __future__ import annotations

from typing import get_args

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.svm import SVC

from facejoin.conf.settings import COSINES, GalleryKind
from facejoin.udfs.recognition.mixture import MixtureClassifier
from facejoin.udfs.recognition.tree import TreeClassifier

KINDS: tuple[str, ...] = get_args(GalleryKind)
CLASSIFIERS = tuple(kind for kind in KINDS if kind not in COSINES)  # those of the study
FOLDS = 5


class TrainingError(ValueError):
    """References that this kind of gallery cannot be trained on."""


def fitted(kind: str, vectors: np.ndarray, owners: np.ndarray, fewest: int) -> ClassifierMixin:
    """A classifier of `CLASSIFIERS` with predict_proba. `fewest`: references of the person who has the fewest."""
    return untrained(kind, fewest).fit(vectors, owners)


def untrained(kind: str, fewest: int) -> ClassifierMixin:
    """As the study had them, of OpenFace and scikit-learn; `fewest` as above, two at least."""
    if kind == "gaussian_nb":
        return GaussianNB()
    if kind == "gmm":
        return MixtureClassifier()
    if kind == "decision_tree":
        return TreeClassifier()
    return _machine(kind, fewest)


def check_for_classifier(owners: np.ndarray, people: tuple[str, ...]) -> None:
    """Raises TrainingError where a person has too few references to tell people apart by, or there is one alone."""
    if len(people) < 2:
        raise TrainingError("a classifier needs two people at least; use kind: centred_cosine")
    counts = np.bincount(owners)
    if counts.min() < 2:
        poor = ", ".join(people[i] for i in np.flatnonzero(counts < 2)[:5])
        raise TrainingError(f"a classifier needs two references a person; too few: {poor}")
    if len(people) < 4 and counts.min() < 3:
        raise TrainingError("a classifier of two or three people needs three references of each")


def _machine(kind: str, fewest: int) -> CalibratedClassifierCV:
    """Probabilities by Platt's method over cross-validated margins, of one machine a person against all others.

    The study's machines stood for pairs of people, and were coupled: that is no longer offered by scikit-learn, and
    told known from unknown people less well.
    """
    machine = SVC(kernel="rbf" if kind == "svm_rbf" else "linear", C=1.0, gamma="scale")
    return CalibratedClassifierCV(OneVsRestClassifier(machine), ensemble=False, cv=min(FOLDS, fewest))
