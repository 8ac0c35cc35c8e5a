from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from facejoin.udfs.vision.engines.onnx_weights import OnnxWeights


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A convolution with weights in blocks of three, two of them and a shorter one a row, and a plain bias."""
    stored: dict[str, np.ndarray] = {
        "q": np.arange(-7, 7, dtype=np.int8).reshape(2, 7),
        "s": np.array([[1, 2, 4], [0.5, 1, 8]], np.float32),
        "z": np.array([[0, 1, -1], [2, 0, 0]], np.int8),
        "shape": np.array([2, 7, 1, 1]),
        "bias": np.array([0.5, -0.5], np.float32),
    }
    steps = [
        helper.make_node("DequantizeLinear", ["q", "s", "z"], ["rows"], axis=1, block_size=3),
        helper.make_node("Reshape", ["rows", "shape"], ["weight"]),
        helper.make_node("Conv", ["pixels", "weight", "bias"], ["maps"]),
    ]
    pixels = helper.make_tensor_value_info("pixels", TensorProto.FLOAT, [1, 7, 4, 4])
    maps = helper.make_tensor_value_info("maps", TensorProto.FLOAT, [1, 2, 4, 4])
    tensors = [numpy_helper.from_array(array, name) for name, array in stored.items()]
    graph = helper.make_graph(steps, "small", [pixels], [maps], tensors)
    path = tmp_path / "small.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)]), str(path))
    return path


def test_each_block_has_its_own_scale_and_zero_point(file: Path) -> None:
    expected = [[-7, -6, -5, -10, -8, -6, 0], [-1, -0.5, 0, 3, 4, 5, 48]]
    assert OnnxWeights(file)["rows"].tolist() == expected


def test_a_convolutions_weights_come_in_its_own_shape_with_its_bias(file: Path) -> None:
    weights = OnnxWeights(file)
    [(weight, bias)] = weights.convolutions()
    assert weight.shape == (2, 7, 1, 1)
    assert weight.dtype == bias.dtype == torch.float32
    assert torch.equal(weight.flatten(1), weights["rows"])
    assert bias.tolist() == [0.5, -0.5]


@pytest.mark.parametrize("name", ["maps", "pixels", "nothing"])
def test_what_is_no_weight_is_refused(name: str, file: Path) -> None:
    with pytest.raises(KeyError, match=name):
        OnnxWeights(file)[name]
