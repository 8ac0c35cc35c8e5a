"""The study's comparison of classifiers, and what decides in an open set: whom each misses at which false alarms."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from pyspark.sql import SparkSession
from scipy.special import expit

from facejoin.conf.settings import Settings, SettingsError
from facejoin.jobs.evaluate.measures.open_set import Estimate, Reliability, Trial, probe_fnir, probe_rank1, reliability
from facejoin.jobs.folders.subjects import Subjects, people_in, read_subjects
from facejoin.jobs.gallery.references import gallery_photos, usable_references
from facejoin.jobs.store.errors import JobError
from facejoin.udfs.recognition.calibration import Curve
from facejoin.udfs.recognition.scorer import Scorer
from facejoin.udfs.recognition.training.kinds import KINDS, TrainingError
from facejoin.udfs.recognition.training.train import TrainingSet, fit_gallery_curve, fit_scorer
from facejoin.udfs.vision.analyse import model_version
from facejoin.udfs.vision.embedding.embed import EMBEDDERS

FPIRS = ("0.1", "0.01", "0.001", "0.0001")
SIZES = (25, 50, 100)  # people in a gallery
DEPTHS = (1, 2, 5)  # references a person; all of them beside
SEEDS = range(5)  # of the smaller galleries drawn out of the whole
GRID_DRAWS = 200  # of the bootstrap, for each of these


@dataclass(frozen=True)
class Cell:
    """Galleries of so many people and references each, drawn at random; the mean over the draws."""

    people: int
    references: int | None  # a person, at most; null: all there are
    rank1: float
    fnir: dict[str, Estimate]


@dataclass(frozen=True)
class KindReport:
    accuracy: float | None  # share of the known photos' faces whose best person is right; null: no face was found
    mean_confidence_known: float | None  # in the best person
    mean_confidence_unknown: float | None
    rank1: float  # share of the known photos, with those in which no face was found
    fnir: dict[str, Estimate]  # false-positive rate → share of known photos missed
    calibration: Reliability
    grid: list[Cell]


@dataclass(frozen=True)
class IdentificationReport:
    kinds: dict[str, KindReport]
    not_trained: dict[str, str]  # kind → why
    references: int  # used
    people: int
    known: int  # photos
    unknown: int
    undetected: int  # of both, photos in which no face was found
    enrolled_probes: int  # known photos left out, for they are in the gallery too
    share: float  # of gallery people among all faces that confidences rest on
    model: str


def evaluate_identification(
    spark: SparkSession,
    settings: Settings,
    folders: tuple[str, str, str],
    kinds: Sequence[str] = KINDS,
    grid: bool = True,
    suppressed: Sequence[str] = (),
) -> tuple[IdentificationReport, dict[str, Trial]]:
    """(report, each kind's scores). folders: the gallery and the known photos, with a folder a person, of the same
    people; and others' photos.

    Raises SettingsError for folders or kinds that do not go together, JobError for a gallery that cannot be enrolled.
    """
    refuse_unknown_kinds(kinds)
    gallery, known, unknown = folders
    _refuse_mixed(spark, folders, suppressed)
    references, hashes = usable_references(spark, settings, gallery, suppressed)
    probes = read_subjects(spark, settings.networks, known, "known")
    probes = probes.only(~np.isin(probes.people, list(suppressed)))
    strangers = read_subjects(spark, settings.networks, unknown, "unknown")
    fresh = probes.only(~np.isin(probes.hashes, list(hashes)))
    if not len(fresh):
        raise SettingsError(f"every photo in {known} is enrolled too: expected photos that are not in {gallery}")
    scorers, failed = _scorers(references, kinds)
    trials = {kind: searched(scorer, references.people, fresh, strangers) for kind, scorer in scorers.items()}
    same_person, share = EMBEDDERS[settings.vision.embed.model].same_person, settings.match.share
    reports = {}
    for kind, scorer in scorers.items():
        cells = list(_grid(references, fresh, strangers, kind)) if grid else []
        curve = fit_gallery_curve(references, kind, scorer, None, same_person)
        confidences = _confidences(curve, scorer, trials[kind], share)
        reports[kind] = _kind_report(trials[kind], confidences, (fresh.found, strangers.found), cells, share)
    report = IdentificationReport(
        kinds=reports,
        not_trained=failed,
        references=len(references.owners),
        people=len(references.people),
        known=len(fresh),
        unknown=len(strangers),
        undetected=int((~fresh.found).sum() + (~strangers.found).sum()),
        enrolled_probes=len(probes) - len(fresh),
        share=share,
        model=model_version(settings.vision),
    )
    return report, trials


def refuse_unknown_kinds(kinds: Sequence[str]) -> None:
    if wrong := [kind for kind in kinds if kind not in KINDS]:
        raise SettingsError(f"no kind {', '.join(wrong)}: expected some of {', '.join(KINDS)}")


def _refuse_mixed(spark: SparkSession, folders: tuple[str, str, str], suppressed: Sequence[str]) -> None:
    """By the folders' names, before any photo is read."""
    gallery, known, unknown = folders
    people = {photo.person for photo in gallery_photos(spark, gallery)}
    if len(people - {*suppressed}) < 2:
        raise SettingsError(f"fewer than two people in {gallery}: expected at least two to tell apart")
    if strange := sorted(people_in(spark, known) - people):
        raise SettingsError(f"{_named(strange)} in {known}: not in the gallery {gallery}")
    if enrolled := sorted(people_in(spark, unknown) & people):
        raise SettingsError(f"{_named(enrolled)} in {unknown}: in the gallery {gallery}, so not unknown")


def _named(people: Sequence[str]) -> str:
    return people[0] if len(people) == 1 else f"{people[0]} and {len(people) - 1} more people"


def _scorers(references: TrainingSet, kinds: Sequence[str]) -> tuple[dict[str, Scorer], dict[str, str]]:
    """(trained ones, why the others could not be). Raises JobError where no kind can be trained."""
    scorers, failed = {}, {}
    for kind in kinds:
        try:
            scorers[kind] = fit_scorer(references, kind)
        except TrainingError as error:
            failed[kind] = str(error)
    if not scorers:
        raise JobError("no kind could be trained: " + "; ".join(f"{kind}: {why}" for kind, why in failed.items()))
    return scorers, failed


def _kind_report(
    trial: Trial,
    confidences: tuple[np.ndarray, np.ndarray],
    found: tuple[np.ndarray, np.ndarray],
    grid: list[Cell],
    share: float,
) -> KindReport:
    """confidences in the best person and whether a face was found, of known and of unknown photos."""
    (sure, doubted), (known_found, unknown_found) = confidences, found
    right = np.concatenate([trial.right, np.zeros(len(doubted), bool)])
    is_known = np.arange(len(right)) < len(sure)
    return KindReport(
        accuracy=_mean(trial.right[known_found]),
        mean_confidence_known=_mean(sure[known_found]),
        mean_confidence_unknown=_mean(doubted[unknown_found]),
        rank1=probe_rank1(trial),
        fnir={fpir: probe_fnir([trial], float(fpir)) for fpir in FPIRS},
        calibration=reliability(np.concatenate([sure, doubted]), right, is_known, share),
        grid=grid,
    )


def searched(scorer: Scorer, people: Sequence[str], known: Subjects, unknown: Subjects) -> Trial:
    """`people` by the scorer's rows."""
    best, evidence = _best(scorer, known)
    named = np.array(people)[best]
    _, strange = _best(scorer, unknown)
    return Trial(evidence, (named == known.people) & known.found, known.groups, strange, unknown.groups)


def _best(scorer: Scorer, probes: Subjects) -> tuple[np.ndarray, np.ndarray]:
    """((n,) row of the best person, (n,) evidence for that person; -inf where no face was found)."""
    best, highest = np.zeros(len(probes), int), np.full(len(probes), -np.inf)
    if probes.found.any():
        evidence = scorer.evidence(probes.vectors[probes.found])
        best[probes.found], highest[probes.found] = evidence.argmax(axis=1), evidence.max(axis=1)
    return best, highest


def _confidences(curve: Curve, scorer: Scorer, trial: Trial, share: float) -> tuple[np.ndarray, np.ndarray]:
    """Of known and unknown photos: a classifier's own, or that of the similarity."""
    if scorer.classifier is not None:
        return np.asarray(expit(trial.known)), np.asarray(expit(trial.unknown))
    return curve.confidence(trial.known, share), curve.confidence(trial.unknown, share)


def _grid(references: TrainingSet, known: Subjects, unknown: Subjects, kind: str) -> Iterator[Cell]:
    """Smaller galleries, and the whole with fewer references; sizes that the gallery does not have are left out."""
    everyone = len(references.people)
    for size in sorted({size for size in SIZES if size < everyone} | {everyone}):
        for depth in (*DEPTHS, None):
            seeds = SEEDS if size < everyone or depth is not None else SEEDS[:1]
            try:
                trials = [_drawn(references, known, unknown, kind, size, depth, seed) for seed in seeds]
            except TrainingError:  # a classifier that needs more references than these
                continue
            estimates = {fpir: probe_fnir(trials, float(fpir), GRID_DRAWS) for fpir in FPIRS}
            yield Cell(size, depth, float(np.mean([probe_rank1(trial) for trial in trials])), estimates)


def _drawn(
    references: TrainingSet, known: Subjects, unknown: Subjects, kind: str, size: int, depth: int | None, seed: int
) -> Trial:
    rng = np.random.default_rng([seed, size, depth or 0])
    people = np.sort(rng.permutation(len(references.people))[:size])
    rows = [rng.permutation(np.flatnonzero(references.owners == person))[:depth] for person in people]
    smaller = TrainingSet(
        vectors=references.vectors[np.concatenate(rows)],
        mirrored=references.mirrored[np.concatenate(rows)],
        owners=np.repeat(np.arange(size), [len(own) for own in rows]),
        people=tuple(references.people[person] for person in people),
        files=tuple(references.files[row] for row in np.concatenate(rows)),
    )
    theirs = known.only(np.isin(known.people, smaller.people))
    if not len(theirs):
        raise SettingsError(f"none of the known photos shows any of {size} people drawn: expected photos of everyone")
    return searched(fit_scorer(smaller, kind), smaller.people, theirs, unknown)


def _mean(values: np.ndarray) -> float | None:
    return float(np.mean(values)) if len(values) else None
