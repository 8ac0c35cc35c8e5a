"""References → a gallery: mean vectors or a support vector machine, a threshold, and a curve to confidence."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import expit, logit
from sklearn.calibration import CalibratedClassifierCV
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.svm import SVC

from facejoin.udfs.recognition.gallery import Gallery, Parameters, mean_vectors

ENOUGH = 200  # scores from which a distribution is fitted to a gallery's own, instead of taking what is published
SLOPE = 20.0  # of the logistic curve where references are too few to fit one
TAIL = 0.2  # share of the highest impostor scores that a tail is fitted to
FOLDS = 5


class TrainingError(ValueError):
    """References that this kind of gallery cannot be trained on."""


def train(
    references: np.ndarray,
    owners: np.ndarray,
    people: tuple[str, ...],
    files: tuple[str, ...],
    kind: str,
    fpir: float,
    same_person: float,
    model_version: str,
) -> Gallery:
    """references (n, d) unit rows, owners (n,) rows of `people`; every person has one at least.

    `fpir` is the share of strangers' faces that may be taken for somebody of the gallery; `same_person` the cosine
    that the embedder's makers publish for one person. Raises TrainingError.
    """
    means = mean_vectors(references, owners, len(people))
    if kind == "cosine":
        threshold, origin = _cosine_threshold(references, owners, means, fpir, same_person)
        classifier = None
    else:
        _check_for_classifier(owners, people)
        classifier = _classifier(kind, int(np.bincount(owners).min())).fit(references, owners)
        threshold, origin = _classifier_threshold(kind, references, owners, fpir)
    slope, midpoint = _confidence_curve(references, owners, means, threshold if kind == "cosine" else same_person)
    parameters = Parameters(kind, model_version, people, files, threshold, origin, slope, midpoint)
    return Gallery(parameters, means, references, owners, classifier)


def impostor_scores(references: np.ndarray, owners: np.ndarray, means: np.ndarray) -> np.ndarray:
    """(n,): each reference's best cosine with any person but its own: what a stranger's search would find."""
    similarity = references @ means.T  # (n, people)
    similarity[np.arange(len(owners)), owners] = -np.inf
    return similarity.max(axis=1)


def genuine_scores(references: np.ndarray, owners: np.ndarray) -> np.ndarray:
    """Each reference's cosine with the mean of the person's other references; those that are alone are left out."""
    sums = np.zeros((owners.max() + 1, references.shape[1]), references.dtype)
    np.add.at(sums, owners, references)
    others = sums[owners] - references  # (n, d)
    length = np.linalg.norm(others, axis=1)
    alone = np.bincount(owners)[owners] == 1
    return np.sum(references * others, axis=1)[~alone] / length[~alone]


def tail_threshold(impostors: np.ndarray, fpir: float) -> float:
    """The score that a share `fpir` of strangers reaches: a quantile where the scores allow one, else from the
    exponential that their highest fifth falls off by (peaks over threshold, Pickands 1975, doi:10.1214/aos/1176343003,
    with a shape of zero), so that the threshold can lie beyond the largest one seen."""
    start = np.quantile(impostors, 1 - TAIL)
    if fpir >= TAIL:
        return float(np.quantile(impostors, 1 - fpir))
    return float(start + np.mean(impostors[impostors >= start] - start) * np.log(TAIL / fpir))


def _cosine_threshold(
    references: np.ndarray, owners: np.ndarray, means: np.ndarray, fpir: float, same_person: float
) -> tuple[float, str]:
    if len(means) < 2:
        return same_person, "published by the embedder: a gallery of one has no impostors"
    impostors = impostor_scores(references, owners, means)
    seen = f"{len(impostors)} impostor scores of the references"
    if len(impostors) >= ENOUGH:
        return tail_threshold(impostors, fpir), f"false-positive rate {fpir:g} on {seen}"
    return max(same_person, float(impostors.max())), f"published by the embedder; {seen} are too few for one of its own"


def _confidence_curve(
    references: np.ndarray, owners: np.ndarray, means: np.ndarray, midpoint: float
) -> tuple[float, float]:
    """(slope, midpoint) of the logistic curve between impostors' and genuine scores, both counted alike."""
    genuine = genuine_scores(references, owners)
    if len(means) < 2 or len(genuine) < ENOUGH:
        return SLOPE, midpoint
    impostors = impostor_scores(references, owners, means)
    scores = np.concatenate([genuine, impostors])[:, None]
    labels = np.repeat([1, 0], [len(genuine), len(impostors)])
    curve = LogisticRegression(C=1e3, class_weight="balanced").fit(scores, labels)
    slope = float(curve.coef_[0, 0])
    return slope, float(-curve.intercept_[0] / slope)


def _check_for_classifier(owners: np.ndarray, people: tuple[str, ...]) -> None:
    if len(people) < 2:
        raise TrainingError("a support vector machine needs two people at least; use kind: cosine")
    counts = np.bincount(owners)
    if counts.min() < 2:
        poor = ", ".join(people[i] for i in np.flatnonzero(counts < 2)[:5])
        raise TrainingError(f"a support vector machine needs two references a person; too few: {poor}")
    if len(people) < 4 and counts.min() < 3:
        raise TrainingError("a support vector machine of two or three people needs three references of each")


def _classifier(kind: str, fewest: int) -> CalibratedClassifierCV:
    """Probabilities by Platt's method over cross-validated decision values, on one machine trained on everything.

    `fewest`: references of the person who has the fewest among those trained on; two at least.
    """
    machine = SVC(kernel="rbf" if kind == "svm_rbf" else "linear", C=1.0, gamma="scale")
    return CalibratedClassifierCV(machine, ensemble=False, cv=min(FOLDS, fewest))


def _classifier_threshold(kind: str, references: np.ndarray, owners: np.ndarray, fpir: float) -> tuple[float, str]:
    """People take turns at being strangers to a machine trained on the others."""
    fewest = int(np.bincount(owners).min())
    folds = min(FOLDS, len(np.unique(owners)) // 2)
    if folds < 2:
        return _held_out_confidence(kind, references, owners, fewest), (
            "mean confidence of held-out references: too few people to act as strangers"
        )
    strangers = np.empty(len(owners))
    for inside, outside in GroupKFold(folds).split(references, groups=owners):
        machine = _classifier(kind, fewest).fit(references[inside], owners[inside])
        strangers[outside] = machine.predict_proba(references[outside]).max(axis=1)
    threshold = expit(tail_threshold(logit(np.clip(strangers, 1e-9, 1 - 1e-9)), fpir))
    return float(threshold), f"false-positive rate {fpir:g} on {len(strangers)} references of people left out"


def _held_out_confidence(kind: str, references: np.ndarray, owners: np.ndarray, fewest: int) -> float:
    """Mean confidence in the right person, of machines trained on the other references. `fewest`: three at least."""
    folds = min(FOLDS, fewest)
    left = fewest - math.ceil(fewest / folds)  # references of that person to train on
    confidence = cross_val_predict(_classifier(kind, left), references, owners, cv=folds, method="predict_proba")
    return float(confidence[np.arange(len(owners)), owners].mean())
