from collections.abc import Callable

import numpy as np
import pytest
import torch
from facenet_pytorch import MTCNN
from PIL import Image

from facejoin.conf.settings import DecodeSettings, DetectSettings
from facejoin.jobs.demo.samples import Samples
from facejoin.udfs.vision.analyse import Analysis
from facejoin.udfs.vision.decode import decode
from facejoin.udfs.vision.detect import Detector, Faces

ANY_SIZE = DecodeSettings(min_bytes=0)
# Within which the face lies, by eye: x1, y1, x2, y2.
FACE_IN = {
    "obama.jpg": (340, 60, 640, 450),
    "obama2.jpg": (170, 180, 490, 660),
    "obama3.jpg": (600, 220, 940, 640),
    "biden.jpg": (400, 140, 740, 590),
    "astronaut.png": (160, 40, 290, 190),
}
WITHOUT_FACES = ("brick.png", "chelsea.png", "rocket.jpg")
Cut = Callable[[str], np.ndarray]


def assert_sound(faces: Faces, photo: np.ndarray) -> None:
    """What holds for whatever is found in whatever photo."""
    height, width = photo.shape[:2]
    assert faces.boxes.shape == (len(faces), 4) and faces.boxes.dtype == np.float32
    assert faces.landmarks.shape == (len(faces), 5, 2) and faces.landmarks.dtype == np.float32
    assert faces.scores.shape == (len(faces),) and faces.scores.dtype == np.float32
    assert (faces.boxes >= 0).all() and (faces.boxes <= [width, height, width, height]).all()
    assert (faces.boxes[:, 2:] > faces.boxes[:, :2]).all()
    assert np.isfinite(faces.landmarks).all()
    assert ((faces.scores >= 0.9) & (faces.scores <= 1)).all()
    assert (np.diff(faces.scores) <= 0).all()


def resized(photo: np.ndarray, width: int, height: int) -> np.ndarray:
    return np.asarray(Image.fromarray(photo).resize((width, height)))


@pytest.mark.parametrize("name", FACE_IN)
def test_a_portrait_has_one_face_where_it_is_seen(name: str, analyses: dict[str, Analysis]) -> None:
    (face,) = analyses[name].faces
    x1, y1, x2, y2 = FACE_IN[name]
    assert (face.box >= [x1, y1, x1, y1]).all() and (face.box <= [x2, y2, x2, y2]).all()
    assert face.size > 0.6 * min(x2 - x1, y2 - y1)
    assert face.score > 0.99


@pytest.mark.parametrize("name", FACE_IN)
def test_landmarks_lie_in_the_box_eyes_over_mouth_and_left_of_right(name: str, analyses: dict[str, Analysis]) -> None:
    (face,) = analyses[name].faces
    assert (face.landmarks > face.box[:2]).all() and (face.landmarks < face.box[2:]).all()
    left_eye, right_eye, nose, left_mouth, right_mouth = face.landmarks
    assert left_eye[0] < right_eye[0] and left_mouth[0] < right_mouth[0]
    assert max(left_eye[1], right_eye[1]) < nose[1] < min(left_mouth[1], right_mouth[1])


@pytest.mark.parametrize("name", WITHOUT_FACES)
def test_a_photo_of_things_or_a_cat_has_no_face(name: str, samples: Samples, detector: Detector) -> None:
    assert len(detector.detect(decode(samples.path(name).read_bytes(), ANY_SIZE))) == 0


@pytest.fixture(scope="module")
def group(head: Cut) -> np.ndarray:
    """Three people side by side, each 150 pixels wide."""
    names = ("astronaut.png", "obama2.jpg", "biden.jpg")
    return np.hstack([resized(head(name), 150, 150) for name in names])


def test_several_faces_are_found_best_first(group: np.ndarray, detector: Detector) -> None:
    faces = detector.detect(group)
    assert_sound(faces, group)
    assert sorted((faces.boxes[:, [0, 2]].mean(axis=1) // 150).tolist()) == [0, 1, 2]


def test_the_same_photo_twice_gives_the_same_faces(group: np.ndarray, detector: Detector) -> None:
    first, second = detector.detect(group), detector.detect(group.copy())
    assert np.array_equal(first.boxes, second.boxes)
    assert np.array_equal(first.landmarks, second.landmarks)
    assert np.array_equal(first.scores, second.scores)


def test_the_photo_is_left_as_it_was(group: np.ndarray, detector: Detector) -> None:
    before = group.copy()
    detector.detect(group)
    assert np.array_equal(group, before)


@pytest.mark.parametrize("min_face", [20, 40, 57])
def test_the_faces_are_those_of_facenet_pytorchs_own_detector(group: np.ndarray, min_face: int) -> None:
    theirs = MTCNN(keep_all=True, min_face_size=min_face, device="cpu")
    boxes, scores, landmarks = theirs.detect(Image.fromarray(group), landmarks=True)
    order = [i for i in np.argsort(-scores, kind="stable") if scores[i] >= 0.9]
    ours = Detector(DetectSettings(min_face=min_face), torch.device("cpu")).detect(group)
    assert len(ours) == len(order) == 3
    height, width = group.shape[:2]
    assert np.abs(ours.boxes - boxes[order].clip(0, [width, height, width, height])).max() <= 1
    assert np.abs(ours.landmarks - landmarks[order].astype(float)).max() <= 1
    assert np.abs(ours.scores - scores[order].astype(float)).max() <= 1e-3


@pytest.mark.parametrize("shape", [(1, 1), (10, 10), (19, 300), (300, 19), (1, 5000), (12, 12)])
def test_a_photo_smaller_than_a_face_has_none(shape: tuple[int, int], detector: Detector) -> None:
    assert len(detector.detect(np.full((*shape, 3), 120, np.uint8))) == 0


@pytest.mark.parametrize("shape", [(20, 20), (20, 700), (700, 20), (21, 23)])
@pytest.mark.parametrize("seed", range(3))
def test_a_photo_as_small_as_the_smallest_face_is_searched(
    shape: tuple[int, int], seed: int, detector: Detector
) -> None:
    noise = np.random.default_rng(seed).integers(0, 256, (*shape, 3), dtype=np.uint8)
    assert_sound(detector.detect(noise), noise)


@pytest.mark.parametrize("shade", [0, 128, 255])
def test_a_photo_of_one_shade_has_no_face(shade: int, detector: Detector) -> None:
    assert len(detector.detect(np.full((240, 320, 3), shade, np.uint8))) == 0


def test_noise_has_no_face(detector: Detector) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (240, 320, 3), dtype=np.uint8)
    assert len(detector.detect(noise)) == 0


@pytest.mark.parametrize("place", [0, 3800])
def test_a_face_in_a_very_wide_photo_is_found_where_it_is(place: int, head: Cut, detector: Detector) -> None:
    photo = np.full((200, 4000, 3), 90, np.uint8)
    photo[:, place : place + 200] = resized(head("astronaut.png"), 200, 200)
    faces = detector.detect(photo)
    assert_sound(faces, photo)
    assert len(faces) == 1
    assert place < faces.boxes[0, [0, 2]].mean() < place + 200


@pytest.mark.parametrize("side", ["left", "right", "top", "bottom"])
def test_a_face_cut_by_the_border_has_a_box_that_ends_there(side: str, head: Cut, detector: Detector) -> None:
    photo = resized(head("obama2.jpg"), 160, 160)
    (box,) = detector.detect(photo).boxes
    margin = int(0.15 * (box[2] - box[0]))
    left, top = int(box[0]) + margin, int(box[1]) + margin
    right, bottom = int(box[2]) - margin, int(box[3]) - margin
    cuts = {"left": photo[:, left:], "right": photo[:, :right], "top": photo[top:], "bottom": photo[:bottom]}
    faces = detector.detect(cuts[side])
    assert_sound(faces, cuts[side])
    assert len(faces) == 1


def test_faces_much_smaller_than_the_smallest_are_not_found(head: Cut) -> None:
    photo = np.full((240, 240, 3), 90, np.uint8)
    photo[90:150, 90:150] = resized(head("astronaut.png"), 60, 60)  # a face of about 20 x 28 pixels
    found = [len(Detector(DetectSettings(min_face=size), torch.device("cpu")).detect(photo)) for size in (20, 80)]
    assert found == [1, 0]


def test_faces_below_the_least_score_are_dropped(group: np.ndarray, detector: Detector) -> None:
    scores = detector.detect(group).scores
    between = float(scores[0] + scores[-1]) / 2
    stricter = Detector(DetectSettings(min_score=between), torch.device("cpu"))
    assert stricter.detect(group).scores.tolist() == [score for score in scores.tolist() if score >= between]
