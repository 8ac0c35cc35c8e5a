"""A network of a fixed number of rows takes any number of them, and tells nobody that it runs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from facejoin.udfs.vision.engines import openvino_network
from facejoin.udfs.vision.engines.runtime import Network, Runtime

ROWS_AT_A_TIME = 4
SIDE = 12


@pytest.fixture(scope="session")
def module() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.PReLU(8), nn.Flatten(), nn.Linear(8 * 10 * 10, 6)).eval()


@pytest.fixture(scope="session")
def network(module: nn.Module, each_runtime: Runtime) -> Network:
    class InPrecision(nn.Module):
        """As the project's modules take their rows: float32, whatever they compute in."""

        def __init__(self) -> None:
            super().__init__()
            self.inner = module

        def forward(self, rows: torch.Tensor) -> torch.Tensor:
            return self.inner(rows.to(next(self.inner.parameters()).dtype))

    return each_runtime.load(InPrecision(), (ROWS_AT_A_TIME, 3, SIDE, SIDE))


def some_rows(count: int) -> torch.Tensor:
    return torch.rand((count, 3, SIDE, SIDE), generator=torch.Generator().manual_seed(count))


@settings(deadline=None, derandomize=True, max_examples=30)
@given(count=st.integers(1, 3 * ROWS_AT_A_TIME + 1), data=st.data())
def test_a_row_has_the_same_outputs_alone_and_among_any_others(
    network: Network, count: int, data: st.DataObject
) -> None:
    rows = some_rows(count)
    order = data.draw(st.permutations(range(count)))
    outputs = network(rows[order])
    assert outputs.shape == (count, 6)
    assert outputs.dtype == torch.float32
    for place, row in enumerate(order):
        assert torch.allclose(outputs[place], network(rows[row : row + 1])[0], atol=1e-5)


@pytest.fixture
def halves_and_back() -> nn.Module:
    """For rows of any even height and width."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.MaxPool2d(2), nn.Upsample(scale_factor=2)).eval()


def test_a_module_for_any_size_gives_its_own_outputs_however_often_a_size_comes(
    halves_and_back: nn.Module, each_runtime: Runtime
) -> None:
    exact = Runtime(each_runtime.device, each_runtime.engine, torch.float32)
    network_for = exact.load_any_size(halves_and_back, (2, 3, -1, -1))
    for sides in ((16, 16), (8, 32), (64, 4)) * 6:
        rows = torch.rand(3, 3, *sides)
        with torch.inference_mode():
            expected = halves_and_back(rows)
        assert torch.allclose(network_for(sides)(rows), expected, atol=1e-5)


def test_sizes_that_come_often_get_networks_of_their_own_as_long_as_there_is_room(
    halves_and_back: nn.Module, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openvino_network, "MOST_COMPILED", 2 * 3 * 16 * 16)
    networks = openvino_network.OpenVinoNetworks(halves_and_back, (1, 3, -1, -1), torch.float32)
    common, other, large, later = (16, 16), (8, 32), (64, 64), (32, 8)
    for sides in [common, other, large, later] * (openvino_network.OFTEN - 1):
        assert networks(sides) is networks.shared
    for sides in (common, other):
        assert networks(sides) is networks(sides) is not networks.shared
    for sides in [large, later, common] * openvino_network.IDLE:  # the second of them takes the idle one's place
        networks(sides)
    assert {*networks.own} == {common, later}


@pytest.mark.parametrize("count", [1, ROWS_AT_A_TIME, 2 * ROWS_AT_A_TIME + 1])
def test_the_outputs_are_the_modules_own(
    count: int, network: Network, module: nn.Module, each_runtime: Runtime
) -> None:
    with torch.inference_mode():
        expected = module(some_rows(count))
    tolerance = 1e-5 if each_runtime.precision == torch.float32 else 0.02
    assert torch.allclose(network(some_rows(count)), expected, atol=tolerance)


def test_outputs_that_were_given_out_are_not_written_over(network: Network) -> None:
    first = network(some_rows(3))
    before = first.clone()
    network(some_rows(ROWS_AT_A_TIME))
    assert torch.equal(first, before)


def test_rows_are_left_as_they_were(network: Network) -> None:
    rows = some_rows(7)
    network(rows)
    assert torch.equal(rows, some_rows(7))


LISTENING = """
import sys
import openvino as ov
import torch
from openvino_telemetry import Telemetry

REPORTS = ("send_event", "send_error", "send_stack_trace", "send_opt_in_event", "start_session", "end_session")
OUTSIDE = ("socket.connect", "socket.getaddrinfo", "socket.sendto", "subprocess.Popen", "os.system")
reports, heard = [], []
for name in REPORTS:  # none of them is sent from here
    setattr(Telemetry, name, lambda self, *given, name=name, **more: reports.append((name, given)))
sys.addaudithook(lambda event, given: heard.append((event, given)) if event in OUTSIDE else None)

from facejoin.udfs.vision.engines.openvino_network import OpenVinoModel, OpenVinoNetwork

network = OpenVinoNetwork(OpenVinoModel(torch.nn.Linear(3, 2), (4, 3)), (4, 3), torch.float32)
assert network(torch.ones(6, 3)).shape == (6, 2)
assert reports == [], reports
assert heard == [], heard
ov.convert_model(torch.nn.Linear(3, 2), example_input=torch.ones(4, 3))
assert reports, "OpenVINO's own way is no longer heard: listen to something else"
"""


def test_openvino_compiles_and_runs_without_reporting_it(tmp_path: Path) -> None:
    """openvino.convert_model, by contrast, would send reports over the network."""
    home = os.environ | {"HOME": str(tmp_path)}  # where it would note that it has been used
    done = subprocess.run([sys.executable, "-c", LISTENING], capture_output=True, text=True, timeout=120, env=home)
    assert done.returncode == 0, done.stderr
