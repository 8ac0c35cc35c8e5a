"""SFace as a torch module, beside its ONNX file as onnxruntime runs it."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from facejoin.conf.settings import EmbedSettings
from facejoin.udfs.vision.analyse import Analysis
from facejoin.udfs.vision.embedding.embed import EMBEDDERS, Embedder
from facejoin.udfs.vision.embedding.sface import SFace, load_sface
from facejoin.udfs.vision.engines.runtime import Runtime

Reference = Callable[[np.ndarray], np.ndarray]
SAME_PERSON = EMBEDDERS["sface"].same_person


@pytest.fixture(scope="module")
def network(sface_weights: Path) -> SFace:
    return load_sface(sface_weights)


@pytest.fixture(scope="module")
def reference(sface_weights: Path) -> Reference:
    """uint8 (n, 112, 112, 3) → (n, 128), one crop a run: the graph's batch is fixed at one."""
    onnxruntime.set_default_logger_severity(4)
    model = onnx.load(str(sface_weights))
    only = [value for value in model.graph.input if value.name == "data"]  # it lists its weights as inputs, too
    del model.graph.input[:]
    model.graph.input.extend(only)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])

    def run(crops: np.ndarray) -> np.ndarray:
        planes = crops.transpose(0, 3, 1, 2).astype(np.float32)
        return np.vstack([session.run(None, {"data": plane[None]})[0] for plane in planes])

    return run


@pytest.fixture(scope="module")
def faces(aligned: Callable[[str], list[np.ndarray]]) -> np.ndarray:
    """The five real faces: uint8 (5, 112, 112, 3)."""
    return np.stack(aligned("sface"))


@pytest.fixture(scope="module")
def noise() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (5, 112, 112, 3), dtype=np.uint8)


@pytest.mark.parametrize("what", ["faces", "noise"])
def test_the_vectors_are_those_of_the_onnx_file_in_batches_of_one_and_of_five(
    what: str, network: SFace, reference: Reference, request: pytest.FixtureRequest
) -> None:
    crops = request.getfixturevalue(what)
    expected = reference(crops)
    planes = torch.from_numpy(crops).permute(0, 3, 1, 2).float()
    for batch in (1, 5):
        with torch.inference_mode():
            vectors = torch.cat([network(part) for part in planes.split(batch)]).numpy()
        assert vectors.shape == expected.shape == (5, 128)
        assert np.abs(vectors - expected).max() <= 1e-3 * np.linalg.norm(expected, axis=1).min()


def test_the_embedder_gives_the_onnx_files_vectors_at_length_one(
    faces: np.ndarray, reference: Reference, sface_weights: Path, exact_runtime: Runtime
) -> None:
    expected = reference(faces)
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    embedder = Embedder(EmbedSettings(model="sface", batch=2), sface_weights, exact_runtime)
    vectors = embedder.embed(list(faces))
    assert vectors.dtype == np.float32
    assert np.abs(vectors - expected).max() <= 1e-3


def test_photos_of_one_person_are_alike_and_those_of_two_are_not(analyses: dict[str, Analysis]) -> None:
    names = list(analyses)
    vectors = np.stack([analyses[name].faces[0].embedding for name in names])
    people = ["obama" if name.startswith("obama") else name for name in names]
    for i, j in zip(*np.triu_indices(len(names), 1), strict=True):
        alike = vectors[i] @ vectors[j] >= SAME_PERSON
        assert alike == (people[i] == people[j]), f"{names[i]} and {names[j]}: {vectors[i] @ vectors[j]:.3f}"
