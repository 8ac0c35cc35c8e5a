"""A gallery without some of its people, whose photos are not there to be enrolled again."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import numpy as np

from facejoin.udfs.recognition.gallery import Gallery, Parameters
from facejoin.udfs.recognition.impostors import Impostors
from facejoin.udfs.recognition.scorer import Scorer, off_centre
from facejoin.udfs.recognition.training.kinds import TrainingError
from facejoin.udfs.recognition.training.train import common_direction


def without(gallery: Gallery, people: Collection[str]) -> Gallery:
    """Nothing in it is made of their vectors: what all faces have in common is computed anew from the others.

    The threshold and the curve to confidence, three numbers that all references gave, stay as they are. Raises
    TrainingError for a classifier, which all people shaped, and where nobody would be left.
    """
    if gallery.scorer.classifier is not None:
        raise TrainingError(f"a gallery of the kind {gallery.parameters.kind} is made of all its people together")
    kept = np.array([person not in people for person in gallery.parameters.people])
    if not kept.any():
        raise TrainingError("nobody is left in the gallery")
    rows = np.flatnonzero(kept[gallery.owners])
    return replace(
        gallery,
        parameters=_parameters(gallery.parameters, kept, rows),
        scorer=_scorer(gallery.scorer, kept),
        references=gallery.references[rows],
        owners=_renumbered(gallery.owners[rows]),
        impostors=_impostors(gallery, kept),
    )


def _parameters(parameters: Parameters, kept: np.ndarray, rows: np.ndarray) -> Parameters:
    people = tuple(person for person, stays in zip(parameters.people, kept, strict=True) if stays)
    return replace(parameters, people=people, files=tuple(parameters.files[row] for row in rows))


def _scorer(scorer: Scorer, kept: np.ndarray) -> Scorer:
    if not scorer.centre.any():
        return Scorer(scorer.centre, scorer.means[kept])
    means = _on_centre(scorer.means[kept], scorer.centre)
    centre = common_direction(means)
    return Scorer(centre, off_centre(means, centre).astype(np.float32))


def _on_centre(directions: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """(n, d) unit rows off the centre (d,) → the unit rows that they were made of: the centre and that much of the
    direction that the length is 1. The inverse of `off_centre`."""
    along = directions @ centre
    reach = -along + np.sqrt(along**2 + 1 - centre @ centre)
    return np.asarray(centre + reach[:, None] * directions)


def _impostors(gallery: Gallery, kept: np.ndarray) -> Impostors:
    """Strangers who were most like one of the others; where references are the strangers, those of the others."""
    old = gallery.impostors
    stay = kept[old.people]
    if np.array_equal(old.groups, gallery.owners):
        stay &= kept[gallery.owners]
    position = np.cumsum(kept) - 1
    return Impostors(old.evidence[stay], position[old.people[stay]], _renumbered(old.groups[stay]))


def _renumbered(numbers: np.ndarray) -> np.ndarray:
    """0, 1, … in the same order."""
    return np.asarray(np.unique(numbers, return_inverse=True)[1]).reshape(numbers.shape)
