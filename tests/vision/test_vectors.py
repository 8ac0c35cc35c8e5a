"""What must not change a face's vector: the faces beside it, the precision, and with `mirror` its mirror image."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from facejoin.conf.settings import ComputeSettings, EmbedSettings
from facejoin.udfs.vision.embed import EMBEDDERS, Embedder
from facejoin.udfs.vision.runtime import Runtime, choose_runtime

Aligned = Callable[[str], list[np.ndarray]]
Make = Callable[..., Embedder]
SAME = 0.9999  # cosine
MODELS = tuple(EMBEDDERS)


@pytest.fixture(scope="module")
def make(inception: EmbedSettings, sface_weights: Path) -> Make:
    """model, runtime, further settings → its embedder; InceptionResnetV1 with weights made here."""

    @cache
    def make(model: str, runtime: Runtime, **changes: object) -> Embedder:
        own = {"inception_resnet_v1": inception, "sface": EmbedSettings(model="sface")}[model]
        weights = Path(inception.weights) if model == "inception_resnet_v1" else sface_weights
        return Embedder(own.model_copy(update=changes), weights, runtime)

    return make


def cosines(some: np.ndarray, others: np.ndarray) -> np.ndarray:
    return np.sum(some * others, axis=1)


@pytest.mark.parametrize("model", MODELS)
def test_a_face_has_the_same_vector_alone_and_among_any_others(
    model: str, each_runtime: Runtime, make: Make, aligned: Aligned
) -> None:
    embedder, faces = make(model, each_runtime), aligned(model)
    alone = np.concatenate([embedder.embed([face]) for face in faces])
    for order in ([0, 1, 2, 3, 4], [4, 3, 2, 1, 0], [2, 0], [1, 1, 3, 1, 0, 4, 2, 4, 3]):
        together = embedder.embed([faces[i] for i in order])
        assert (cosines(together, alone[order]) >= SAME).all(), order


@pytest.mark.parametrize("precision", ["bfloat16", "float32"])
def test_every_runtime_gives_the_vectors_of_torch_in_float32(precision: str, make: Make, aligned: Aligned) -> None:
    faces = aligned("sface")
    torch_vectors, vectors = (
        make("sface", choose_runtime(ComputeSettings(device="cpu", runtime=engine, precision=width))).embed(faces)
        for engine, width in (("torch", "float32"), ("openvino", precision))
    )
    assert (cosines(vectors, torch_vectors) >= (0.99 if precision == "bfloat16" else SAME)).all()


@pytest.mark.parametrize("model", MODELS)
def test_with_mirror_a_face_and_its_mirror_image_have_the_same_vector(
    model: str, runtime: Runtime, make: Make, aligned: Aligned
) -> None:
    faces = aligned(model)
    embedder = make(model, runtime, mirror=True)
    vectors, of_images = embedder.embed(faces), embedder.embed([face[:, ::-1] for face in faces])
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert (cosines(vectors, of_images) >= SAME).all()


def test_without_mirror_they_have_not(runtime: Runtime, make: Make, aligned: Aligned) -> None:
    faces, embedder = aligned("sface"), make("sface", runtime)
    there, back = embedder.embed(faces), embedder.embed([face[:, ::-1] for face in faces])
    assert (cosines(there, back) < SAME).all()
    both = make("sface", runtime, mirror=True).embed(faces)
    halfway = (there + back) / np.linalg.norm(there + back, axis=1, keepdims=True)
    assert (cosines(both, halfway) >= SAME).all()


def test_no_faces_have_no_vectors(runtime: Runtime, make: Make) -> None:
    assert make("sface", runtime, mirror=True).embed([]).shape == (0, 128)
    assert make("sface", runtime).crops(np.zeros((9, 9, 3), np.uint8), np.zeros((0, 5, 2), np.float32)) == []
