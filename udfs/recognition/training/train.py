"""TrainingSet → a gallery: what faces are compared with, a threshold, and a curve to confidence."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.model_selection import GroupKFold, cross_val_predict

from facejoin.udfs.recognition.calibration import ENOUGH, Curve, fit_curve
from facejoin.udfs.recognition.gallery import Gallery, Parameters
from facejoin.udfs.recognition.impostors import Impostors
from facejoin.udfs.recognition.scorer import Scorer, log_odds, mean_vectors, off_centre, unit
from facejoin.udfs.recognition.tail import FEWEST
from facejoin.udfs.recognition.training.kinds import CLASSIFIERS, FOLDS, check_for_classifier, fitted, untrained


@dataclass(frozen=True)
class TrainingSet:
    """The usable photos of a gallery's people, one entry each; every person has one at least."""

    vectors: np.ndarray  # (n, d) unit rows
    mirrored: np.ndarray  # (n, d) unit rows: of the same faces, mirrored
    owners: np.ndarray  # (n,) rows of `people`
    people: tuple[str, ...]
    files: tuple[str, ...]  # (n,)


@dataclass(frozen=True)
class Cohort:
    """Faces of people who are not in the gallery."""

    vectors: np.ndarray  # (n, d) unit rows
    groups: np.ndarray  # (n,) 0, 1, …: faces of one person share a number


def train(
    references: TrainingSet,
    kind: str,
    fpir: float,
    same_person: float,
    model_version: str,
    cohort: Cohort | None = None,
) -> Gallery:
    """`fpir` is the share of strangers' faces that may be taken for somebody of the gallery; `same_person` the cosine
    that the embedder's makers publish for one person. Without a cohort the gallery's own people are the strangers to
    one another. Raises TrainingError.

    >>> vectors, files = np.eye(2, dtype=np.float32), ("Ann/1.jpg", "Bob/1.jpg")
    >>> references = TrainingSet(vectors, vectors, owners=np.array([0, 1]), people=("Ann", "Bob"), files=files)
    >>> gallery = train(references, "cosine", fpir=0.001, same_person=0.363, model_version="made-up")
    >>> gallery.parameters.threshold  # two references are too few for one of its own
    0.363
    """
    scorer = fit_scorer(references, kind)
    impostors, who = _impostors(references, kind, scorer, cohort)
    curve = fit_gallery_curve(references, kind, scorer, cohort, same_person)
    threshold, origin = _threshold(references, kind, scorer, impostors, who, fpir, same_person)
    who = who if len(impostors) else ""
    parameters = Parameters(kind, model_version, references.people, references.files, threshold, origin, who, curve)
    return Gallery(parameters, scorer, references.vectors, references.owners, impostors)


def fit_scorer(references: TrainingSet, kind: str) -> Scorer:
    """Raises TrainingError where a classifier has too little to learn from."""
    means = mean_vectors(_templates(references, kind), references.owners, len(references.people))
    centre = common_direction(means) if kind == "centred_cosine" else np.zeros(means.shape[1], np.float32)
    classifier = None
    if kind in CLASSIFIERS:
        check_for_classifier(references.owners, references.people)
        classifier = fitted(kind, references.vectors, references.owners, _fewest(references))
    return Scorer(centre, off_centre(means, centre), classifier)


def fit_gallery_curve(
    references: TrainingSet, kind: str, scorer: Scorer, cohort: Cohort | None, same_person: float
) -> Curve:
    """From the similarity with the best person to confidence, whatever decides."""
    others = _of_others(references, scorer) if cohort is None else scorer.similarity(cohort.vectors)
    strangers = others.max(axis=1)
    return fit_curve(genuine_scores(references, kind, scorer), strangers[np.isfinite(strangers)], same_person)


def common_direction(means: np.ndarray) -> np.ndarray:
    """means (people, d) unit rows → (d,): what all faces have in common, shrunk by how much of it chance would give.

    The mean of n unit vectors has the squared length |μ|² + (1 - |μ|²) / n where μ is common to them; the part of the
    mean that is μ's is kept (a James-Stein estimate), so that two people, or one, are hardly moved.
    """
    number = len(means)
    mean = means.mean(axis=0)
    length = float(mean @ mean)
    if number < 2 or length == 0:
        return np.zeros_like(mean)
    common = max(0.0, (number * length - 1) / (number - 1))
    return np.asarray(mean * (common / length), dtype=np.float32)


def genuine_scores(references: TrainingSet, kind: str, scorer: Scorer) -> np.ndarray:
    """Each reference's similarity with the mean of the person's others; those that are alone are left out."""
    templates = _templates(references, kind)
    sums = np.zeros((len(references.people), templates.shape[1]), np.float32)
    np.add.at(sums, references.owners, templates)
    paired = np.bincount(references.owners)[references.owners] > 1
    others = unit((sums[references.owners] - templates)[paired])
    return np.sum(off_centre(references.vectors[paired], scorer.centre) * off_centre(others, scorer.centre), axis=1)


def _templates(references: TrainingSet, kind: str) -> np.ndarray:
    """(n, d) unit rows that a person's mean is made of: with their mirror images, where the kind is ours."""
    return unit(references.vectors + references.mirrored) if kind == "centred_cosine" else references.vectors


def _impostors(references: TrainingSet, kind: str, scorer: Scorer, cohort: Cohort | None) -> tuple[Impostors, str]:
    """Strangers' evidence for whom each is most like, and who the strangers were."""
    if cohort is not None:
        return _best(scorer.evidence(cohort.vectors), cohort.groups), f"{len(cohort.vectors)} faces of the cohort"
    number = len(references.owners)
    if scorer.classifier is None:
        strangers = _best(_of_others(references, scorer), references.owners)
        return strangers, f"{number} references, as strangers to the others' people"
    return _left_out(references, kind), f"{number} references of people left out"


def _of_others(references: TrainingSet, scorer: Scorer) -> np.ndarray:
    """(n, people): similarities of the references, with their own people out of the question."""
    similarity = scorer.similarity(references.vectors)
    similarity[np.arange(len(references.owners)), references.owners] = -np.inf
    return similarity


def _best(evidence: np.ndarray, groups: np.ndarray) -> Impostors:
    """A gallery of one has no impostors among its own references."""
    best = evidence.argmax(axis=1)
    highest = evidence[np.arange(len(best)), best]
    met = np.isfinite(highest)
    return Impostors(highest[met].astype(np.float64), best[met], groups[met])


def _left_out(references: TrainingSet, kind: str) -> Impostors:
    """People take turns at being strangers to a classifier trained on the others; none where they are too few."""
    owners, vectors = references.owners, references.vectors
    folds = min(FOLDS, len(np.unique(owners)) // 2)
    if folds < 2:
        return Impostors(np.zeros(0), np.zeros(0, int), np.zeros(0, int))
    best, evidence = np.zeros(len(owners), int), np.zeros(len(owners))
    for inside, outside in GroupKFold(folds).split(vectors, groups=owners):
        classifier = fitted(kind, vectors[inside], owners[inside], _fewest(references))
        odds = log_odds(classifier.predict_proba(vectors[outside]))
        best[outside], evidence[outside] = classifier.classes_[odds.argmax(axis=1)], odds.max(axis=1)
    return Impostors(evidence, best, owners)


def _threshold(
    references: TrainingSet, kind: str, scorer: Scorer, impostors: Impostors, who: str, fpir: float, same_person: float
) -> tuple[float, str]:
    """Of the score, and how it was found."""
    if scorer.classifier is not None:
        return _classifier_threshold(references, kind, scorer, impostors, who, fpir)
    if not len(impostors):
        return same_person, "published by the embedder: a gallery of one has no impostors"
    if len(impostors) < ENOUGH:
        few = f"{who} are too few for one of its own"
        return max(same_person, float(impostors.evidence.max())), f"published by the embedder; {few}"
    threshold = impostors.threshold_for(fpir)
    return threshold, _origin(impostors, threshold, who, fpir)


def _classifier_threshold(
    references: TrainingSet, kind: str, scorer: Scorer, impostors: Impostors, who: str, fpir: float
) -> tuple[float, str]:
    surest = scorer.to_evidence(1.0)
    if len(impostors) < FEWEST and _fewest(references) == 2:  # of whom one held out leaves nothing to calibrate on
        highest = min(float(impostors.evidence.max()), surest)
        return scorer.to_score(highest), f"the highest score of {who}: too few for a rate"
    if len(impostors) < FEWEST:
        held_out = "mean confidence of held-out references: too few people to act as strangers"
        return _held_out_confidence(references, kind), held_out
    threshold = min(impostors.threshold_for(fpir), surest)
    return scorer.to_score(threshold), _origin(impostors, threshold, who, fpir)


def _origin(impostors: Impostors, threshold: float, who: str, fpir: float) -> str:
    """Of a threshold of the evidence."""
    if not impostors.holds(threshold, fpir):
        rate = impostors.rate_at(threshold)
        return f"the highest score there is, which {rate:.2g} of {who} reach: a rate of {fpir:g} cannot be kept"
    beyond = ", extrapolated beyond the highest" if impostors.is_extrapolated(threshold) else ""
    return f"false-positive rate {fpir:g} on {who}{beyond}"


def _held_out_confidence(references: TrainingSet, kind: str) -> float:
    """Mean confidence in the right person, of classifiers trained on the other references."""
    owners = references.owners
    folds = min(FOLDS, _fewest(references))
    left = _fewest(references) - -(-_fewest(references) // folds)  # references of that person to train on
    classifier = untrained(kind, left)
    confidence = cross_val_predict(classifier, references.vectors, owners, cv=folds, method="predict_proba")
    return float(confidence[np.arange(len(owners)), owners].mean())


def _fewest(references: TrainingSet) -> int:
    return int(np.bincount(references.owners).min())
