"""The hardest claim of a detector: a photo has the same faces alone, in any batch and in any order of it."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from PIL import Image

from facejoin.udfs.vision.detection.detector import DetectedFaces, Detector

Photos = dict[str, np.ndarray]
Found = dict[str, DetectedFaces]
PIXEL, SCORE = 1, 1e-3  # what rounding may move a box or a landmark by, and a score
HEADS = ("astronaut.png", "obama2.jpg", "biden.jpg")
FACES = {  # the others have none
    **{f"{name} of {side}": 1 for name in HEADS for side in (64, 150, 240)},
    **{"very wide": 2, "grey portrait": 1, "group": 3, "in the corner": 1},
}


def resized(photo: np.ndarray, width: int, height: int) -> np.ndarray:
    return np.asarray(Image.fromarray(photo).resize((width, height)))


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(height + width).integers(0, 256, (height, width, 3), dtype=np.uint8)


def sky(height: int, width: int) -> np.ndarray:
    """From dark blue down to light."""
    down = np.linspace(0, 1, height)[:, None, None]
    colour = np.array([60, 110, 190]) + down * np.array([150, 110, 60])
    return np.broadcast_to(colour, (height, width, 3)).round().astype(np.uint8)


@pytest.fixture(scope="session")
def photos(head: Callable[[str], np.ndarray]) -> Photos:
    """Every sort and size that a batch may mix."""
    wide = np.full((100, 2000, 3), 90, np.uint8)
    wide[:, :100], wide[:, 1850:1950] = resized(head("astronaut.png"), 100, 100), resized(head("biden.jpg"), 100, 100)
    corner = noise(180, 240) // 4
    corner[:90, :90] = resized(head("obama2.jpg"), 120, 120)[20:110, 20:110]
    grey = np.asarray(Image.fromarray(resized(head("obama.jpg"), 170, 170)).convert("L").convert("RGB"))
    return {
        **{f"{name} of {side}": resized(head(name), side, side) for name in HEADS for side in (64, 150, 240)},
        "very wide": wide,
        "grey portrait": grey,
        "group": np.hstack([resized(head(name), 150, 150) for name in HEADS]),
        "in the corner": corner,
        "one colour": np.full((240, 320, 3), 128, np.uint8),
        "noise": noise(240, 320),
        "sky": sky(300, 401),
        "tiny": noise(10, 10),
        "one pixel": noise(1, 1),
        "as small as a face": noise(20, 20),
        "a strip": noise(21, 3000),
        "an upright strip": noise(3000, 21),
        "odd": noise(91, 57),
    }


@pytest.fixture(scope="session")
def alone(photos: Photos, each_detector: Detector) -> Found:
    return {what: each_detector.detect([photo])[0] for what, photo in photos.items()}


def orders(photos: Photos) -> Iterator[list[str]]:
    names = sorted(photos)
    yield names
    yield names[::-1]
    rng = np.random.default_rng(3)
    for count in (2, 5, 13):
        yield rng.permutation(names)[:count].tolist()
    yield ["group"] * 3 + ["noise", "group"]
    yield ["one pixel", "group", "tiny"]


def assert_same(found: DetectedFaces, expected: DetectedFaces, what: str) -> None:
    assert len(found) == len(expected), what
    assert np.abs(found.boxes - expected.boxes).max(initial=0) <= PIXEL, what
    assert np.abs(found.landmarks - expected.landmarks).max(initial=0) <= PIXEL, what
    assert np.abs(found.scores - expected.scores).max(initial=0) <= SCORE, what


def test_what_has_faces_here_has_them_alone_and_what_has_none_has_none(alone: Found) -> None:
    for what, faces in alone.items():
        assert len(faces) == FACES.get(what, 0), what


def test_a_photo_has_the_same_faces_in_any_batch_and_in_any_order(
    photos: Photos, alone: Found, each_detector: Detector
) -> None:
    for names in orders(photos):
        found = each_detector.detect([photos[name] for name in names])
        assert len(found) == len(names)
        for name, faces in zip(names, found, strict=True):
            assert_same(faces, alone[name], f"{name} among {names}")


def test_a_photo_has_the_same_faces_behind_many_small_ones(
    photos: Photos, alone: Found, each_detector: Detector
) -> None:
    """Whose levels come first and fill the canvases otherwise."""
    small = [photos["one colour"][:height, :width] for height in range(20, 60, 3) for width in range(20, 90, 7)]
    found = each_detector.detect([*small, photos["group"], photos["very wide"]])
    assert_same(found[-2], alone["group"], "group")
    assert_same(found[-1], alone["very wide"], "very wide")


def test_a_photo_has_the_same_faces_in_every_part_of_a_longer_batch_of_itself(
    photos: Photos, alone: Found, each_detector: Detector
) -> None:
    """Each copy's crops come to lie elsewhere in the batches of the refinement and the output network."""
    for faces in each_detector.detect([photos["group"]] * 6):
        assert_same(faces, alone["group"], "group")


def test_no_photos_have_no_faces(each_detector: Detector) -> None:
    assert each_detector.detect([]) == []


def test_photos_that_are_all_too_small_have_no_faces(photos: Photos, each_detector: Detector) -> None:
    assert [len(faces) for faces in each_detector.detect([photos["tiny"], photos["one pixel"]])] == [0, 0]
