"""Vectors of faces → who each is most like, how sure that is, and whether it is enough."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from facejoin.udfs.recognition.assign import assign
from facejoin.udfs.recognition.gallery import Gallery
from facejoin.udfs.recognition.scorer import log_odds

ACCEPTED, BELOW, TAKEN, NO_FACE = "accepted", "below", "taken", "no_face"
DECISIONS = (ACCEPTED, BELOW, TAKEN, NO_FACE)


@dataclass(frozen=True)
class Probes:
    """What is to be recognised, one entry a detected face."""

    vectors: np.ndarray  # (n, d) unit rows
    photos: np.ndarray  # (n,) numbers: faces of one photo share one
    scores: np.ndarray  # (n,) the detector's


@dataclass(frozen=True)
class Scores:
    """One entry a probe; people and references by their rows in the gallery."""

    person: np.ndarray  # (n,) the one that is decided for; of a face that is not accepted, the best one
    similarity: np.ndarray  # (n,) cosine with that person's mean vector
    confidence: np.ndarray  # (n,) in [0, 1]
    decision: np.ndarray  # (n,) accepted; below the threshold; taken: its person is another face of the photo; no_face
    evidence: np.ndarray  # (n,) for that person
    nearest: np.ndarray  # (n,) the person's nearest reference
    nearest_similarity: np.ndarray  # (n,) cosine with it
    runner_up: np.ndarray  # (n,) the best other person; -1 in a gallery of one
    runner_up_confidence: np.ndarray  # (n,) NaN in a gallery of one

    @property
    def accepted(self) -> np.ndarray:
        return np.asarray(self.decision == ACCEPTED)


def score(gallery: Gallery, probes: Probes, share: float, threshold: float) -> Scores:
    """`share` of all faces are the gallery's; `threshold` is of the score. What the gallery's filter takes for no face
    is nobody.

    >>> from facejoin.udfs.recognition.training.train import TrainingSet, train
    >>> vectors, files = np.eye(2, dtype=np.float32), ("Ann/1.jpg", "Bob/1.jpg")
    >>> references = TrainingSet(vectors, vectors, owners=np.array([0, 1]), people=("Ann", "Bob"), files=files)
    >>> gallery = train(references, "cosine", fpir=0.001, same_person=0.363, model_version="made-up")
    >>> faces = np.array([[0.8, 0.6], [0.6, -0.8], [-1, 0]], np.float32)
    >>> probes = Probes(faces, photos=np.array([0, 0, 1]), scores=np.ones(3))  # the first two are of one photo
    >>> score(gallery, probes, share=0.001, threshold=0.5).decision.tolist()
    ['accepted', 'taken', 'below']
    """
    similarity = gallery.scorer.similarity(probes.vectors)  # (n, people)
    if gallery.scorer.classifier is None:
        confidence = gallery.parameters.curve.confidence(similarity, share)
        scored = evidence = similarity
    else:
        scored = confidence = np.asarray(gallery.scorer.classifier.predict_proba(probes.vectors))
        evidence = log_odds(confidence)
    rows, best = np.arange(len(scored)), scored.argmax(axis=1)
    nobody = _nobody(gallery, probes)
    of_faces = np.where(nobody[:, None], -np.inf, evidence)
    enough = gallery.scorer.to_evidence(threshold)
    given = assign(of_faces, probes.photos, enough)
    person = np.where(given >= 0, given, best)
    runner_up = _runner_up(scored, person)
    nearest, nearest_similarity = _nearest_reference(gallery, probes.vectors, person)
    reached = of_faces[rows, best] >= enough
    return Scores(
        person=person,
        similarity=similarity[rows, person],
        confidence=confidence[rows, person],
        decision=np.select([nobody, given >= 0, reached], [NO_FACE, ACCEPTED, TAKEN], BELOW),
        evidence=evidence[rows, person],
        nearest=nearest,
        nearest_similarity=nearest_similarity,
        runner_up=runner_up,
        runner_up_confidence=np.where(runner_up >= 0, confidence[rows, runner_up], np.nan),
    )


def _nobody(gallery: Gallery, probes: Probes) -> np.ndarray:
    """(n,) whether a detection shows no face."""
    if gallery.nonfaces is None:
        return np.zeros(len(probes.vectors), bool)
    return gallery.nonfaces.is_nonface(probes.vectors, probes.scores)


def _runner_up(scored: np.ndarray, person: np.ndarray) -> np.ndarray:
    """The best one but `person`. scored (n, people): not the evidence, to which the least confidences are all alike."""
    if scored.shape[1] < 2:
        return np.full(len(person), -1)
    others = scored.copy()
    others[np.arange(len(person)), person] = -np.inf
    return np.asarray(others.argmax(axis=1))


def _nearest_reference(gallery: Gallery, faces: np.ndarray, person: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of the person's references alone."""
    likeness = faces @ gallery.references.T  # (n, references)
    likeness[gallery.owners[None, :] != person[:, None]] = -np.inf
    nearest = likeness.argmax(axis=1)
    return nearest, likeness[np.arange(len(faces)), nearest]
