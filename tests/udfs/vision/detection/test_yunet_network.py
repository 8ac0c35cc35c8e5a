"""YuNet as a torch module, beside its ONNX file as onnxruntime runs it."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from PIL import Image

from facejoin.udfs.vision.detection.yunet_network import CLASS, OBJECT, POINTS, STRIDES, YuNet, load_yunet

SIDE = 640  # at which the file's graph is fixed
EXACT = 2e-3


@pytest.fixture(scope="module")
def network(yunet_weights: Path) -> YuNet:
    return load_yunet(yunet_weights)


@pytest.fixture(scope="module")
def pixels(head: Callable[[str], np.ndarray]) -> np.ndarray:
    """Two faces of different sizes on noise: uint8 (640, 640, 3)."""
    photo = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    for name, side, place in (("biden.jpg", 400, 20), ("astronaut.png", 160, 450)):
        photo[place : place + side, place : place + side] = np.asarray(Image.fromarray(head(name)).resize((side, side)))
    return photo


@pytest.fixture(scope="module")
def expected(yunet_weights: Path, pixels: np.ndarray) -> dict[str, np.ndarray]:
    """Outputs by name. onnxruntime refuses blocks where one scale serves all values: there they are left out."""
    onnxruntime.set_default_logger_severity(4)
    model = onnx.load(str(yunet_weights))
    stored = {tensor.name: tensor for tensor in model.graph.initializer}
    for step in model.graph.node:
        if step.op_type == "DequantizeLinear" and list(stored[step.input[1]].dims) == [1]:
            del step.attribute[:]
            for name in step.input[1:]:
                del stored[name].dims[:]
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    planes = pixels[:, :, ::-1].transpose(2, 0, 1)[None].astype(np.float32)
    names = [output.name for output in session.get_outputs()]
    return {name: output[0] for name, output in zip(names, session.run(None, {"input": planes}), strict=True)}


@torch.inference_mode()
def test_the_cells_are_those_of_the_onnx_file(
    network: YuNet, pixels: np.ndarray, expected: dict[str, np.ndarray]
) -> None:
    cells = network(torch.from_numpy(pixels.copy())[None].float())[0].numpy()
    by_stride = np.split(cells, np.cumsum([(SIDE // stride) ** 2 for stride in STRIDES])[:-1])
    for stride, own in zip(STRIDES, by_stride, strict=True):
        for name, column in (("cls", CLASS), ("obj", OBJECT)):
            probability = 1 / (1 + np.exp(-own[:, column : column + 1]))
            assert np.abs(probability - expected[f"{name}_{stride}"]).max() <= EXACT
        assert np.abs(own[:, CLASS + 1 : OBJECT] - expected[f"bbox_{stride}"]).max() <= EXACT
        assert np.abs(own[:, POINTS:] - expected[f"kps_{stride}"]).max() <= EXACT
    assert expected["cls_8"].max() > 0.5  # or the comparison would say little
    assert expected["cls_32"].max() > 0.5


@torch.inference_mode()
def test_any_sides_of_whole_cells_will_do(network: YuNet) -> None:
    assert network(torch.zeros((2, 96, 160, 3))).shape == (2, 12 * 20 + 6 * 10 + 3 * 5, 16)
