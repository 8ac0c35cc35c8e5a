"""Weights are read as they were saved, and no code in them is run."""

import hashlib
import os
import pickle
from importlib.resources import files
from pathlib import Path

import pytest
import torch
from facenet_pytorch.models.mtcnn import ONet, PNet, RNet

from facejoin.udfs.vision.engines.errors import WeightsError
from facejoin.udfs.vision.engines.state_dicts import packaged_state_dict, torch_state_dict
from facejoin.udfs.vision.engines.weights import PACKAGED, verified

NETWORKS = {"pnet": PNet, "rnet": RNet, "onet": ONet}


@pytest.mark.parametrize("name", PACKAGED)
def test_the_detectors_weights_are_the_pinned_ones_and_all_that_its_network_has(name: str) -> None:
    packaged = (files("facenet_pytorch") / "data" / f"{name}.pt").read_bytes()
    assert hashlib.sha256(packaged).hexdigest() == PACKAGED[name]
    state, network = packaged_state_dict(name), NETWORKS[name](pretrained=False)
    assert {key: value.shape for key, value in state.items()} == {
        key: value.shape for key, value in network.state_dict().items()
    }


def test_detector_weights_that_someone_changed_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PACKAGED, "pnet", "0" * 64)
    with pytest.raises(WeightsError, match="expected " + "0" * 64):
        packaged_state_dict("pnet")


def test_a_state_that_torch_saved_is_read_as_it_was(tmp_path: Path) -> None:
    saved = ONet(pretrained=False).state_dict()
    torch.save(saved, tmp_path / "onet.pt")
    state = torch_state_dict(tmp_path / "onet.pt")
    assert list(state) == list(saved)
    assert all(torch.equal(state[name], saved[name]) for name in saved)


class Trap:
    """Where it is unpickled without care, a folder appears."""

    def __init__(self, folder: Path):
        self.folder = folder

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.folder),)


def test_code_in_a_file_of_weights_is_not_run(tmp_path: Path) -> None:
    path, trace = tmp_path / "trap.pt", tmp_path / "sprung"
    torch.save({"weight": Trap(trace)}, path)
    verified(path, hashlib.sha256(path.read_bytes()).hexdigest())  # a right hash is no excuse
    with pytest.raises(pickle.UnpicklingError, match="Weights only load failed"):
        torch_state_dict(path)
    assert not trace.exists()
    torch.load(path, weights_only=False)
    assert trace.exists()  # the trap works
