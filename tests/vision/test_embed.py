"""InceptionResnetV1's path, with weights made here: as large as the published ones, and of no use for faces."""

from pathlib import Path

import numpy as np
import pytest
import torch
from facenet_pytorch import InceptionResnetV1
from facenet_pytorch.models.mtcnn import fixed_image_standardization

from facejoin.conf.settings import EmbedSettings
from facejoin.udfs.vision.analyse import weights_file
from facejoin.udfs.vision.embed import EMBEDDERS, Embedder
from facejoin.udfs.vision.runtime import Runtime


@pytest.fixture(scope="module")
def embedder(inception: EmbedSettings, exact_runtime: Runtime) -> Embedder:
    return Embedder(inception, weights_file(inception, ()), exact_runtime)


@pytest.fixture(scope="module")
def crops() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    smooth = [rng.integers(0, 256, (20, 20, 3), dtype=np.uint8) for _ in range(3)]
    return [np.kron(small, np.ones((8, 8, 1), np.uint8)) for small in smooth]


def test_the_weights_file_has_the_classifiers_layer_as_published_ones_do(inception: EmbedSettings) -> None:
    assert "logits.weight" in torch.load(inception.weights, weights_only=True)


@pytest.fixture(scope="module")
def vectors(embedder: Embedder, crops: list[np.ndarray]) -> np.ndarray:
    return embedder.embed(crops)


def test_vectors_are_rows_of_length_one(vectors: np.ndarray) -> None:
    assert vectors.shape == (3, 512) and vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)


def test_vectors_are_those_of_facenet_pytorch(
    vectors: np.ndarray, published: InceptionResnetV1, crops: list[np.ndarray]
) -> None:
    faces = torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2).float()
    with torch.inference_mode():
        expected = published(fixed_image_standardization(faces)).numpy()
    assert np.abs(vectors - expected).max() <= 1e-5


def test_the_size_of_a_batch_does_not_change_a_vector(
    inception: EmbedSettings, vectors: np.ndarray, crops: list[np.ndarray], exact_runtime: Runtime
) -> None:
    by_two = Embedder(inception.model_copy(update={"batch": 2}), Path(inception.weights), exact_runtime)
    assert (np.sum(by_two.embed(crops) * vectors, axis=1) >= 0.9999).all()


def test_no_crops_give_no_vectors(embedder: Embedder) -> None:
    assert embedder.embed([]).shape == (0, 512)


@pytest.mark.parametrize("name", EMBEDDERS)
def test_a_template_lies_within_its_crop_as_a_face_does(name: str) -> None:
    kind = EMBEDDERS[name]
    assert kind.template.shape == (5, 2)
    assert (kind.template > 0).all() and (kind.template < kind.size).all()
    left_eye, right_eye, nose, left_mouth, right_mouth = kind.template
    assert left_eye[0] < nose[0] < right_eye[0] and left_mouth[0] < right_mouth[0]
    assert max(left_eye[1], right_eye[1]) < nose[1] < min(left_mouth[1], right_mouth[1])


def test_a_crop_has_the_size_that_the_network_expects(embedder: Embedder) -> None:
    photo = np.zeros((300, 300, 3), np.uint8)
    (crop,) = embedder.crops(photo, embedder.kind.template[None] + 50)
    assert crop.shape == (160, 160, 3)
