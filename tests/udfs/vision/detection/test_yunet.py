"""What holds of YuNet's faces in real photos, whatever their size; its batches are in test_detect_batches.py."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from facejoin.conf.settings import ComputeSettings, DecodeSettings, YunetSettings
from facejoin.demo.samples import Samples
from facejoin.udfs.vision.decode import decode
from facejoin.udfs.vision.detection.detector import DetectedFaces
from facejoin.udfs.vision.detection.views import SIDE
from facejoin.udfs.vision.detection.yunet import Yunet
from facejoin.udfs.vision.engines.runtime import Runtime, choose_runtime

ANY_SIZE = DecodeSettings(min_bytes=0)
WITHOUT_FACES = ("brick.png", "chelsea.png", "coffee.png", "rocket.jpg")
Cut = Callable[[str], np.ndarray]


def found_in(photo: np.ndarray, detector: Yunet) -> DetectedFaces:
    (faces,) = detector.detect([photo])
    return faces


def resized(photo: np.ndarray, width: int, height: int) -> np.ndarray:
    return np.asarray(Image.fromarray(photo).resize((width, height)))


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_a_portrait_has_one_sure_face_in_order_and_within_its_box(
    portraits: dict[str, np.ndarray], yunet: Yunet
) -> None:
    for name, photo in portraits.items():
        faces = found_in(photo, yunet)
        assert faces.scores[0] > 0.8, name
        assert (faces.scores[1:] < 0.6).all(), name  # in one of them a hand
        box, (left_eye, right_eye, nose, left_mouth, right_mouth) = faces.boxes[0], faces.landmarks[0]
        assert (faces.landmarks[0] > box[:2]).all()
        assert (faces.landmarks[0] < box[2:]).all()
        assert left_eye[0] < right_eye[0], name
        assert left_mouth[0] < right_mouth[0], name
        assert max(left_eye[1], right_eye[1]) < nose[1] < min(left_mouth[1], right_mouth[1]), name


def test_its_own_landmarks_and_those_of_the_output_network_are_near_each_other(
    portraits: dict[str, np.ndarray], yunet: Yunet, yunet_weights: Path, runtime: Runtime
) -> None:
    own = Yunet(YunetSettings(landmarks="own"), yunet_weights, runtime)
    for name, photo in portraits.items():
        there, here = found_in(photo, yunet), found_in(photo, own)
        assert np.array_equal(there.boxes, here.boxes)
        width = there.boxes[0, 2] - there.boxes[0, 0]
        apart = np.abs(there.landmarks - here.landmarks).max()
        assert 0 < apart < 0.15 * width, name


@pytest.mark.parametrize("name", WITHOUT_FACES)
def test_a_photo_of_things_or_a_cat_has_no_face_that_is_sure(name: str, samples: Samples, yunet: Yunet) -> None:
    """Near the threshold processors that round otherwise differ: on some, a cup of coffee scores 0.51."""
    assert (found_in(decode(samples.path(name).read_bytes(), ANY_SIZE), yunet).scores < 0.6).all()


@pytest.mark.parametrize("shape", [(1, 1), (10, 10), (19, 300), (300, 19), (1, 5000)])
def test_a_photo_smaller_than_a_face_has_none(shape: tuple[int, int], yunet: Yunet) -> None:
    assert len(found_in(noise(*shape), yunet)) == 0


@pytest.mark.parametrize("side", [60, 100, 150, 400, 800, 1200])
@pytest.mark.parametrize("place", [(0, 0), (1, 1), (0.5, 0.5), (0.3, 0.7)])
def test_a_face_of_any_size_anywhere_in_a_large_photo_is_found_once(
    side: int, place: tuple[float, float], head: Cut, yunet: Yunet
) -> None:
    """More than one view shows it; at some places the border of one goes through it."""
    photo = np.full((1500, 2000, 3), 90, np.uint8)
    top, left = (int(share * (length - side)) for share, length in zip(place, photo.shape[:2], strict=True))
    photo[top : top + side, left : left + side] = resized(head("astronaut.png"), side, side)
    faces = found_in(photo, yunet)
    assert len(faces) == 1
    x, y = (faces.boxes[0, :2] + faces.boxes[0, 2:]) / 2
    assert abs(x - left - side / 2) < 0.2 * side
    assert abs(y - top - side / 2) < 0.2 * side


def test_faces_side_by_side_over_many_views_are_found_best_first(head: Cut, yunet: Yunet) -> None:
    names = ("astronaut.png", "obama2.jpg", "biden.jpg")
    row = np.hstack([resized(head(names[number % 3]), 120, 120) for number in range(20)])
    assert row.shape[1] > 3 * SIDE
    faces = found_in(row, yunet)
    assert sorted((faces.boxes[:, [0, 2]].mean(axis=1) // 120).tolist()) == list(range(20))
    assert (np.diff(faces.scores) <= 0).all()
    assert (faces.boxes >= 0).all()
    assert (faces.boxes <= [row.shape[1], row.shape[0]] * 2).all()


def test_a_least_score_and_a_second_opinion_drop_faces(
    head: Cut, yunet: Yunet, yunet_weights: Path, runtime: Runtime
) -> None:
    group = np.hstack([resized(head(name), 150, 150) for name in ("astronaut.png", "obama2.jpg", "biden.jpg")])
    scores = found_in(group, yunet).scores
    between = float(scores[0] + scores[-1]) / 2
    stricter = Yunet(YunetSettings(min_score=between), yunet_weights, runtime)
    left = [score for score in scores.tolist() if score >= between]
    assert 0 < len(left) < len(scores)
    assert found_in(group, stricter).scores.tolist() == left
    doubting = Yunet(YunetSettings(second_opinion=1 - 1e-9), yunet_weights, runtime)
    assert len(found_in(group, doubting)) < len(scores)


def test_the_photo_is_left_as_it_was(portraits: dict[str, np.ndarray], yunet: Yunet) -> None:
    photo = portraits["biden.jpg"]
    before = photo.copy()
    found_in(photo, yunet)
    assert np.array_equal(photo, before)


@pytest.mark.skipif(
    not torch.cuda.is_available(), reason="NO CUDA ON THIS MACHINE: what a GPU finds is NOT TESTED here"
)
def test_a_gpu_finds_the_same_faces(
    portraits: dict[str, np.ndarray], yunet_weights: Path, exact_runtime: Runtime
) -> None:
    gpu = choose_runtime(ComputeSettings(device="cuda", precision="float32"))
    there, here = (
        Yunet(YunetSettings(), yunet_weights, on).detect([*portraits.values()]) for on in (gpu, exact_runtime)
    )
    for one, other in zip(there, here, strict=True):
        assert np.abs(one.boxes - other.boxes).max() <= 1
