"""How much each reference resembles its own person's others, and how much somebody else: leave-one-out.

Likeness is the mean cosine with single references, not the cosine with their mean vector: the latter grows with their
number (0.64 with one, 0.82 with twenty in LFW), so that people of few and of many references could not be compared.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

ENOUGH = 50  # scores from which a median and a spread are taken from the gallery: their errors are then below 15 %
SIGMA = 1.4826  # standard deviations in a normal distribution's median absolute deviation


@dataclass(frozen=True)
class Groups:
    """Each person's references as far as they agree with each other."""

    sums: np.ndarray  # (people, d): of the vectors of its core; of all its references where there is no core
    counts: np.ndarray  # (people,) of the vectors summed
    core: np.ndarray  # (n,) whether a reference belongs to its person's core
    agreeing: np.ndarray  # (people,) references in the core; 0: no majority agrees


@dataclass(frozen=True)
class Likeness:
    """One entry a reference."""

    own: np.ndarray  # (n,) with the others of its person's group; NaN: it is the only one
    others: np.ndarray  # (n,) references that `own` is the mean of, if they are a core; else 0
    other: np.ndarray  # (n,) the highest one with another person's group; -inf in a gallery of one
    person: np.ndarray  # (n,) that person


def with_everyone(
    vectors: np.ndarray, owners: np.ndarray, groups: Groups, inside: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """((n, people) mean cosines without each reference itself, (n,) how many its own person's is the mean of).

    `inside` (n,): whether a reference is part of its own person's sum. NaN where nothing is left to compare with.
    """
    rows = np.arange(len(owners))
    sums = vectors @ groups.sums.T  # (n, people)
    sums[rows, owners] -= inside  # its cosine with itself
    counts = np.tile(groups.counts.astype(float), (len(owners), 1))
    counts[rows, owners] -= inside
    left = counts[rows, owners].astype(int)
    return np.divide(sums, counts, out=np.full_like(counts, np.nan), where=counts > 0), left


def likeness(vectors: np.ndarray, owners: np.ndarray, groups: Groups) -> Likeness:
    """vectors (n, d) unit rows, owners (n,) rows of `groups`."""
    rows = np.arange(len(owners))
    inside = np.where(groups.agreeing[owners] > 0, groups.core, True)
    scores, left = with_everyone(vectors, owners, groups, inside)
    own = scores[rows, owners].copy()
    scores[rows, owners] = -np.inf
    scores[np.isnan(scores)] = -np.inf  # people of whom nothing is left
    best = scores.argmax(axis=1)
    return Likeness(own, np.where(groups.agreeing[owners] > 0, left, 0), scores[rows, best], best)


def groups_of(vectors: np.ndarray, owners: np.ndarray, people: int, threshold: float, kept: np.ndarray) -> Groups:
    """kept (n,): which references count at all; `threshold`: the likeness from which two references show one person."""
    core = np.zeros(len(owners), bool)
    for person in range(people):
        own = np.flatnonzero((owners == person) & kept)
        core[own] = agreeing(vectors[own] @ vectors[own].T, threshold)
    cores = np.bincount(owners[core], minlength=people)
    summed = np.where(cores[owners] > 0, core, kept)
    sums = np.zeros((people, vectors.shape[1]))
    np.add.at(sums, owners[summed], vectors[summed])
    return Groups(sums, np.bincount(owners[summed], minlength=people), core, cores)


def agreeing(cosines: np.ndarray, threshold: float) -> np.ndarray:
    """cosines (k, k) between one person's references → (k,) whether each belongs to the majority that agrees.

    The worst goes first, one at a time, so that wrong ones do not pull the right ones down with them; who resembles
    the rest after all comes back. Nobody does where no more than half is left: then which half is right is unknown.
    """
    inside = np.ones(len(cosines), bool)
    while inside.sum() > 1:
        mean = np.where(inside, _mean_with(cosines, inside), np.inf)
        if mean.min() >= threshold:
            break
        inside[mean.argmin()] = False
    inside |= _mean_with(cosines, inside) >= threshold
    return inside & (2 * inside.sum() > len(inside))


def _mean_with(cosines: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """(k,): each one's mean cosine with those inside but itself; NaN where there are none."""
    sums = cosines[:, inside].sum(axis=1) - np.where(inside, np.diag(cosines), 0)
    counts = inside.sum() - inside
    return np.divide(sums, counts, out=np.full(len(cosines), np.nan), where=counts > 0)


def likeness_threshold(vectors: np.ndarray, owners: np.ndarray, people: int, same_person: float) -> float:
    """The likeness that is as many standard deviations below people's own as above that of strangers.

    Both are told from this gallery, by medians, which a few wrong labels hardly move. Many do move them down: what is
    published for the embedder, `same_person`, is the lowest it can be; it counts alone where there are too few of them.
    """
    everyone = np.ones(len(owners), bool)
    sums = np.zeros((people, vectors.shape[1]))
    np.add.at(sums, owners, vectors)
    groups = Groups(sums, np.bincount(owners, minlength=people), everyone, np.bincount(owners, minlength=people))
    scores, _ = with_everyone(vectors, owners, groups, everyone)
    mine = np.arange(people) == owners[:, None]
    known = ~np.isnan(scores)
    own, strangers = scores[mine & known], scores[~mine & known]
    if min(len(own), len(strangers)) < ENOUGH:
        return same_person
    (high, wide), (low, narrow) = robust(own), robust(strangers)
    return max(same_person, (high * narrow + low * wide) / (wide + narrow))


def robust(values: np.ndarray) -> tuple[float, float]:
    """(median, standard deviation) without regard to outliers; the latter is never quite 0."""
    middle = float(np.median(values))
    return middle, max(SIGMA * float(np.median(np.abs(values - middle))), 1e-6)
