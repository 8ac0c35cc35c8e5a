"""LFW's verification test of the crawl's own vectors: do two photos show one person?"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np
from pyspark.sql import SparkSession

from facejoin.conf.settings import NetworkSettings, SettingsError
from facejoin.jobs.evaluate.measures.intervals import Interval, wilson
from facejoin.jobs.evaluate.measures.pairs import LOWEST, cross_validation_folds, fold_accuracies, true_accepts
from facejoin.jobs.evaluate.pairs import Pair
from facejoin.jobs.folders.faces import found_faces
from facejoin.jobs.folders.pictures import Picture, pictures
from facejoin.jobs.folders.subjects import subject_vector
from facejoin.udfs.vision.analyse import model_version

FALSE_ACCEPT_RATES = (0.01, 0.001)

Vectors = Mapping[str, np.ndarray | None]  # photo → its subject's vector (d,), length 1; None: no face was found


@dataclass(frozen=True)
class VerificationReport:
    accuracy: float  # mean over the folds, each judged by the threshold that is best on the others
    deviation: float  # of the folds' accuracies: their standard deviation, divided by their number
    tar: dict[str, float]  # false-accept rate → share of one person's pairs that is accepted at it
    pairs: int
    undetected: int  # photos in which no face was found; their pairs have the lowest score
    accuracy_95: Interval | None  # Wilson's, of the pairs judged rightly
    tar_95: dict[str, Interval | None]
    folds: int  # 1: no pairs were left to find the threshold on, and the accuracy is too good
    photos: int
    statuses: dict[str, int]  # photos by outcome
    model_version: str


def evaluate_verification(
    spark: SparkSession, networks: NetworkSettings, images: str, pairs: Sequence[Pair]
) -> VerificationReport:
    """The accuracy of one split is that of a cross-validation in ten folds, or fewer where there are not ten pairs of
    each kind. Raises SettingsError where a photo is missing below `images` or there twice, WeightsError."""
    photos = sorted({photo for pair in pairs for photo in (pair.one, pair.two)})
    files = _files(pictures(spark, images), photos, images)
    rows = found_faces(spark, networks, images, [files[photo] for photo in photos], "verification")
    vectors = {photo: subject_vector(row) for photo, row in zip(photos, rows, strict=True)}
    return _report(pairs, vectors, Counter(row["status"] for row in rows), model_version(networks.vision))


def _files(found: Iterable[Picture], photos: Sequence[str], images: str) -> dict[str, Picture]:
    """photo → its file, which may be at any depth and have any picture's ending."""
    by_photo: dict[str, list[Picture]] = defaultdict(list)
    for picture in found:
        path = PurePosixPath(picture.path)
        by_photo[f"{path.parent.name}/{path.stem}"].append(picture)
    if missing := [photo for photo in photos if photo not in by_photo]:
        counted = f"missing: {len(missing)} of {len(photos)} photos"
        raise SettingsError(f"no photo {missing[0]}.jpg below {images}; {counted}")
    for photo in photos:
        if len(by_photo[photo]) > 1:
            one, other, *_ = (picture.below for picture in by_photo[photo])
            raise SettingsError(f"{photo} is more than one photo below {images}: {one} and {other}")
    return {photo: by_photo[photo][0] for photo in photos}


def _score(one: np.ndarray | None, two: np.ndarray | None) -> float:
    return LOWEST if one is None or two is None else float(one @ two)


def _report(pairs: Sequence[Pair], vectors: Vectors, statuses: Mapping[str, int], version: str) -> VerificationReport:
    scores = np.array([_score(vectors[pair.one], vectors[pair.two]) for pair in pairs])
    same = np.array([pair.same for pair in pairs])
    given = np.array([pair.fold for pair in pairs])
    folds = given if given.any() else cross_validation_folds(same)
    accuracies = fold_accuracies(scores, same, folds)
    right = round(float(accuracies @ np.bincount(folds)))
    genuine = int(same.sum())
    accepted = {str(rate): true_accepts(scores, same, rate) for rate in FALSE_ACCEPT_RATES}
    return VerificationReport(
        accuracy=float(accuracies.mean()),
        deviation=float(accuracies.std()),
        tar={rate: number / genuine for rate, number in accepted.items()},
        pairs=len(pairs),
        undetected=sum(vector is None for vector in vectors.values()),
        accuracy_95=wilson(right, len(pairs)),
        tar_95={rate: wilson(number, genuine) for rate, number in accepted.items()},
        folds=len(accuracies),
        photos=len(vectors),
        statuses=dict(sorted(statuses.items())),
        model_version=version,
    )
