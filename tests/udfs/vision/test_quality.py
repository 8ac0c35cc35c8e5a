"""What is said of a face: how sharp it is and where it looks."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFilter

from facejoin.udfs.vision.analyse import Analyser, Analysis
from facejoin.udfs.vision.quality import MODEL, pose, quality, sharpness

LEFT_AND_RIGHT_SWAPPED = [1, 0, 2, 4, 3]
Angles = tuple[float, float, float]


def blurred(crop: np.ndarray, radius: float) -> np.ndarray:
    return np.asarray(Image.fromarray(crop).filter(ImageFilter.GaussianBlur(radius)))


@pytest.fixture(scope="module")
def crop(portraits: dict[str, np.ndarray], analyses: dict[str, Analysis], analyser: Analyser) -> np.ndarray:
    """An aligned face, uint8 (112, 112, 3)."""
    (face,) = analyses["obama2.jpg"].faces
    return analyser.embedder.crops(portraits["obama2.jpg"], face.landmarks[None])[0]


def test_the_more_a_face_is_blurred_the_less_sharp_it_is(crop: np.ndarray) -> None:
    values = [sharpness(blurred(crop, radius)) for radius in (0, 0.5, 1, 2, 4)]
    assert values == sorted(values, reverse=True)
    assert values[0] > 10 * values[-1]


def test_a_face_that_was_small_is_less_sharp(crop: np.ndarray) -> None:
    small = Image.fromarray(crop).resize((24, 24), Image.Resampling.BOX).resize((112, 112), Image.Resampling.BILINEAR)
    assert sharpness(np.asarray(small)) < sharpness(crop) / 3


@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), (17, 130, 201)])
def test_one_colour_is_not_sharp_at_all(colour: tuple[int, int, int]) -> None:
    assert sharpness(np.full((112, 112, 3), colour, np.uint8)) == pytest.approx(0, abs=1e-9)


def test_sharpness_is_the_variance_of_the_laplacian_in_grey_levels() -> None:
    """One pixel of 100 on black: -400 there, 100 at its four neighbours, 0 at the other 20 of 25."""
    crop = np.zeros((7, 7, 3), np.uint8)
    crop[3, 3] = 100
    assert sharpness(crop) == pytest.approx((400**2 + 4 * 100**2) / 25)


def test_the_darker_half_of_the_contrast_has_a_quarter_of_the_sharpness(crop: np.ndarray) -> None:
    even = crop - crop % 2
    assert sharpness(even // 2) == pytest.approx(sharpness(even) / 4)


def turned(yaw: float, pitch: float, roll: float) -> np.ndarray:
    """MODEL, turned up or down, then to a side, then in the photo's plane, all in degrees → (5, 3)."""
    (cp, cy, cr), (sp, sy, sr) = (f(np.radians([pitch, yaw, roll])) for f in (np.cos, np.sin))
    up = np.array([[1, 0, 0], [0, cp, sp], [0, -sp, cp]])
    aside = np.array([[cy, 0, -sy], [0, 1, 0], [sy, 0, cy]])
    clockwise = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    return MODEL @ (clockwise @ aside @ up).T


def projected(angles: Angles, scale: float = 80, place: tuple[float, float] = (300, 200)) -> np.ndarray:
    """Under weak perspective: (5, 2) in pixels."""
    return scale * turned(*angles)[:, :2] + place


@settings(deadline=None, derandomize=True)
@given(
    angles=st.tuples(st.floats(-75, 75), st.floats(-60, 60), st.floats(-170, 170)),
    scale=st.floats(3, 2000),
    place=st.tuples(st.floats(-500, 5000), st.floats(-500, 5000)),
)
def test_a_known_pose_is_recovered_at_any_size_and_place(
    angles: Angles, scale: float, place: tuple[float, float]
) -> None:
    assert pose(projected(angles, scale, place)) == pytest.approx(angles, abs=1)


@pytest.mark.parametrize("angles", [(20, 0, 0), (0, 20, 0), (0, 0, 20)])
def test_the_signs_are_those_of_the_columns_names(angles: Angles) -> None:
    front, moved = projected((0, 0, 0)), projected(angles)
    nose = (moved[2] - moved[:2].mean(axis=0)) - (front[2] - front[:2].mean(axis=0))
    yaw, pitch, roll = angles
    if yaw:
        assert nose[0] > 0, "the nose moves to the photo's right"
    if pitch:
        assert nose[1] < 0, "the nose moves up"
    if roll:
        assert moved[1, 1] > moved[0, 1], "the eye on the right sinks: clockwise"
    assert pose(moved) == pytest.approx(angles, abs=0.01)


def test_a_mirrored_portrait_looks_and_leans_to_the_other_side_and_as_high(
    portraits: dict[str, np.ndarray], analyses: dict[str, Analysis]
) -> None:
    for name, photo in portraits.items():
        landmarks = analyses[name].faces[0].landmarks
        mirrored = (landmarks * [-1, 1] + [photo.shape[1], 0])[LEFT_AND_RIGHT_SWAPPED]
        yaw, pitch, roll = pose(landmarks)
        assert pose(mirrored) == pytest.approx((-yaw, pitch, -roll), abs=0.01), name


def test_landmarks_of_a_found_mirror_image_look_to_the_other_side_too(
    head: Callable[[str], np.ndarray], analyser: Analyser
) -> None:
    for name in ("obama.jpg", "biden.jpg"):
        photo = np.asarray(Image.fromarray(head(name)).resize((200, 200)))
        there, back = analyser.detector.detect([photo, photo[:, ::-1]])
        yaw, pitch, roll = pose(there.landmarks[0])
        assert pose(back.landmarks[0]) == pytest.approx((-yaw, pitch, -roll), abs=8), name


@pytest.mark.parametrize("place", [(0.0, 0.0), (31.5, -7.0)])
def test_landmarks_that_all_coincide_have_no_pose(place: tuple[float, float]) -> None:
    assert pose(np.tile(np.array(place, np.float32), (5, 1))) == (0, 0, 0)


@settings(deadline=None, derandomize=True)
@given(landmarks=st.lists(st.tuples(st.floats(-1e4, 1e4), st.floats(-1e4, 1e4)), min_size=5, max_size=5).map(np.array))
def test_any_landmarks_have_a_pose_in_degrees(landmarks: np.ndarray) -> None:
    yaw, pitch, roll = pose(landmarks)
    assert -90 <= yaw <= 90
    assert -180 <= pitch <= 180
    assert -180 <= roll <= 180


def test_real_portraits_look_into_the_camera(analyses: dict[str, Analysis]) -> None:
    for name, analysis in analyses.items():
        found = analysis.faces[0].quality
        assert max(abs(found.yaw), abs(found.pitch)) < 35, name
        assert abs(found.roll) < 20, name
        assert found.sharpness > 10, name


def test_a_faces_quality_is_its_sharpness_and_its_pose(crop: np.ndarray) -> None:
    landmarks = projected((10, -5, 3))
    found = quality(crop, landmarks)
    assert found.sharpness == sharpness(crop)
    assert (found.yaw, found.pitch, found.roll) == pytest.approx((10, -5, 3), abs=0.01)
