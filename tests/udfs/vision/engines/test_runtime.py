"""What the networks run on: which runtime and precision are chosen, and that torch alone is enough."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import numpy as np
import openvino
import pytest
import torch
from torch import nn

from facejoin.conf.settings import ComputeSettings, EmbedSettings, MtcnnSettings, OwnComputeSettings
from facejoin.udfs.vision.detection.mtcnn import Mtcnn
from facejoin.udfs.vision.embedding.embed import Embedder
from facejoin.udfs.vision.engines import openvino_network, runtime
from facejoin.udfs.vision.engines.errors import DeviceError
from facejoin.udfs.vision.engines.runtime import Runtime, Runtimes, choose_runtime, choose_runtimes

CPU = torch.device("cpu")


@pytest.fixture
def without_openvino(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "find_spec", lambda name: None)


@pytest.fixture
def without_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


@pytest.fixture
def two_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)


def on_processor(**settings: Any) -> Runtime:
    return choose_runtime(ComputeSettings(device="cpu", **settings))


@pytest.mark.parametrize(("gains", "precision"), [(True, torch.bfloat16), (False, torch.float32)])
def test_a_processor_runs_openvino_in_bfloat16_if_it_gains_from_it(
    gains: bool, precision: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openvino_network, "gains_from_bfloat16", lambda: gains)
    assert on_processor() == Runtime(CPU, "openvino", precision)
    assert on_processor(runtime="openvino") == Runtime(CPU, "openvino", precision)


CPUINFO = Path("/proc/cpuinfo")


@pytest.mark.skipif(
    not CPUINFO.exists() or "\nflags" not in CPUINFO.read_text(), reason="the system does not list an x86's flags"
)
def test_a_processor_gains_from_bfloat16_if_its_flags_say_so() -> None:
    listed = CPUINFO.read_text()
    flags = re.search(r"^flags\s*: (.*)$", listed, re.MULTILINE)
    assert flags is not None
    needed = "amx_bf16" if "GenuineIntel" in listed else "avx512_bf16"
    assert openvino_network.gains_from_bfloat16() == (needed in flags[1].split())


@pytest.mark.parametrize(
    ("name", "has_amx", "gains"),
    [("Intel Xeon", False, False), ("Intel Xeon", True, True), ("AMD EPYC", False, True), ("", False, True)],
)
def test_an_intel_gains_from_bfloat16_by_amx_alone(
    name: str, has_amx: bool, gains: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    processor = {"cpu_name": name, "amx_bf16": has_amx}
    can_compute_in_it = SimpleNamespace(get_property=lambda device, name: ["BF16", "FP32"])
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: processor)
    monkeypatch.setattr(openvino, "Core", lambda: can_compute_in_it)
    assert openvino_network.gains_from_bfloat16() == gains


def test_a_network_is_computed_in_bfloat16_where_the_processor_is_said_to_gain_from_it() -> None:
    """Read off the compiled network, which falls back to float32 without a word where it cannot."""
    network = on_processor(runtime="openvino").load(nn.Conv2d(3, 16, 3), (1, 3, 32, 32))
    assert isinstance(network, openvino_network.OpenVinoNetwork)
    steps = network.request.get_compiled_model().get_runtime_model().get_ordered_ops()
    (computed_in,) = (
        step.get_rt_info()["runtimePrecision"] for step in steps if step.get_rt_info()["layerType"] == "Convolution"
    )
    assert computed_in == ("bf16" if openvino_network.gains_from_bfloat16() else "f32")


def test_torch_computes_in_float32_on_a_processor() -> None:
    assert on_processor(runtime="torch") == Runtime(CPU, "torch", torch.float32)


@pytest.mark.parametrize("engine", ["torch", "openvino"])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_precision_that_is_asked_for_is_taken(engine: Literal["torch", "openvino"], precision: str) -> None:
    expected = Runtime(CPU, engine, getattr(torch, precision))
    assert on_processor(runtime=engine, precision=precision) == expected


@pytest.mark.parametrize("engine", ["auto", "torch"])
@pytest.mark.usefixtures("without_cuda")
def test_half_precision_is_refused_where_there_is_a_processor_alone(engine: Literal["auto", "torch"]) -> None:
    with pytest.raises(DeviceError, match="'float16' was asked for, but it is for GPUs"):
        choose_runtime(ComputeSettings(runtime=engine, precision="float16"))


@pytest.mark.usefixtures("without_openvino")
def test_where_openvino_is_not_installed_torch_runs_unless_openvino_was_asked_for() -> None:
    assert on_processor() == Runtime(CPU, "torch", torch.float32)
    with pytest.raises(DeviceError, match="'openvino' was asked for, but it is not installed"):
        on_processor(runtime="openvino")


@pytest.mark.usefixtures("two_gpus")
def test_a_gpu_runs_torch_in_half_precision() -> None:
    assert choose_runtime(ComputeSettings(), ["1"]) == Runtime(torch.device("cuda:1"), "torch", torch.float16)
    exact = choose_runtime(ComputeSettings(device="cuda", precision="float32"))
    assert exact == Runtime(torch.device("cuda:0"), "torch", torch.float32)


@pytest.mark.usefixtures("two_gpus")
def test_openvino_is_refused_on_a_gpu() -> None:
    with pytest.raises(DeviceError, match="'openvino' was asked for, but it runs on a processor, not on cuda:0"):
        choose_runtime(ComputeSettings(runtime="openvino"))


@pytest.mark.usefixtures("two_gpus")
def test_a_network_with_its_own_device_leaves_the_tasks_gpu_to_the_other() -> None:
    on_gpu = Runtime(torch.device("cuda:1"), "torch", torch.float16)
    for device in ("auto", "cuda"):
        settings = ComputeSettings(device=device, detect=OwnComputeSettings(device="cpu"))
        assert choose_runtimes(settings, ["1"]) == Runtimes(on_processor(), on_gpu)
    settings = ComputeSettings(device="cpu", embed=OwnComputeSettings(device="cuda"))
    assert choose_runtimes(settings, ["1"]) == Runtimes(on_processor(), on_gpu)


@pytest.mark.usefixtures("two_gpus")
def test_networks_without_their_own_settings_run_on_the_same() -> None:
    both = choose_runtimes(ComputeSettings(precision="float32"), ["1"])
    assert both.detect == both.embed == choose_runtime(ComputeSettings(precision="float32"), ["1"])


@pytest.mark.usefixtures("two_gpus")
def test_each_network_has_its_own_engine_and_precision() -> None:
    own = {"detect": {"device": "cpu", "runtime": "torch"}, "embed": {"device": "cuda:0", "precision": "bfloat16"}}
    both = choose_runtimes(ComputeSettings.model_validate(own), ["1"])
    assert both.detect == Runtime(CPU, "torch", torch.float32)
    assert both.embed == Runtime(torch.device("cuda:0"), "torch", torch.bfloat16)


@pytest.mark.usefixtures("without_cuda")
def test_one_network_that_asks_for_a_gpu_that_is_not_there_is_an_error() -> None:
    with pytest.raises(DeviceError, match="'cuda' was asked for, but torch finds no CUDA device"):
        choose_runtimes(ComputeSettings(device="cpu", embed=OwnComputeSettings(device="cuda")))


def test_where_every_network_has_the_processor_no_gpu_is_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would begin to use the driver, and its memory, in every worker."""
    looked: list[bool] = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: looked.append(True))
    on_cpu = OwnComputeSettings(device="cpu")
    assert choose_runtimes(ComputeSettings(detect=on_cpu, embed=on_cpu)) == Runtimes(on_processor(), on_processor())
    assert not looked


BLOCKED = """
import sys

class Without:
    '''A finder that finds what another one does, but not OpenVINO.'''

    def __init__(self, finder):
        self.finder = finder

    def __getattr__(self, name):
        return getattr(self.finder, name)

    def find_spec(self, name, path=None, target=None):
        return None if name.partition(".")[0] == "openvino" else self.finder.find_spec(name, path, target)

sys.meta_path = [Without(finder) for finder in sys.meta_path]
from pathlib import Path
import numpy as np
from facejoin.conf.settings import ComputeSettings, MtcnnSettings, EmbedSettings
from facejoin.udfs.vision.detection.mtcnn import Mtcnn
from facejoin.udfs.vision.embedding.embed import Embedder
from facejoin.udfs.vision.engines.runtime import choose_runtime

weights, photo, out = sys.argv[1:]
runtime = choose_runtime(ComputeSettings(device="cpu"))
assert runtime.engine == "torch", runtime
pixels = np.load(photo)
(faces,) = Mtcnn(MtcnnSettings(), runtime).detect([pixels])
embedder = Embedder(EmbedSettings(model="sface"), Path(weights), runtime)
vectors = embedder.embed(embedder.crops(pixels, faces.landmarks))
assert not [name for name in sys.modules if name.partition(".")[0] == "openvino"]
np.savez(out, boxes=faces.boxes, scores=faces.scores, vectors=vectors)
"""


@pytest.mark.slow
def test_a_process_without_openvino_finds_and_embeds_the_same_face(
    head: Callable[[str], np.ndarray], sface_weights: Path, exact_runtime: Runtime, tmp_path: Path
) -> None:
    photo = head("astronaut.png")
    np.save(tmp_path / "photo.npy", photo)
    files = [sface_weights, tmp_path / "photo.npy", tmp_path / "found.npz"]
    done = subprocess.run([sys.executable, "-c", BLOCKED, *files], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    found = np.load(tmp_path / "found.npz")
    (here,) = Mtcnn(MtcnnSettings(), exact_runtime).detect([photo])
    embedder = Embedder(EmbedSettings(model="sface"), sface_weights, exact_runtime)
    assert len(found["boxes"]) == len(here) == 1
    assert np.abs(found["boxes"] - here.boxes).max() <= 1
    assert np.abs(found["scores"] - here.scores).max() <= 1e-3
    vectors = embedder.embed(embedder.crops(photo, here.landmarks))
    assert np.sum(found["vectors"] * vectors, axis=1) >= 0.9999


needs_cuda = pytest.mark.skipif(
    not torch.cuda.is_available(), reason="NO CUDA ON THIS MACHINE: that a GPU finds the same faces is NOT TESTED here"
)


@needs_cuda
@pytest.mark.parametrize("precision", ["float32", "float16"])
def test_a_gpu_finds_and_embeds_the_faces_that_the_processor_does(
    precision: Literal["float32", "float16"],
    portraits: dict[str, np.ndarray],
    sface_weights: Path,
    exact_runtime: Runtime,
) -> None:
    gpu = choose_runtime(ComputeSettings(device="cuda", precision=precision))
    exact = precision == "float32"
    photos = list(portraits.values())
    there, here = (Mtcnn(MtcnnSettings(min_score=0.95), on).detect(photos) for on in (gpu, exact_runtime))
    embedders = [Embedder(EmbedSettings(model="sface"), sface_weights, on) for on in (gpu, exact_runtime)]
    for photo, found, expected in zip(photos, there, here, strict=True):
        assert len(found) == len(expected) == 1
        assert np.abs(found.boxes - expected.boxes).max() <= (1 if exact else 0.05 * np.ptp(expected.boxes))
        assert np.abs(found.scores - expected.scores).max() <= (1e-3 if exact else 0.02)
        crops = embedders[0].crops(photo, expected.landmarks)
        one, other = (embedder.embed(crops) for embedder in embedders)
        assert np.sum(one * other, axis=1).min() >= (0.9999 if exact else 0.99)


@needs_cuda
def test_on_a_gpu_a_photo_has_the_same_faces_alone_and_in_a_batch(portraits: dict[str, np.ndarray]) -> None:
    detector = Mtcnn(MtcnnSettings(), choose_runtime(ComputeSettings(device="cuda", precision="float32")))
    photos = list(portraits.values())
    for photo, found in zip(photos, detector.detect(photos), strict=True):
        (alone,) = detector.detect([photo])
        assert len(found) == len(alone)
        assert np.abs(found.boxes - alone.boxes).max(initial=0) <= 1
