"""What must not change a face's vector: its neighbours, the batch, the precision, with `mirror` its mirror image."""

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from facejoin.conf.settings import ComputeSettings, EmbedSettings
from facejoin.udfs.vision.embedding.embed import EMBEDDERS, Embedder
from facejoin.udfs.vision.engines.runtime import Runtime, choose_runtime

Aligned = Callable[[str], list[np.ndarray]]
Embedders = Callable[..., Embedder]
SAME = 0.9999  # cosine
MODELS = tuple(EMBEDDERS)


def cosines(some: np.ndarray, others: np.ndarray) -> np.ndarray:
    return np.sum(some * others, axis=1)


@pytest.mark.parametrize("model", MODELS)
def test_a_face_has_the_same_vector_alone_and_among_any_others(
    model: str, each_runtime: Runtime, embedders: Embedders, aligned: Aligned
) -> None:
    embedder, faces = embedders(model, each_runtime), aligned(model)
    alone = np.concatenate([embedder.embed([face]) for face in faces])
    for order in ([2, 0], [1, 1, 3, 1, 0, 4, 2, 4, 3]):
        together = embedder.embed([faces[i] for i in order])
        assert (cosines(together, alone[order]) >= SAME).all(), order


@pytest.mark.parametrize("precision", ["bfloat16", "float32"])
def test_every_runtime_gives_the_vectors_of_torch_in_float32(
    precision: Literal["bfloat16", "float32"], embedders: Embedders, aligned: Aligned
) -> None:
    faces = aligned("sface")
    exact = ComputeSettings(device="cpu", runtime="torch", precision="float32")
    other = ComputeSettings(device="cpu", runtime="openvino", precision=precision)
    torch_vectors, vectors = (embedders("sface", choose_runtime(way)).embed(faces) for way in (exact, other))
    assert (cosines(vectors, torch_vectors) >= (0.99 if precision == "bfloat16" else SAME)).all()


@pytest.mark.parametrize("model", MODELS)
def test_with_mirror_a_face_and_its_mirror_image_have_the_same_vector(
    model: str, runtime: Runtime, embedders: Embedders, aligned: Aligned
) -> None:
    faces = aligned(model)
    embedder = embedders(model, runtime, mirror=True)
    vectors, of_images = embedder.embed(faces), embedder.embed([face[:, ::-1] for face in faces])
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert (cosines(vectors, of_images) >= SAME).all()


def test_without_mirror_they_have_not(
    runtime: Runtime, embedders: Embedders, aligned: Aligned, sface_weights: Path
) -> None:
    faces, embedder = aligned("sface"), embedders("sface", runtime)
    there, back = embedder.embed(faces), embedder.embed([face[:, ::-1] for face in faces])
    assert (cosines(there, back) < SAME).all()
    both = Embedder(EmbedSettings(model="sface", mirror=True), sface_weights, runtime).embed(faces)
    halfway = (there + back) / np.linalg.norm(there + back, axis=1, keepdims=True)
    assert (cosines(both, halfway) >= SAME).all()


def test_the_size_of_a_batch_does_not_change_a_vector(
    exact_runtime: Runtime, embedders: Embedders, aligned: Aligned, sface_weights: Path
) -> None:
    faces = aligned("sface")
    by_two = Embedder(EmbedSettings(model="sface", batch=2), sface_weights, exact_runtime)
    assert (cosines(by_two.embed(faces), embedders("sface", exact_runtime).embed(faces)) >= SAME).all()


def test_no_faces_have_no_vectors(runtime: Runtime, embedders: Embedders) -> None:
    assert embedders("sface", runtime, mirror=True).embed([]).shape == (0, 128)
    assert embedders("sface", runtime).crops(np.zeros((9, 9, 3), np.uint8), np.zeros((0, 5, 2), np.float32)) == []
