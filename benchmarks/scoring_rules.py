"""Rules that say how like each of a gallery's people a face is; scoring.py compares them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from scoring_photos import Draw, Faces

from facejoin.conf.settings import load_settings
from facejoin.udfs.recognition.gallery import mean_vectors, off_centre, unit
from facejoin.udfs.recognition.train import Cohort, References, model_of, train
from facejoin.udfs.vision.embed import EMBEDDERS

PLAIN, KEPT = "cosine", "centred_cosine"  # kinds of galleries
FOLDS = 5  # of the unknown people
NEAREST = 10  # strangers that a tail's mean is taken of
PORTION = 1 / 3  # of the nearest strangers' mean that is taken off
ALIKE = 3  # references
SHRUNK = 0.3  # part of the covariance that is made the same in all directions
MOST = 5  # faces of the collection that become one person's references
SAME_PERSON = EMBEDDERS[load_settings().vision.embed.model].same_person

Scores = tuple[np.ndarray, np.ndarray]  # of the known (k, people) and of the unknown (u, people)
Scorer = Callable[[np.ndarray], np.ndarray]  # (n, d) unit rows → (n, people)
Rule = Callable[[Draw], Scores]


def alone(scorer: Callable[[Draw], Scorer]) -> Rule:
    """A rule that needs the references only."""

    def rule(draw: Draw) -> Scores:
        score = scorer(draw)
        return score(draw.known.vectors), score(draw.unknown.vectors)

    return rule


def cross_fitted(scorer: Callable[[References, Cohort], Scorer]) -> Rule:
    """A rule that needs strangers: a fifth of the unknown people is scored with the others as the cohort, and the known
    ones with the mean of the five."""

    def rule(draw: Draw) -> Scores:
        fold = draw.unknown.people % FOLDS
        known, unknown = [], np.zeros((len(fold), len(draw.references.people)))
        for number in range(FOLDS):
            others = draw.unknown[fold != number]
            score = scorer(draw.references, Cohort(others.vectors, others.people))
            unknown[fold == number] = score(draw.unknown.vectors[fold == number])
            known.append(score(draw.known.vectors))
        return np.mean(known, axis=0), unknown

    return rule


def mean_vector(draw: Draw) -> Scorer:
    return model_of(draw.references, PLAIN).similarity


def mirrored(draw: Draw) -> Scorer:
    return model_of(_mirrored(draw.references), PLAIN).similarity


def centred(draw: Draw) -> Scorer:
    as_they_are = replace(draw.references, mirrored=draw.references.vectors)
    return model_of(as_they_are, KEPT).similarity


def kept(draw: Draw) -> Scorer:
    return model_of(draw.references, KEPT).similarity


def weighted(draw: Draw) -> Scorer:
    """By the photos' quality."""
    vectors = (draw.references.vectors * draw.weights[:, None]).astype(np.float32)
    means = mean_vectors(vectors, draw.references.owners, len(draw.references.people))
    return lambda faces: faces @ means.T


def most_alike(draw: Draw) -> Scorer:
    """The mean cosine with a person's three most similar references."""
    people = range(len(draw.references.people))
    own = [draw.references.vectors[draw.references.owners == person].T for person in people]
    return lambda faces: np.stack([np.sort(faces @ one, axis=1)[:, -ALIKE:].mean(axis=1) for one in own], axis=1)


def centred_on_cohort(references: References, cohort: Cohort) -> Scorer:
    """With mirrored references, as the kept rule has them."""
    centre = cohort.vectors.mean(axis=0)
    means = off_centre(model_of(_mirrored(references), PLAIN).means, centre)
    return lambda faces: off_centre(faces, centre) @ means.T


def z_norm(references: References, cohort: Cohort, kind: str) -> Scorer:
    """In standard deviations above what strangers score with the person (Reynolds 1997, Eurospeech, "Comparison of
    background normalization methods for text-independent speaker verification")."""
    model = model_of(references, kind)
    mean, deviation = _moments(model.means, off_centre(cohort.vectors, model.centre))
    return lambda faces: (model.similarity(faces) - mean) / deviation


def t_norm(references: References, cohort: Cohort, kind: str) -> Scorer:
    """In standard deviations above what the face scores with strangers (Auckenthaler et al. 2000,
    doi:10.1006/dspr.1999.0360)."""
    model = model_of(references, kind)
    strangers = off_centre(cohort.vectors, model.centre)

    def score(faces: np.ndarray) -> np.ndarray:
        mean, deviation = _moments(off_centre(faces, model.centre), strangers)
        return (model.similarity(faces) - mean[:, None]) / deviation[:, None]

    return score


def s_norm(references: References, cohort: Cohort, kind: str) -> Scorer:
    """The mean of both (Kenny 2010, Odyssey, "Bayesian speaker verification with heavy-tailed priors")."""
    by_person, by_face = z_norm(references, cohort, kind), t_norm(references, cohort, kind)
    return lambda faces: (by_person(faces) + by_face(faces)) / 2


def less_own_tail(references: References, cohort: Cohort, kind: str) -> Scorer:
    """Each person has a threshold: what the strangers most like the person score."""
    model = model_of(references, kind)
    tail = _nearest(model.similarity(cohort.vectors), axis=0)
    return lambda faces: model.similarity(faces) - tail


def less_nearest(references: References, cohort: Cohort) -> Scorer:
    """The kept rule, less a third of what the strangers most like the face score: a t-norm's idea, done by a third."""
    model = model_of(references, KEPT)
    strangers = off_centre(cohort.vectors, model.centre).T

    def score(faces: np.ndarray) -> np.ndarray:
        return model.similarity(faces) - PORTION * _nearest(off_centre(faces, model.centre) @ strangers, axis=1)

    return score


def whitened(references: References, cohort: Cohort, power: float) -> Scorer:
    """Directions in which a stranger's own photos differ count less, by that power of their variance; on the kept rule
    (1 in Hatch et al. 2006, Interspeech, "Within-class covariance normalization for SVM-based speaker recognition")."""
    model = model_of(references, KEPT)
    matrix = _whitening(off_centre(cohort.vectors, model.centre), cohort.groups, power)
    means = unit(model.means @ matrix)
    return lambda faces: unit(off_centre(faces, model.centre) @ matrix) @ means.T


def mirrored_probes(draw: Draw) -> Scores:
    """The kept rule, with faces that are the mean of both ways round, as embed.mirror makes them."""
    known, unknown = (replace(faces, vectors=_both_ways(faces)) for faces in (draw.known, draw.unknown))
    return alone(kept)(replace(draw, references=_mirrored(draw.references), known=known, unknown=unknown))


def growing(draw: Draw) -> Scores:
    """The kept rule, after which each person's surest faces of the collection become references: those so sure that one
    stranger's would be among them. A face is not compared with itself."""
    gallery = train(draw.references, KEPT, 1 / 1000, SAME_PERSON, "")
    faces = off_centre(np.concatenate([draw.known.vectors, draw.unknown.vectors]), gallery.centre)
    similarity = faces @ gallery.means.T  # (k + u, people)
    sums = gallery.means * np.bincount(gallery.owners)[:, None]
    taken = _surest(similarity, gallery.impostors.level(1 / len(faces)))
    for person, rows in enumerate(taken):
        sums[person] += faces[rows].sum(axis=0)
    grown = faces @ unit(sums).T
    for person, rows in enumerate(taken):
        grown[rows, person] = np.sum(faces[rows] * unit(sums[person] - faces[rows]), axis=1)
    return grown[: len(draw.known.people)], grown[len(draw.known.people) :]


def _surest(similarity: np.ndarray, level: float) -> list[np.ndarray]:
    """The rows of each person's faces: at most MOST that reach `level` and are more like nobody else."""
    best, score = similarity.argmax(axis=1), similarity.max(axis=1)
    order = (-score).argsort()
    sure = order[score[order] >= level]
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


def _both_ways(faces: Faces | References) -> np.ndarray:
    return unit(faces.vectors + faces.mirrored)


def _mirrored(references: References) -> References:
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
