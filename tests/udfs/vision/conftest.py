"""What the vision tests share: each way to compute, and InceptionResnetV1 with weights made here."""

import hashlib
from collections.abc import Callable
from copy import copy
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from facenet_pytorch import InceptionResnetV1
from PIL import Image

from facejoin.conf.settings import ComputeSettings, EmbedSettings, MtcnnSettings, YunetSettings
from facejoin.udfs.vision.analyse import Analysis
from facejoin.udfs.vision.detection.detect import load_detector
from facejoin.udfs.vision.detection.detector import Detector
from facejoin.udfs.vision.detection.mtcnn import Mtcnn
from facejoin.udfs.vision.detection.yunet import Yunet
from facejoin.udfs.vision.embedding.align import align
from facejoin.udfs.vision.embedding.embed import EMBEDDERS, Embedder
from facejoin.udfs.vision.engines.runtime import Runtime, choose_runtime

EACH_DETECTOR = (MtcnnSettings(), YunetSettings(), YunetSettings(landmarks="own"))
WAYS_TO_COMPUTE = ("openvino bfloat16", "openvino float32", "torch float32")


@pytest.fixture(scope="session")
def published() -> InceptionResnetV1:
    """A network with the classifier's layer that the published files have, and statistics like a trained one's."""
    torch.manual_seed(0)
    network = InceptionResnetV1(pretrained=None, classify=True, num_classes=10)
    with torch.no_grad():
        for norm in (
            module for module in network.modules() if isinstance(module, torch.nn.modules.batchnorm._NormBase)
        ):
            assert norm.running_mean is not None  # every norm of the network keeps track of its statistics
            assert norm.running_var is not None
            norm.running_mean.normal_(0, 0.1)
            norm.running_var.uniform_(0.5, 1.5)
    network.classify = False
    return network.eval()


@pytest.fixture(scope="session")
def inception(published: InceptionResnetV1, tmp_path_factory: pytest.TempPathFactory) -> EmbedSettings:
    """Those of that network, written to a file."""
    path = tmp_path_factory.mktemp("weights") / "own.pt"
    torch.save(published.state_dict(), path)
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    return EmbedSettings(model="inception_resnet_v1", weights=str(path), weights_sha256=sha256)


@pytest.fixture(scope="session")
def embedders(inception: EmbedSettings, sface_weights: Path) -> Callable[..., Embedder]:
    """model, runtime, with mirror or without → its embedder, loaded once; InceptionResnetV1 with weights made here."""

    @cache
    def loaded(model: str, runtime: Runtime, mirror: bool = False) -> Embedder:
        if mirror:
            both_ways = copy(loaded(model, runtime))  # on the same network
            both_ways.mirror = True
            return both_ways
        if model == "sface":
            return Embedder(EmbedSettings(model="sface"), sface_weights, runtime)
        return Embedder(inception, Path(str(inception.weights)), runtime)

    return loaded


@pytest.fixture(scope="session")
def exact_runtime() -> Runtime:
    """For comparisons with facenet-pytorch, which computes in float32."""
    return _processor("openvino float32")


@pytest.fixture(scope="session", params=WAYS_TO_COMPUTE)
def each_runtime(request: pytest.FixtureRequest) -> Runtime:
    """Each way to compute that a processor has."""
    return _processor(request.param)


def _processor(way: str) -> Runtime:
    engine, precision = way.split()
    settings = {"device": "cpu", "runtime": engine, "precision": precision}
    return choose_runtime(ComputeSettings.model_validate(settings))


@pytest.fixture(scope="session")
def detector(runtime: Runtime) -> Mtcnn:
    return Mtcnn(MtcnnSettings(), runtime)


@pytest.fixture(scope="session")
def yunet(runtime: Runtime, yunet_weights: Path) -> Yunet:
    return Yunet(YunetSettings(), yunet_weights, runtime)


@pytest.fixture(scope="session", params=EACH_DETECTOR, ids=str)
def each_detector(request: pytest.FixtureRequest, each_runtime: Runtime, yunet_weights: Path) -> Detector:
    """Each detector, run each way."""
    return load_detector(request.param, [yunet_weights.parent], each_runtime)


@pytest.fixture(scope="session")
def aligned(portraits: dict[str, np.ndarray], analyses: dict[str, Analysis]) -> Callable[[str], list[np.ndarray]]:
    """The five portraits' faces as that embedder expects them: uint8 (size, size, 3) each."""

    def crops(model: str) -> list[np.ndarray]:
        kind = EMBEDDERS[model]
        return [
            align(Image.fromarray(photo), analyses[name].faces[0].landmarks, kind.template, kind.size)
            for name, photo in portraits.items()
        ]

    return crops
