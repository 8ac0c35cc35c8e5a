"""InceptionResnetV1's path, with weights made here: as large as the published ones, and of no use for faces."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from facenet_pytorch import InceptionResnetV1
from facenet_pytorch.models.mtcnn import fixed_image_standardization

from facejoin.conf.settings import EmbedSettings
from facejoin.udfs.vision.analyse import weights_file
from facejoin.udfs.vision.embedding.embed import Embedder
from facejoin.udfs.vision.engines.runtime import Runtime


@pytest.fixture(scope="module")
def embedder(embedders: Callable[..., Embedder], exact_runtime: Runtime) -> Embedder:
    return embedders("inception_resnet_v1", exact_runtime)


@pytest.fixture(scope="module")
def crops() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    smooth = [rng.integers(0, 256, (20, 20, 3), dtype=np.uint8) for _ in range(3)]
    return [np.kron(small, np.ones((8, 8, 1), np.uint8)) for small in smooth]


def test_the_weights_file_has_the_classifiers_layer_as_published_ones_do(inception: EmbedSettings) -> None:
    file = weights_file(inception, ())
    assert file == Path(str(inception.weights))
    assert "logits.weight" in torch.load(file, weights_only=True)


@pytest.fixture(scope="module")
def vectors(embedder: Embedder, crops: list[np.ndarray]) -> np.ndarray:
    return embedder.embed(crops)


def test_vectors_are_rows_of_length_one(vectors: np.ndarray) -> None:
    assert vectors.shape == (3, 512)
    assert vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)


def test_vectors_are_those_of_facenet_pytorch(
    vectors: np.ndarray, published: InceptionResnetV1, crops: list[np.ndarray]
) -> None:
    faces = torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2).float()
    with torch.inference_mode():
        expected = published(fixed_image_standardization(faces)).numpy()
    assert np.abs(vectors - expected).max() <= 1e-5


def test_no_crops_give_no_vectors(embedder: Embedder) -> None:
    assert embedder.embed([]).shape == (0, 512)


def test_a_crop_has_the_size_that_the_network_expects(embedder: Embedder) -> None:
    photo = np.zeros((300, 300, 3), np.uint8)
    (crop,) = embedder.crops(photo, embedder.kind.template[None] + 50)
    assert crop.shape == (160, 160, 3)
