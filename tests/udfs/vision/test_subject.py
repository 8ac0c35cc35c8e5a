import numpy as np
import pytest

from facejoin.udfs.vision.subject import subject


def boxes(*rows: tuple[float, ...]) -> np.ndarray:
    return np.array(rows, dtype=np.float32).reshape(-1, 4)


def test_the_face_nearest_to_the_middle_is_the_subject_though_a_bystanders_is_larger() -> None:
    bystander, person, other = (0, 0, 120, 200), (120, 90, 150, 130), (200, 100, 240, 140)
    assert subject(boxes(bystander, person, other), width=250, height=250) == 1


def test_height_counts_as_width_does() -> None:
    left, above = (40, 90, 60, 110), (90, 30, 110, 50)  # centres 50 and 60 from the middle
    assert subject(boxes(above, left), width=200, height=200) == 1
    assert subject(boxes(above, left), width=200, height=100) == 0  # the middle is higher


def test_the_only_face_is_the_subject_wherever_it_is() -> None:
    assert subject(boxes((0, 0, 10, 10)), width=1000, height=1000) == 0


def test_of_equally_near_faces_the_first_is_the_subject() -> None:
    assert subject(boxes((0, 40, 20, 60), (80, 40, 100, 60)), width=100, height=100) == 0


def test_nobody_is_the_subject_of_a_photo_without_faces() -> None:
    with pytest.raises(ValueError, match="without faces"):
        subject(boxes(), width=100, height=100)
