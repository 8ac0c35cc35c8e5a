"""The windows that are proposed in many photos: which, how many, and that canvases and batches do not change them."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from PIL import Image

from facejoin.conf.settings import MtcnnSettings
from facejoin.udfs.vision.detection import proposal
from facejoin.udfs.vision.detection.area import Areas, DirectAreas, SummedAreas
from facejoin.udfs.vision.detection.mtcnn import Mtcnn
from facejoin.udfs.vision.detection.proposal import Proposer
from facejoin.udfs.vision.engines.runtime import Runtime, TorchNetwork

Cut = Callable[[str], np.ndarray]
CPU = torch.device("cpu")


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def windows_of(proposer: Proposer, *photos: np.ndarray) -> list[torch.Tensor]:
    with torch.inference_mode():
        return proposer.propose([DirectAreas(photo) for photo in photos])


@pytest.fixture(scope="module")
def portrait(head: Cut) -> np.ndarray:
    return np.asarray(Image.fromarray(head("biden.jpg")).resize((301, 233)))


@pytest.fixture(scope="module")
def proposer(exact_runtime: Runtime) -> Proposer:
    return Proposer(MtcnnSettings(), exact_runtime)


def test_windows_are_squares_and_one_lies_on_the_face(
    proposer: Proposer, portrait: np.ndarray, detector: Mtcnn
) -> None:
    (windows,) = windows_of(proposer, portrait)
    sides = windows[:, 2:] - windows[:, :2]
    assert torch.allclose(sides[:, 0], sides[:, 1], atol=1e-3)
    (faces,) = detector.detect([portrait])
    off_by = (windows - torch.from_numpy(faces.boxes)).abs().amax(1)
    assert off_by.min() < (faces.boxes[0, 3] - faces.boxes[0, 1]) / 3


def test_a_photo_has_the_same_windows_in_any_batch(proposer: Proposer, portrait: np.ndarray) -> None:
    others = [noise(120, 90), np.full((64, 500, 3), 7, np.uint8), noise(10, 10), portrait[:, ::-1]]
    (alone,) = windows_of(proposer, portrait)
    for batch in ([portrait, *others], [*others, portrait], [*others, portrait, *others]):
        place = next(i for i, photo in enumerate(batch) if photo is portrait)
        assert torch.allclose(windows_of(proposer, *batch)[place], alone, atol=1e-3)


@pytest.mark.parametrize("canvas", [48, 96, 700])
def test_the_size_of_the_canvas_changes_no_window(
    canvas: int, proposer: Proposer, portrait: np.ndarray, exact_runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether a level is cut into many tiles or lies on one canvas with others."""
    photos = [portrait, noise(77, 140), portrait[:61, :199]]
    expected = windows_of(proposer, *photos)
    monkeypatch.setattr(proposal, "CANVAS", canvas)
    monkeypatch.setattr(proposal, "CANVAS_CELLS", canvas // 2 - 5)
    for found, windows in zip(windows_of(Proposer(MtcnnSettings(), exact_runtime), *photos), expected, strict=True):
        assert torch.allclose(found, windows, atol=1e-2)


def test_fewer_candidates_are_the_best_of_more(
    exact_runtime: Runtime, proposer: Proposer, portrait: np.ndarray
) -> None:
    (all_of_them,) = windows_of(proposer, portrait)
    for count in (1, 5):
        (fewer,) = windows_of(Proposer(MtcnnSettings(max_candidates=count), exact_runtime), portrait)
        assert torch.equal(fewer, all_of_them[:count])


@pytest.mark.parametrize("most", [1, 20, 10**6])
def test_the_next_network_sees_at_most_so_many_windows_of_each_photo(
    most: int, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    detector = Mtcnn(MtcnnSettings(max_candidates=most), runtime)
    seen, network = [], detector.refinement.network

    def counting(crops: torch.Tensor) -> torch.Tensor:
        seen.append(len(crops))
        return network(crops)

    monkeypatch.setattr(detector.refinement, "network", counting)
    detector.detect([noise(240, 320)] * 3)
    (count,) = seen
    assert count == 3 * most if most <= 20 else count > 3 * 20


def test_a_photo_smaller_than_a_face_has_no_windows(proposer: Proposer) -> None:
    assert [len(windows) for windows in windows_of(proposer, noise(19, 400), noise(1, 1))] == [0, 0]
    assert windows_of(proposer) == []


def test_a_gpus_way_to_search_finds_what_a_processors_way_finds(
    portrait: np.ndarray, exact_runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its summed areas and its many canvases at a time, here on a processor."""
    photos = [portrait, noise(77, 140), np.ascontiguousarray(portrait[:, ::-1])]
    torch_only = Runtime(CPU, "torch", torch.float32)
    here = Mtcnn(MtcnnSettings(), exact_runtime).detect(photos)
    there = Mtcnn(MtcnnSettings(), torch_only)
    network = there.proposer.network
    assert isinstance(network, TorchNetwork)
    there.proposer.canvases = network.batch = 32
    monkeypatch.setattr("facejoin.udfs.vision.detection.mtcnn.areas", _summed)
    for found, expected in zip(there.detect(photos), here, strict=True):
        assert len(found) == len(expected)
        assert np.abs(found.boxes - expected.boxes).max(initial=0) <= 1
        assert np.abs(found.scores - expected.scores).max(initial=0) <= 1e-3


def _summed(photo: np.ndarray, device: torch.device) -> Areas:
    return SummedAreas(photo, device)
