"""MTCNN's networks with one head, beside facenet-pytorch's own with two or three."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from facenet_pytorch.models.mtcnn import ONet, PNet, RNet
from torch import nn
from torch.nn.functional import interpolate

from facejoin.udfs.vision.detection.mtcnn_networks import output_network, proposal_network, refinement_network

EXACT = 1e-5


@pytest.fixture(scope="module")
def pixels(portraits: dict[str, np.ndarray]) -> torch.Tensor:
    """Where the astronaut's face is: float32 (1, 120, 124, 3)."""
    return torch.from_numpy(portraits["astronaut.png"][56:176, 164:288].copy())[None].float()


def crops(pixels: torch.Tensor, side: int) -> torch.Tensor:
    """Of the photo, the face and five other squares: float32 (6, side, side, 3)."""
    squares = [(5, 8, 110), (0, 0, 40), (80, 80, 40), (60, 20, 30), (0, 60, 50), (30, 0, 25)]
    planes = pixels.permute(0, 3, 1, 2)
    parts = [planes[:, :, top : top + length, left : left + length] for top, left, length in squares]
    return torch.cat([interpolate(part, (side, side), mode="area") for part in parts]).permute(0, 2, 3, 1)


def standardised(pixels: torch.Tensor) -> torch.Tensor:
    return (pixels.permute(0, 3, 1, 2) - 127.5) * 0.0078125


@torch.inference_mode()
def test_a_proposals_cell_is_the_probability_and_the_offsets_of_facenet_pytorchs(pixels: torch.Tensor) -> None:
    offsets, probabilities = PNet()(standardised(pixels))
    cells = proposal_network()(pixels)
    assert cells.shape == (1, 120 // 2 - 5, 124 // 2 - 5, 5)
    assert (torch.sigmoid(cells[..., 0]) - probabilities[:, 1]).abs().max() <= EXACT
    assert (cells[..., 1:] - offsets.permute(0, 2, 3, 1)).abs().max() <= EXACT


@torch.inference_mode()
def test_a_proposals_cell_sees_the_twelve_pixels_that_it_says(pixels: torch.Tensor) -> None:
    network, changed = proposal_network(), pixels.clone()
    changed[0, 2 * 7 : 2 * 7 + 12, 2 * 3 : 2 * 3 + 12] = 0
    outside = torch.ones(pixels.shape[1:3], dtype=torch.bool)
    outside[14:26, 6:18] = False
    elsewhere = torch.where(outside[None, :, :, None], 255 - pixels, pixels)
    assert torch.allclose(network(elsewhere)[0, 7, 3], network(pixels)[0, 7, 3], atol=EXACT)
    assert not torch.allclose(network(changed)[0, 7, 3], network(pixels)[0, 7, 3], atol=EXACT)


@torch.inference_mode()
def test_refinement_gives_the_probability_and_the_offsets_of_facenet_pytorchs(pixels: torch.Tensor) -> None:
    offsets, probabilities = RNet()(standardised(crops(pixels, 24)))
    outputs = refinement_network()(crops(pixels, 24))
    assert outputs.shape == (6, 5)
    assert (torch.sigmoid(outputs[:, 0]) - probabilities[:, 1]).abs().max() <= EXACT
    assert (outputs[:, 1:] - offsets).abs().max() <= EXACT


@torch.inference_mode()
def test_output_gives_the_probability_the_offsets_and_the_landmarks_of_facenet_pytorchs(pixels: torch.Tensor) -> None:
    offsets, landmarks, probabilities = ONet()(standardised(crops(pixels, 48)))
    outputs = output_network()(crops(pixels, 48))
    assert outputs.shape == (6, 15)
    assert (torch.sigmoid(outputs[:, 0]) - probabilities[:, 1]).abs().max() <= EXACT
    assert (outputs[:, 1:5] - offsets).abs().max() <= EXACT
    assert (outputs[:, 5:] - landmarks).abs().max() <= EXACT


@pytest.mark.parametrize(("make", "side"), [(proposal_network, 12), (refinement_network, 24), (output_network, 48)])
@torch.inference_mode()
def test_some_probabilities_are_high_and_some_are_low_here(
    make: Callable[[], nn.Module], side: int, pixels: torch.Tensor
) -> None:
    """Else the comparisons would say little."""
    outputs = make()(pixels if make is proposal_network else crops(pixels, side)).reshape(-1, 5 if side < 48 else 15)
    scores = torch.sigmoid(outputs[:, 0])
    assert scores.max() > 0.7
    assert scores.min() < 0.1
