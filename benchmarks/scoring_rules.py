"""Rules that say how like each of a gallery's people a face is; scoring.py compares them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from scoring_photos import Draw, LabelledFaces

from facejoin.conf.settings import load_settings
from facejoin.udfs.recognition.scorer import mean_vectors, off_centre, unit
from facejoin.udfs.recognition.training.train import Cohort, TrainingSet, fit_scorer, train
from facejoin.udfs.vision.embedding.embed import EMBEDDERS

PLAIN, KEPT = "cosine", "centred_cosine"  # kinds of galleries
FOLDS = 5  # of the unknown people
NEAREST = 10  # strangers that a tail's mean is taken of
PORTION = 1 / 3  # of the nearest strangers' mean that is taken off
ALIKE = 3  # references
SHRUNK = 0.3  # part of the covariance that is made the same in all directions
MOST = 5  # faces of the collection that become one person's references
SAME_PERSON = EMBEDDERS[load_settings().vision.embed.model].same_person

Similarities = tuple[np.ndarray, np.ndarray]  # of the known (k, people) and of the unknown (u, people)
Comparison = Callable[[np.ndarray], np.ndarray]  # (n, d) unit rows → (n, people)
Rule = Callable[[Draw], Similarities]


def alone(comparison_of: Callable[[Draw], Comparison]) -> Rule:
    """A rule that needs the references only."""

    def rule(draw: Draw) -> Similarities:
        compare = comparison_of(draw)
        return compare(draw.known.vectors), compare(draw.unknown.vectors)

    return rule


def cross_fitted(comparison_of: Callable[[TrainingSet, Cohort], Comparison]) -> Rule:
    """A rule that needs strangers: a fifth of the unknown people is scored with the others as the cohort, and the known
    ones with the mean of the five."""

    def rule(draw: Draw) -> Similarities:
        fold = draw.unknown.people % FOLDS
        known, unknown = [], np.zeros((len(fold), len(draw.references.people)))
        for number in range(FOLDS):
            others = draw.unknown[fold != number]
            compare = comparison_of(draw.references, Cohort(others.vectors, others.people))
            unknown[fold == number] = compare(draw.unknown.vectors[fold == number])
            known.append(compare(draw.known.vectors))
        return np.mean(known, axis=0), unknown

    return rule


def mean_vector(draw: Draw) -> Comparison:
    return fit_scorer(draw.references, PLAIN).similarity


def mirrored(draw: Draw) -> Comparison:
    return fit_scorer(_mirrored(draw.references), PLAIN).similarity


def centred(draw: Draw) -> Comparison:
    as_they_are = replace(draw.references, mirrored=draw.references.vectors)
    return fit_scorer(as_they_are, KEPT).similarity


def kept(draw: Draw) -> Comparison:
    return fit_scorer(draw.references, KEPT).similarity


def weighted(draw: Draw) -> Comparison:
    """By the photos' quality."""
    vectors = (draw.references.vectors * draw.weights[:, None]).astype(np.float32)
    means = mean_vectors(vectors, draw.references.owners, len(draw.references.people))
    return lambda faces: faces @ means.T


def most_alike(draw: Draw) -> Comparison:
    """The mean cosine with a person's three most similar references."""
    people = range(len(draw.references.people))
    own = [draw.references.vectors[draw.references.owners == person].T for person in people]
    return lambda faces: np.stack([np.sort(faces @ one, axis=1)[:, -ALIKE:].mean(axis=1) for one in own], axis=1)


def centred_on_cohort(references: TrainingSet, cohort: Cohort) -> Comparison:
    """With mirrored references, as the kept rule has them."""
    centre = cohort.vectors.mean(axis=0)
    means = off_centre(fit_scorer(_mirrored(references), PLAIN).means, centre)
    return lambda faces: off_centre(faces, centre) @ means.T


def z_norm(references: TrainingSet, cohort: Cohort, kind: str) -> Comparison:
    """In standard deviations above what strangers score with the person (Reynolds 1997, Eurospeech, "Comparison of
    background normalization methods for text-independent speaker verification")."""
    scorer = fit_scorer(references, kind)
    mean, deviation = _moments(scorer.means, off_centre(cohort.vectors, scorer.centre))
    return lambda faces: (scorer.similarity(faces) - mean) / deviation


def t_norm(references: TrainingSet, cohort: Cohort, kind: str) -> Comparison:
    """In standard deviations above what the face scores with strangers (Auckenthaler et al. 2000,
    doi:10.1006/dspr.1999.0360)."""
    scorer = fit_scorer(references, kind)
    strangers = off_centre(cohort.vectors, scorer.centre)

    def compare(faces: np.ndarray) -> np.ndarray:
        mean, deviation = _moments(off_centre(faces, scorer.centre), strangers)
        return (scorer.similarity(faces) - mean[:, None]) / deviation[:, None]

    return compare


def s_norm(references: TrainingSet, cohort: Cohort, kind: str) -> Comparison:
    """The mean of both (Kenny 2010, Odyssey, "Bayesian speaker verification with heavy-tailed priors")."""
    by_person, by_face = z_norm(references, cohort, kind), t_norm(references, cohort, kind)
    return lambda faces: (by_person(faces) + by_face(faces)) / 2


def less_own_tail(references: TrainingSet, cohort: Cohort, kind: str) -> Comparison:
    """Each person has a threshold: what the strangers most like the person score."""
    scorer = fit_scorer(references, kind)
    tail = _nearest(scorer.similarity(cohort.vectors), axis=0)
    return lambda faces: scorer.similarity(faces) - tail


def less_nearest(references: TrainingSet, cohort: Cohort) -> Comparison:
    """The kept rule, less a third of what the strangers most like the face score: a t-norm's idea, done by a third."""
    scorer = fit_scorer(references, KEPT)
    strangers = off_centre(cohort.vectors, scorer.centre).T

    def compare(faces: np.ndarray) -> np.ndarray:
        return scorer.similarity(faces) - PORTION * _nearest(off_centre(faces, scorer.centre) @ strangers, axis=1)

    return compare


def whitened(references: TrainingSet, cohort: Cohort, power: float) -> Comparison:
    """Directions in which a stranger's own photos differ count less, by that power of their variance; on the kept rule
    (1 in Hatch et al. 2006, Interspeech, "Within-class covariance normalization for SVM-based speaker recognition")."""
    scorer = fit_scorer(references, KEPT)
    matrix = _whitening(off_centre(cohort.vectors, scorer.centre), cohort.groups, power)
    means = unit(scorer.means @ matrix)
    return lambda faces: unit(off_centre(faces, scorer.centre) @ matrix) @ means.T


def mirrored_probes(draw: Draw) -> Similarities:
    """The kept rule, with faces that are the mean of both ways round, as embed.mirror makes them."""
    known, unknown = (replace(faces, vectors=_both_ways(faces)) for faces in (draw.known, draw.unknown))
    return alone(kept)(replace(draw, references=_mirrored(draw.references), known=known, unknown=unknown))


def growing(draw: Draw) -> Similarities:
    """The kept rule, after which each person's surest faces of the collection become references: those so sure that one
    stranger's would be among them. A face is not compared with itself."""
    gallery = train(draw.references, KEPT, 1 / 1000, SAME_PERSON, "")
    faces = off_centre(np.concatenate([draw.known.vectors, draw.unknown.vectors]), gallery.scorer.centre)
    similarity = faces @ gallery.scorer.means.T  # (k + u, people)
    sums = gallery.scorer.means * np.bincount(gallery.owners)[:, None]
    taken = _surest(similarity, gallery.impostors.threshold_for(1 / len(faces)))
    for person, rows in enumerate(taken):
        sums[person] += faces[rows].sum(axis=0)
    grown = faces @ unit(sums).T
    for person, rows in enumerate(taken):
        grown[rows, person] = np.sum(faces[rows] * unit(sums[person] - faces[rows]), axis=1)
    return grown[: len(draw.known.people)], grown[len(draw.known.people) :]


def _surest(similarity: np.ndarray, threshold: float) -> list[np.ndarray]:
    """The rows of each person's faces: at most MOST that reach `threshold` and are more like nobody else."""
    best, score = similarity.argmax(axis=1), similarity.max(axis=1)
    order = (-score).argsort()
    sure = order[score[order] >= threshold]
    return [sure[best[sure] == person][:MOST] for person in range(similarity.shape[1])]


def _whitening(vectors: np.ndarray, groups: np.ndarray, power: float) -> np.ndarray:
    """vectors (n, d), groups (n,) → (d, d)."""
    sizes, sums = np.bincount(groups), np.zeros((groups.max() + 1, vectors.shape[1]))
    np.add.at(sums, groups, vectors)
    within = (vectors - sums[groups] / sizes[groups, None])[sizes[groups] > 1]
    covariance = within.T @ within / len(within)
    even = np.trace(covariance) / len(covariance) * np.eye(len(covariance))
    variances, axes = np.linalg.eigh((1 - SHRUNK) * covariance + SHRUNK * even)
    return np.asarray((axes * variances ** (-power / 2)) @ axes.T)


def _both_ways(faces: LabelledFaces | TrainingSet) -> np.ndarray:
    return unit(faces.vectors + faces.mirrored)


def _mirrored(references: TrainingSet) -> TrainingSet:
    both = _both_ways(references)
    return replace(references, vectors=both, mirrored=both)


def _moments(vectors: np.ndarray, strangers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """vectors (n, d), strangers (c, d) → (n,), (n,): mean and deviation of each one's cosines with them."""
    covariance = np.cov(strangers.T, bias=True)
    return vectors @ strangers.mean(axis=0), np.sqrt(np.sum(vectors @ covariance * vectors, axis=1))


def _nearest(strangers: np.ndarray, axis: int) -> np.ndarray:
    """The mean of the NEAREST highest."""
    highest = np.partition(strangers, -NEAREST, axis).take(range(-NEAREST, 0), axis)
    return np.asarray(highest.mean(axis, keepdims=True))
