"""What the recognition tests share: people made of seeded noise around a direction each."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

from facejoin.udfs.recognition.gallery import Gallery
from facejoin.udfs.recognition.score import Probes, Scores, score
from facejoin.udfs.recognition.training.train import Cohort, TrainingSet, train

DIMENSIONS = 32
SHARE = 0.001  # of gallery people among all faces


@dataclass(frozen=True)
class Crowd:
    """People whose photos' vectors scatter around a direction of their own."""

    directions: np.ndarray  # (people, d)
    spread: float  # of a photo around its person, per dimension

    def photos(self, each: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """(people · each, d) unit rows, and the person of each."""
        owners = np.repeat(np.arange(len(self.directions)), each)
        noise = np.random.default_rng(seed).normal(size=(len(owners), DIMENSIONS))
        return unit(self.directions[owners] + self.spread * noise), owners


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def crowd(people: int, seed: int = 0, spread: float = 0.08) -> Crowd:
    return Crowd(unit(np.random.default_rng(seed).normal(size=(people, DIMENSIONS))), spread)


def references(vectors: np.ndarray, owners: np.ndarray) -> TrainingSet:
    """People are named a, b, c …, their files a-0, a-1 …, as the rows come; a mirrored face differs a little."""
    names = [chr(ord("a") + owner) for owner in owners]
    noise = np.random.default_rng(5).normal(size=vectors.shape)
    return TrainingSet(
        vectors=vectors,
        mirrored=unit(vectors + 0.02 * noise),
        owners=owners,
        people=tuple(chr(ord("a") + person) for person in range(owners.max() + 1)),
        files=tuple(f"{name}-{names[:row].count(name)}" for row, name in enumerate(names)),
    )


def gallery(
    vectors: np.ndarray, owners: np.ndarray, kind: str = "cosine", fpir: float = 0.01, cohort: Cohort | None = None
) -> Gallery:
    return train(references(vectors, owners), kind, fpir, same_person=0.5, model_version="synthetic", cohort=cohort)


def recognised(gallery: Gallery, vectors: np.ndarray, threshold: float | None = None, share: float = SHARE) -> Scores:
    """Of faces that are alone on their photos; without a threshold by the gallery's own."""
    probes = Probes(vectors, np.arange(len(vectors)), np.ones(len(vectors)))
    return score(gallery, probes, share, gallery.parameters.threshold if threshold is None else threshold)


@pytest.fixture(scope="session")
def make_crowd() -> Callable[..., Crowd]:
    return crowd


@pytest.fixture(scope="session")
def make_references() -> Callable[..., TrainingSet]:
    return references


@pytest.fixture(scope="session")
def make_gallery() -> Callable[..., Gallery]:
    return gallery


@pytest.fixture(scope="session")
def recognise() -> Callable[..., Scores]:
    return recognised


@pytest.fixture(scope="session")
def strangers() -> Callable[[int], Cohort]:
    """(number) → so many faces in any direction, two of each stranger."""

    def make(number: int, seed: int = 21) -> Cohort:
        people = crowd(-(-number // 2), seed).photos(2, seed)
        return Cohort(people[0][:number], people[1][:number])

    return make
