"""What the vision tests share: real portraits, the real weights and what is found in them, once a session."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from facenet_pytorch import InceptionResnetV1
from PIL import Image

from facejoin.conf.settings import (
    ComputeSettings,
    DecodeSettings,
    DetectSettings,
    EmbedSettings,
    Settings,
    VisionSettings,
)
from facejoin.jobs.demo.samples import Samples, fetch_samples
from facejoin.jobs.fetch_weights import fetch_weights
from facejoin.udfs.vision.align import align
from facejoin.udfs.vision.analyse import Analyser, Analysis
from facejoin.udfs.vision.decode import decode
from facejoin.udfs.vision.detect import Detector
from facejoin.udfs.vision.embed import EMBEDDERS
from facejoin.udfs.vision.runtime import Runtime, choose_runtime

CACHE = Path(Settings().cache).expanduser()
PORTRAITS = ("obama.jpg", "obama2.jpg", "obama3.jpg", "biden.jpg", "astronaut.png")
ANY_SIZE = DecodeSettings(min_bytes=0)
WAYS_TO_COMPUTE = ("openvino bfloat16", "openvino float32", "torch float32")


@pytest.fixture(scope="session")
def samples() -> Samples:
    """The demo's real photos; the first session downloads them."""
    return fetch_samples(CACHE)


@pytest.fixture(scope="session")
def sface_weights() -> Path:
    return fetch_weights("sface", CACHE).path


@pytest.fixture(scope="session")
def published() -> InceptionResnetV1:
    """A network with the classifier's layer that the published files have, and statistics like a trained one's."""
    torch.manual_seed(0)
    network = InceptionResnetV1(pretrained=None, classify=True, num_classes=10)
    with torch.no_grad():
        for norm in (
            module for module in network.modules() if isinstance(module, torch.nn.modules.batchnorm._NormBase)
        ):
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
def runtime() -> Runtime:
    """What this processor computes fastest with."""
    return choose_runtime(ComputeSettings(device="cpu"))


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
    return choose_runtime(ComputeSettings(device="cpu", runtime=engine, precision=precision))


@pytest.fixture(scope="session")
def detector(runtime: Runtime) -> Detector:
    return Detector(DetectSettings(), runtime)


@pytest.fixture(scope="session")
def each_detector(each_runtime: Runtime) -> Detector:
    return Detector(DetectSettings(), each_runtime)


@pytest.fixture(scope="session")
def analyser(sface_weights: Path, runtime: Runtime) -> Analyser:
    vision = VisionSettings(decode=ANY_SIZE, embed=EmbedSettings(model="sface"))
    return Analyser(vision, sface_weights, runtime)


@pytest.fixture(scope="session")
def portraits(samples: Samples) -> dict[str, np.ndarray]:
    """name → pixels (height, width, 3) of five real photos with one face each."""
    return {name: decode(samples.path(name).read_bytes(), ANY_SIZE) for name in PORTRAITS}


@pytest.fixture(scope="session")
def analyses(analyser: Analyser, samples: Samples) -> dict[str, Analysis]:
    """name → what is found in that portrait, all analysed in one call."""
    found = analyser.analyse([samples.path(name).read_bytes() for name in PORTRAITS])
    return dict(zip(PORTRAITS, found, strict=True))


@pytest.fixture(scope="session")
def head(portraits: dict[str, np.ndarray], analyses: dict[str, Analysis]) -> Callable[[str], np.ndarray]:
    """A square of a portrait around its face, twice as long as the face's box."""

    def cut(name: str) -> np.ndarray:
        x1, y1, x2, y2 = analyses[name].faces[0].box
        half = max(x2 - x1, y2 - y1)
        left, top = (max(int(middle - half), 0) for middle in ((x1 + x2) / 2, (y1 + y2) / 2))
        return portraits[name][top : top + int(2 * half), left : left + int(2 * half)]

    return cut


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
