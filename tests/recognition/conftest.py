"""What the recognition tests share: people made of seeded noise around a direction each."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

from facejoin.udfs.recognition.gallery import Gallery
from facejoin.udfs.recognition.train import train

DIMENSIONS = 32


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


def gallery(references: np.ndarray, owners: np.ndarray, kind: str = "cosine", fpir: float = 0.01) -> Gallery:
    """People are named a, b, c …, their files a-0, a-1 …, as the rows come."""
    names = [chr(ord("a") + owner) for owner in owners]
    files = tuple(f"{name}-{names[:row].count(name)}" for row, name in enumerate(names))
    people = tuple(chr(ord("a") + person) for person in range(owners.max() + 1))
    return train(references, owners, people, files, kind, fpir, same_person=0.5, model_version="synthetic")


@pytest.fixture(scope="session")
def make_crowd() -> Callable[..., Crowd]:
    return crowd


@pytest.fixture(scope="session")
def make_gallery() -> Callable[..., Gallery]:
    return gallery
