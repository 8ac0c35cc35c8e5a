from collections.abc import Callable
from functools import cache
from typing import Literal

import numpy as np
import pytest
import torch
from facenet_pytorch import MTCNN
from facenet_pytorch.models.utils.detect_face import detect_face
from PIL import Image

from facejoin.conf.settings import ComputeSettings, DecodeSettings, MtcnnSettings
from facejoin.demo.samples import Samples
from facejoin.udfs.vision.analyse import Analysis
from facejoin.udfs.vision.decode import decode
from facejoin.udfs.vision.detection.area import Areas
from facejoin.udfs.vision.detection.detector import DetectedFaces
from facejoin.udfs.vision.detection.mtcnn import Mtcnn
from facejoin.udfs.vision.engines.runtime import Runtime, choose_runtime

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
THEIR_THRESHOLDS = (0.6, 0.7, 0.7)  # facenet-pytorch's default
Cut = Callable[[str], np.ndarray]
Reference = Callable[[str, int], DetectedFaces]


def found_in(photo: np.ndarray, detector: Mtcnn) -> DetectedFaces:
    (faces,) = detector.detect([photo])
    return faces


def assert_sound(faces: DetectedFaces, photo: np.ndarray, least_score: float = 0.9) -> None:
    """What holds for whatever is found in whatever photo."""
    height, width = photo.shape[:2]
    assert faces.boxes.shape == (len(faces), 4)
    assert faces.boxes.dtype == np.float32
    assert faces.landmarks.shape == (len(faces), 5, 2)
    assert faces.landmarks.dtype == np.float32
    assert faces.scores.shape == (len(faces),)
    assert faces.scores.dtype == np.float32
    assert (faces.boxes >= 0).all()
    assert (faces.boxes <= [width, height, width, height]).all()
    assert (faces.boxes[:, 2:] > faces.boxes[:, :2]).all()
    assert np.isfinite(faces.landmarks).all()
    assert ((faces.scores >= least_score) & (faces.scores <= 1)).all()
    assert (np.diff(faces.scores) <= 0).all()


def resized(photo: np.ndarray, width: int, height: int) -> np.ndarray:
    return np.asarray(Image.fromarray(photo).resize((width, height)))


def smaller(photo: np.ndarray, longer_side: int) -> np.ndarray:
    scale = longer_side / max(photo.shape)
    return resized(photo, int(photo.shape[1] * scale), int(photo.shape[0] * scale))


@pytest.mark.parametrize("name", FACE_IN)
def test_a_portrait_has_one_large_face_where_it_is_seen(name: str, analyses: dict[str, Analysis]) -> None:
    face, *others = analyses[name].faces
    x1, y1, x2, y2 = FACE_IN[name]
    assert (face.box >= [x1, y1, x1, y1]).all()
    assert (face.box <= [x2, y2, x2, y2]).all()
    assert face.size > 0.6 * min(x2 - x1, y2 - y1)
    assert face.score > 0.99
    # In one portrait a fold of the suit may be a face: 0.82 in float32, 0.94 in bfloat16, the least score being 0.9.
    assert len(others) <= 1
    assert all(other.size < face.size / 4 and other.score < 0.95 for other in others)


@pytest.mark.parametrize("name", FACE_IN)
def test_landmarks_lie_in_the_box_eyes_over_mouth_and_left_of_right(name: str, analyses: dict[str, Analysis]) -> None:
    face = analyses[name].faces[0]
    assert (face.landmarks > face.box[:2]).all()
    assert (face.landmarks < face.box[2:]).all()
    left_eye, right_eye, nose, left_mouth, right_mouth = face.landmarks
    assert left_eye[0] < right_eye[0]
    assert left_mouth[0] < right_mouth[0]
    assert max(left_eye[1], right_eye[1]) < nose[1] < min(left_mouth[1], right_mouth[1])


@pytest.mark.parametrize("name", WITHOUT_FACES)
def test_a_photo_of_things_or_a_cat_has_no_face(name: str, samples: Samples, detector: Mtcnn) -> None:
    assert len(found_in(decode(samples.path(name).read_bytes(), ANY_SIZE), detector)) == 0


@pytest.fixture(scope="module")
def group(head: Cut) -> np.ndarray:
    """Three people side by side, each 150 pixels wide."""
    names = ("astronaut.png", "obama2.jpg", "biden.jpg")
    return np.hstack([resized(head(name), 150, 150) for name in names])


def test_several_faces_are_found_best_first(group: np.ndarray, detector: Mtcnn) -> None:
    faces = found_in(group, detector)
    assert_sound(faces, group)
    assert sorted((faces.boxes[:, [0, 2]].mean(axis=1) // 150).tolist()) == [0, 1, 2]


def test_the_same_photo_twice_gives_the_same_faces(group: np.ndarray, detector: Mtcnn) -> None:
    first, second = found_in(group, detector), found_in(group.copy(), detector)
    assert np.array_equal(first.boxes, second.boxes)
    assert np.array_equal(first.landmarks, second.landmarks)
    assert np.array_equal(first.scores, second.scores)


def test_the_photo_is_left_as_it_was(group: np.ndarray, detector: Mtcnn) -> None:
    before = group.copy()
    found_in(group, detector)
    assert np.array_equal(group, before)


@pytest.fixture(scope="module")
def collage(head: Cut) -> np.ndarray:
    """Five people of many sizes, each head in a square of its own on grey, three of them over a border."""
    photo = np.full((420, 560, 3), 110, np.uint8)
    squares = {"astronaut.png": (0, 0, 200), "obama2.jpg": (20, 230, 150), "biden.jpg": (200, 330, 220)}
    squares |= {"obama.jpg": (230, 30, 90), "obama3.jpg": (355, 180, 65)}
    for name, (top, left, side) in squares.items():
        photo[top : top + side, left : left + side] = resized(head(name), side, side)
    return photo


@pytest.fixture(scope="module")
def small_photos(collage: np.ndarray, portraits: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {"collage": collage} | {name: smaller(photo, 400) for name, photo in portraits.items()}


@pytest.fixture(scope="module")
def reference(small_photos: dict[str, np.ndarray]) -> Reference:
    """photo, smallest face → what facenet-pytorch's own code finds, best first, boxes cut to the photo."""
    theirs = MTCNN(keep_all=True, device="cpu")

    @cache
    def find(name: str, min_face: int) -> DetectedFaces:
        photo, networks = small_photos[name], (theirs.pnet, theirs.rnet, theirs.onet)
        with torch.inference_mode():
            boxes, points = detect_face(photo, min_face, *networks, THEIR_THRESHOLDS, 0.709, torch.device("cpu"))
        height, width = photo.shape[:2]
        found, landmarks = boxes[0].astype(np.float32).reshape(-1, 5), points[0].astype(np.float32).reshape(-1, 5, 2)
        best_first = np.argsort(-found[:, 4], kind="stable")
        clipped = found[:, :4].clip(0, [width, height, width, height])
        return DetectedFaces(clipped[best_first], landmarks[best_first], found[best_first, 4])

    return find


@pytest.mark.parametrize("engine", ["openvino", "torch"])
@pytest.mark.parametrize("min_face", [20, 40, 57])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # in facenet-pytorch's code
def test_the_faces_are_those_of_facenet_pytorchs_own_code(
    min_face: int, engine: Literal["openvino", "torch"], small_photos: dict[str, np.ndarray], reference: Reference
) -> None:
    settings = MtcnnSettings(min_face=min_face, thresholds=THEIR_THRESHOLDS, max_candidates=10**6, min_score=0)
    exact = choose_runtime(ComputeSettings(device="cpu", runtime=engine, precision="float32"))
    found = Mtcnn(settings, exact).detect(list(small_photos.values()))
    for name, ours in zip(small_photos, found, strict=True):
        theirs = reference(name, min_face)
        assert len(ours) == len(theirs) >= 1, name
        pairs = [int(np.abs(theirs.boxes - box).max(axis=1).argmin()) for box in ours.boxes]
        assert sorted(pairs) == list(range(len(theirs))), name
        assert np.abs(ours.boxes - theirs.boxes[pairs]).max() <= 2, name
        assert np.abs(ours.landmarks - theirs.landmarks[pairs]).max() <= 2, name
        assert np.abs(ours.scores - theirs.scores[pairs]).max() <= 0.02, name


@pytest.fixture(scope="module")
def believer(runtime: Runtime) -> Mtcnn:
    """A detector that takes whatever it looks at for a face."""
    return Mtcnn(MtcnnSettings(thresholds=(1e-12, 1e-12, 1e-12), min_score=0), runtime)


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("shape", [(1, 1), (10, 10), (19, 300), (300, 19), (1, 5000), (12, 12)])
def test_a_photo_smaller_than_a_face_has_none(shape: tuple[int, int], believer: Mtcnn) -> None:
    assert len(found_in(noise(*shape), believer)) == 0


@pytest.mark.parametrize("shape", [(20, 20), (20, 700), (700, 20), (21, 23), (21, 3000)])
@pytest.mark.parametrize("seed", range(3))
def test_a_photo_as_small_as_the_smallest_face_is_searched_to_its_ends(
    shape: tuple[int, int], seed: int, believer: Mtcnn
) -> None:
    photo = noise(*shape, seed)
    faces = found_in(photo, believer)
    assert_sound(faces, photo, least_score=0)
    assert len(faces) > 0
    assert (faces.boxes[:, :2].min(axis=0) < 20).all()
    assert (faces.boxes[:, 2:].max(axis=0) > np.array(shape[::-1]) - 20).all()


@pytest.mark.parametrize("shade", [0, 128, 255])
def test_a_photo_of_one_shade_has_no_face(shade: int, detector: Mtcnn) -> None:
    assert len(found_in(np.full((240, 320, 3), shade, np.uint8), detector)) == 0


def test_noise_has_no_face(detector: Mtcnn) -> None:
    assert len(found_in(noise(240, 320), detector)) == 0


@pytest.mark.parametrize("place", [0, 3800])
def test_a_face_in_a_very_wide_photo_is_found_where_it_is(place: int, head: Cut, detector: Mtcnn) -> None:
    photo = np.full((200, 4000, 3), 90, np.uint8)
    photo[:, place : place + 200] = resized(head("astronaut.png"), 200, 200)
    faces = found_in(photo, detector)
    assert_sound(faces, photo)
    assert len(faces) == 1
    assert place < faces.boxes[0, [0, 2]].mean() < place + 200


@pytest.mark.parametrize("side", ["left", "right", "top", "bottom"])
def test_a_face_cut_by_the_border_has_a_box_that_ends_there(side: str, head: Cut, detector: Mtcnn) -> None:
    photo = resized(head("obama2.jpg"), 160, 160)
    (box,) = found_in(photo, detector).boxes
    margin = int(0.15 * (box[2] - box[0]))  # that much of the face is cut off
    left, top = int(box[0]) + margin, int(box[1]) + margin
    right, bottom = int(box[2]) - margin, int(box[3]) - margin
    cuts = {"left": photo[:, left:], "right": photo[:, :right], "top": photo[top:], "bottom": photo[:bottom]}
    cut = cuts[side]
    faces = found_in(cut, detector)
    assert_sound(faces, cut)
    assert len(faces) == 1
    height, width = cut.shape[:2]
    edge, border = {"left": (0, 0), "top": (1, 0), "right": (2, width), "bottom": (3, height)}[side]
    assert faces.boxes[0, edge] == border
    assert abs(faces.boxes[0, edge - 2] - border) > 30  # and the opposite one where the face does


@pytest.mark.parametrize("corner", ["upper left", "upper right", "lower left", "lower right"])
def test_what_is_found_of_half_a_face_in_a_corner_ends_at_the_photos_border(
    corner: str, head: Cut, believer: Mtcnn
) -> None:
    """There windows lie over the border."""
    photo = np.full((150, 170, 3), 90, np.uint8)
    face = resized(head("biden.jpg"), 120, 120)
    rows, part_rows = (slice(0, 75), slice(45, 120)) if "upper" in corner else (slice(75, 150), slice(0, 75))
    columns, part_columns = (slice(0, 75), slice(45, 120)) if "left" in corner else (slice(95, 170), slice(0, 75))
    photo[rows, columns] = face[part_rows, part_columns]
    faces = found_in(photo, believer)
    assert_sound(faces, photo, least_score=0)
    border = [0 if "left" in corner else 170, 0 if "upper" in corner else 150]
    edges = faces.boxes[:, [0 if "left" in corner else 2, 1 if "upper" in corner else 3]]
    assert (edges == border).any(axis=0).all()


def test_windows_that_lie_wholly_outside_the_photo_are_passed_over(
    group: np.ndarray, detector: Mtcnn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """facenet-pytorch's own code loses count of them."""
    outside = torch.tensor([[-60.0, -60, -5, -5], [500, 20, 560, 80], [20, 400, 80, 460], [450.6, 0, 480.6, 30]])
    proposed = detector.proposer.propose

    def more(photos: list[Areas]) -> list[torch.Tensor]:
        return [torch.cat([outside[:2], windows, outside[2:]]) for windows in proposed(photos)]

    expected = found_in(group, detector)
    monkeypatch.setattr(detector.proposer, "propose", more)
    assert np.array_equal(found_in(group, detector).boxes, expected.boxes)
    monkeypatch.setattr(detector.proposer, "propose", lambda photos: [outside for _ in photos])
    assert len(found_in(group, detector)) == 0


def test_faces_much_smaller_than_the_smallest_are_not_found(head: Cut, detector: Mtcnn, runtime: Runtime) -> None:
    photo = np.full((240, 240, 3), 90, np.uint8)
    photo[90:150, 90:150] = resized(head("astronaut.png"), 60, 60)  # a face of about 20 x 28 pixels
    assert len(found_in(photo, detector)) == 1
    assert len(found_in(photo, Mtcnn(MtcnnSettings(min_face=80), runtime))) == 0


def test_faces_below_the_least_score_are_dropped(group: np.ndarray, detector: Mtcnn, runtime: Runtime) -> None:
    scores = found_in(group, detector).scores
    between = float(scores[0] + scores[-1]) / 2
    stricter = Mtcnn(MtcnnSettings(min_score=between), runtime)
    left = [score for score in scores.tolist() if score >= between]
    assert 0 < len(left) < len(scores)
    assert found_in(group, stricter).scores.tolist() == left
