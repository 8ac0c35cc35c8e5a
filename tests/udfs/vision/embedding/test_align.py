import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from facejoin.udfs.vision.embedding.align import align, similarity_transform
from facejoin.udfs.vision.embedding.embed import EMBEDDERS

KINDS = list(EMBEDDERS)
SFACE = EMBEDDERS["sface"]
COORDINATES = st.floats(-1000, 1000, width=32)
POINTS = st.lists(st.tuples(COORDINATES, COORDINATES), min_size=5, max_size=5).map(np.array)


def moved(points: np.ndarray, scale: float, degrees: float, shift: tuple[float, float]) -> np.ndarray:
    angle = math.radians(degrees)
    rotation = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    return scale * points @ rotation.T + shift


def applied(transform: np.ndarray, points: np.ndarray) -> np.ndarray:
    """transform (2, 3), points (n, 2) → (n, 2)."""
    return points @ transform[:, :2].T + transform[:, 2]


@settings(deadline=None, derandomize=True)
@given(
    scale=st.floats(0.05, 20),
    degrees=st.floats(-180, 180),
    shift=st.tuples(st.floats(-3000, 3000), st.floats(-3000, 3000)),
)
def test_a_known_rotation_scale_and_shift_is_recovered(
    scale: float, degrees: float, shift: tuple[float, float]
) -> None:
    found = similarity_transform(moved(SFACE.template, scale, degrees, shift), SFACE.template)
    there = np.vstack([found, [0, 0, 1]])
    assert np.hypot(there[0, 0], there[1, 0]) == pytest.approx(1 / scale, rel=1e-6)
    back = applied(np.linalg.inv(there)[:2], SFACE.template)
    assert np.allclose(back, moved(SFACE.template, scale, degrees, shift), atol=1e-6)


@settings(deadline=None, derandomize=True)
@given(points=POINTS)
def test_the_transform_is_the_least_squares_solution(points: np.ndarray) -> None:
    """Of u = p·x − q·y + s and v = q·x + p·y + t, in p, q, s and t."""
    if np.ptp(points, axis=0).max() < 1:
        return
    x, y, one, none = points[:, 0], points[:, 1], np.ones(5), np.zeros(5)
    equations = np.vstack([np.stack([x, -y, one, none], axis=1), np.stack([y, x, none, one], axis=1)])
    p, q, s, t = np.linalg.lstsq(equations, SFACE.template.T.ravel(), rcond=None)[0]
    assert np.allclose(similarity_transform(points, SFACE.template), [[p, -q, s], [q, p, t]], atol=1e-6)


def test_a_mirrored_face_is_not_mirrored_back() -> None:
    transform = similarity_transform(SFACE.template * [-1, 1], SFACE.template)
    assert np.linalg.det(transform[:, :2]) > 0


def spots(landmarks: np.ndarray, size: tuple[int, int], radius: float) -> Image.Image:
    """A black photo of `size` (width, height) with a soft spot at each landmark: in the red channel the first two, in
    the green one the third, in the blue one the others."""
    y, x = np.mgrid[: size[1], : size[0]] + 0.5
    photo = np.zeros((size[1], size[0], 3))
    for channel, (left, top) in zip((0, 0, 1, 2, 2), landmarks, strict=True):
        distance = (x - left) ** 2 + (y - top) ** 2
        photo[:, :, channel] += 255 * np.exp(-distance / (2 * radius**2))
    return Image.fromarray(photo.clip(0, 255).astype(np.uint8))


def spot_near(crop: np.ndarray, channel: int, point: np.ndarray) -> np.ndarray:
    """Centre of brightness of a channel within 12 pixels of a point."""
    y, x = np.mgrid[: crop.shape[0], : crop.shape[1]] + 0.5
    weight = crop[:, :, channel] * ((x - point[0]) ** 2 + (y - point[1]) ** 2 < 12**2)
    return np.array([(x * weight).sum(), (y * weight).sum()]) / weight.sum()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("scale", "degrees", "shift"),
    [
        (1.0, 0, (40, 40)),
        (0.4, 15, (60, 30)),
        (2.7, -30, (90, 160)),
        (3.0, 180, (420, 420)),
        (5.5, 75, (520, 60)),
        (1.0, 0, (-30, -40)),  # over the left and the upper border
        (1.5, 10, (450, 470)),  # over the right and the lower one, in a photo of 600 x 600
    ],
)
def test_landmarks_land_on_the_template_within_a_pixel(
    kind: str, scale: float, degrees: float, shift: tuple[float, float]
) -> None:
    embedder = EMBEDDERS[kind]
    landmarks = moved(embedder.template, scale, degrees, shift)
    crop = align(spots(landmarks, (600, 600), 3 * scale), landmarks, embedder.template, embedder.size)
    assert crop.shape == (embedder.size, embedder.size, 3)
    assert crop.dtype == np.uint8
    inside = ((landmarks > 9 * scale) & (landmarks < 600 - 9 * scale)).all(axis=1)
    assert inside.any()
    for number in np.flatnonzero(inside):
        channel, expected = (0, 0, 1, 2, 2)[number], embedder.template[number]
        assert np.abs(spot_near(crop, channel, expected) - expected).max() < 1, f"landmark {number}"


def test_what_lies_outside_the_photo_is_black() -> None:
    white = Image.new("RGB", (200, 200), "white")
    half_outside = moved(SFACE.template, scale=1, degrees=0, shift=(-56, 0))
    crop = align(white, half_outside, SFACE.template, SFACE.size)
    assert (crop[:, :54] == 0).all()
    assert (crop[:, 58:] == 255).all()


@pytest.mark.parametrize("shift", [(-5000, 0), (5000, 0), (0, -5000), (0, 5000), (9e5, -9e5)])
def test_a_face_that_lies_wholly_outside_is_black(shift: tuple[float, float]) -> None:
    white = Image.new("RGB", (200, 200), "white")
    assert (align(white, SFACE.template + shift, SFACE.template, SFACE.size) == 0).all()


@pytest.mark.parametrize("scale", [2, 3, 8, 8.6])
def test_a_large_face_does_not_alias(scale: float) -> None:
    """A chequered photo, one pixel a square, is grey from afar."""
    side = int(SFACE.size * scale) + 2
    squares = (np.indices((side, side)).sum(axis=0) % 2 * 255).astype(np.uint8)
    photo = Image.fromarray(np.stack([squares] * 3, axis=2))
    crop = align(photo, SFACE.template * scale, SFACE.template, SFACE.size)
    assert np.abs(crop[2:-2, 2:-2].astype(int) - 127).max() <= 255 / (2 * int(scale) ** 2) + 1


@pytest.mark.parametrize("place", [(0.0, 0.0), (20.0, 30.0), (-7.0, 900.0)])
def test_landmarks_that_all_coincide_give_a_crop_around_them(place: tuple[float, float]) -> None:
    photo = Image.new("RGB", (64, 48), "white")
    landmarks = np.tile(np.array(place, np.float32), (5, 1))
    assert np.allclose(applied(similarity_transform(landmarks, SFACE.template), landmarks), SFACE.template.mean(axis=0))
    assert align(photo, landmarks, SFACE.template, SFACE.size).shape == (112, 112, 3)


def test_landmarks_that_are_nothing_like_the_template_give_a_crop() -> None:
    """Where the least-squares scale is zero there is no way back from the crop to the photo."""
    template = SFACE.template[:, 0] + 1j * SFACE.template[:, 1]
    template -= template.mean()
    apart = np.array([1, -1, 0, 0, 0], complex)
    apart -= template * np.vdot(template, apart) / np.vdot(template, template)  # orthogonal to the template
    landmarks = 50 + 50 * np.stack([apart.real, apart.imag], axis=1)
    crop = align(Image.new("RGB", (100, 100), "white"), landmarks, SFACE.template, SFACE.size)
    assert crop.shape == (112, 112, 3)


@settings(deadline=None, derandomize=True)
@given(landmarks=POINTS, width=st.integers(1, 300), height=st.integers(1, 300))
def test_any_landmarks_give_a_crop(landmarks: np.ndarray, width: int, height: int) -> None:
    crop = align(Image.new("RGB", (width, height), "white"), landmarks, SFACE.template, SFACE.size)
    assert crop.shape == (112, 112, 3)
    assert crop.dtype == np.uint8


def test_the_same_landmarks_as_32_and_64_bits_give_the_same_crop() -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (300, 300, 3), dtype=np.uint8))
    landmarks = moved(SFACE.template, 1.5, 7, (30, 20)).astype(np.float32)
    crops = [align(noise, landmarks.astype(kind), SFACE.template, SFACE.size).astype(int) for kind in "fd"]
    assert np.abs(crops[0] - crops[1]).max() <= 1
