"""Files of true faces, and what is said of files that are none."""

import json

import pytest

from facejoin.conf.settings import SettingsError
from facejoin.jobs.evaluate.truth import read_truth


@pytest.fixture
def truth_file(tmp_path):
    def write(content):
        path = tmp_path / "truth.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path

    return write


def test_photos_come_with_their_boxes_and_the_size_that_these_are_in(truth_file):
    listed = [
        {"file": "./a/../b/x.jpg", "width": 640, "height": 480, "boxes": [[1, 2.5, 3, 4]], "attributes": [[0, 1]]},
        {"file": "y.jpg", "boxes": []},
    ]
    one, other = read_truth(truth_file(listed))
    assert (one.name, one.size, one.array().tolist()) == ("b/x.jpg", (640, 480), [[1, 2.5, 3, 4]])
    assert (other.name, other.size, other.array().shape) == ("y.jpg", None, (0, 4))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[{", "Invalid JSON"),
        ("", "Invalid JSON"),
        ([], "lists no photo"),
        ({"file": "x.jpg", "boxes": []}, "should be a valid array"),
        ([{"file": "x.jpg", "boxes": []}, {"boxes": []}], "photo 1 (from 0), file: Field required"),
        ([{"file": "x.jpg"}], "photo 0 (from 0), boxes: Field required"),
        ([{"file": "", "boxes": []}], "photo 0 (from 0), file: "),
        ([{"file": "x.jpg", "boxes": [[1, 2, 3]]}], "photo 0 (from 0), boxes.0.3: Field required"),
        ([{"file": "x.jpg", "boxes": [[1, 2, 3, "x"]]}, {}], "photo 0 (from 0), boxes.0.3: "),
        ([{"file": "x.jpg", "boxes": [[1, 2, 3, float("nan")]]}], "photo 0 (from 0), boxes.0.3: "),
        ([{"file": "x.jpg", "boxes": [[5, 2, 3, 4]]}], "photo 0 (from 0): Value error, expected boxes x1, y1, x2, y2"),
        ([{"file": "x.jpg", "boxes": [], "width": 5}], "expected both width and height, or neither"),
        ([{"file": "x.jpg", "boxes": [], "width": 0, "height": 1}], "photo 0 (from 0), width: "),
        ([{"file": "x.jpg", "boxes": []}, {"file": "./x.jpg", "boxes": []}], "lists x.jpg 2 times"),
    ],
)
def test_what_is_malformed_is_named_in_one_line(truth_file, content, message):
    with pytest.raises(SettingsError) as raised:
        read_truth(truth_file(content))
    assert message in str(raised.value)
    assert "truth.json" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_further_faults_are_counted(truth_file):
    with pytest.raises(SettingsError, match=r"photo 0 \(from 0\), file: Field required; 3 more faults$"):
        read_truth(truth_file([{}, {}]))


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(SettingsError, match=r"^cannot read the truth file .*missing"):
        read_truth(tmp_path / "missing.json")


def test_wider_faces_own_file_is_read(research_data):
    photos = read_truth(research_data("wider/truth.json"))
    assert len(photos) == 100
    assert all(photo.size for photo in photos)
