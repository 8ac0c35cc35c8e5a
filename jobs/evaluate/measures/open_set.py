"""How well a gallery's people are told from each other and from strangers, face by face (ISO/IEC 19795-1).

A probe is one face, or a photo in which none was found: its evidence is then -inf, and it is missed, or no false alarm.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

DRAWS = 1000  # of the bootstrap
INTERVAL = (0.025, 0.975)
BINS = 15  # of a reliability plot


@dataclass(frozen=True)
class Trial:
    """One gallery, searched for known people and for strangers. Groups are people: their photos are not independent."""

    known: np.ndarray  # (k,) evidence for the best person
    right: np.ndarray  # (k,) whether that is who the probe shows
    known_groups: np.ndarray  # (k,) 0, 1, …
    unknown: np.ndarray  # (u,) evidence for the best person
    unknown_groups: np.ndarray  # (u,) 0, 1, …


@dataclass(frozen=True)
class Estimate:
    value: float
    low: float  # 95 % interval
    high: float
    note: str | None = None  # what the interval does not tell


@dataclass(frozen=True)
class Reliability:
    """Confidences by bins of equal width, those that are met."""

    confidence: list[float]  # mean of each bin
    right: list[float]  # share of right ones in it
    weight: list[float]  # share of all faces in it
    error: float  # expected calibration error: mean of |confidence - right|, by weight


def probe_rank1(trial: Trial) -> float:
    """Share of known probes whose best person is the right one."""
    return float(np.mean(trial.right))


def probe_fnir(trials: Sequence[Trial], fpir: float, draws: int = DRAWS) -> Estimate:
    """Share of known probes missed, or given to somebody else, at the threshold that at most a share `fpir` of
    strangers exceeds; the mean over trials. The interval is a bootstrap over people, of whom all trials draw the same.

    Where a trial has fewer than 1 / fpir strangers, its threshold is their highest evidence, which may be too low: then
    nothing bounds the misses from above, and the interval ends at 1.
    """
    rng = np.random.default_rng(0)
    once = [_probe_fnir(one, fpir, np.ones(len(one.known)), np.ones(len(one.unknown))) for one in trials]
    known = max(int(trial.known_groups.max()) for trial in trials) + 1
    unknown = max(int(trial.unknown_groups.max()) for trial in trials) + 1
    drawn = [
        np.mean([_probe_fnir(trial, fpir, k[trial.known_groups], u[trial.unknown_groups]) for trial in trials])
        for k, u in zip(_resamples(rng, known, draws), _resamples(rng, unknown, draws), strict=True)
    ]
    low, high = (float(end) for end in np.nanquantile(drawn, INTERVAL))
    value, fewest = float(np.mean(once)), min(len(trial.unknown) for trial in trials)
    if fewest * fpir >= 1 - 1e-9:
        return Estimate(value, low, high)
    return Estimate(value, low, 1.0, f"{fewest} unknown photos are too few for a rate of {fpir:g}: a lower bound")


def det_curve(trial: Trial) -> tuple[np.ndarray, np.ndarray]:
    """(FPIR, FNIR) at each stranger's evidence, the highest first: what a DET plot shows."""
    thresholds = np.sort(trial.unknown)[::-1]
    rate = np.arange(len(thresholds)) / len(thresholds)
    hits = np.sort(trial.known[trial.right])
    missed = 1 - (len(hits) - np.searchsorted(hits, thresholds, side="right")) / len(trial.known)
    return rate, missed


def reliability(confidence: np.ndarray, right: np.ndarray, known: np.ndarray, share: float) -> Reliability:
    """confidence (n,) in [0, 1] of the best person, right (n,), known (n,): whether the gallery has the face's person.

    Faces count so that the known ones make up `share` of all. The error is the ECE of Naeini et al. 2015
    (doi:10.1609/aaai.v29i1.9602).
    """
    weight = np.where(known, share / max(known.sum(), 1), (1 - share) / max((~known).sum(), 1))
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    total = np.bincount(bins, weight, BINS)
    met = total > 0
    mean, hits = (np.bincount(bins, weight * value, BINS)[met] / total[met] for value in (confidence, right))
    error = float(np.sum(total[met] * np.abs(mean - hits)) / total.sum())
    return Reliability(mean.tolist(), hits.tolist(), (total[met] / total.sum()).tolist(), error)


def _probe_fnir(trial: Trial, fpir: float, known: np.ndarray, unknown: np.ndarray) -> float:
    """With each probe counting so often: known (k,), unknown (u,). NaN where no known probe is left."""
    threshold = _threshold(trial.unknown, unknown, fpir)
    hits = trial.right & (trial.known > threshold)
    return float(1 - known[hits].sum() / known.sum()) if known.any() else float("nan")


def _threshold(evidence: np.ndarray, weights: np.ndarray, fpir: float) -> float:
    """What evidence must exceed, so that at most a share `fpir` of the weights does."""
    order = np.argsort(evidence)[::-1]
    seen = np.cumsum(weights[order])  # so far
    first = int(np.searchsorted(seen, fpir * seen[-1] + 1e-9, side="right"))  # that would be one too many
    return float(evidence[order][first]) if first < len(evidence) else -np.inf


def _resamples(rng: np.random.Generator, groups: int, draws: int) -> np.ndarray:
    """(draws, groups): how often each group is drawn."""
    return np.asarray(rng.multinomial(groups, np.full(groups, 1 / groups), size=draws))
