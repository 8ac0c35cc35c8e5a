"""The whole command on real photos whose faces were measured by hand."""

import json

import pytest

from facejoin.conf.settings import SettingsError, load_settings
from facejoin.jobs.evaluate.detection import evaluate_detection
from facejoin.jobs.evaluate.truth import PhotoTruth, read_truth
from facejoin.udfs.vision.analyse import model_version

OBAMA, COLLINS = (150, 30, 260, 185), (165, 55, 250, 165)  # in photos of 384 x 480 and 480 x 480
WALL = (10, 300, 110, 420)  # somewhere on Collins's photo where no face is


@pytest.fixture(scope="module")
def images(tmp_path_factory, portrait):
    root = tmp_path_factory.mktemp("crowds") / "100 % [x]"
    (root / "some").mkdir(parents=True)
    portrait("obama.jpg").save(root / "some" / "one face #1.jpg")
    portrait("astronaut.png").save(root / "woman.png")
    portrait("astronaut.png").resize((2400, 2400)).save(root / "large.jpg")
    portrait("chelsea.png").save(root / "cat.webp")
    (root / "broken.jpg").write_bytes(b"\xff\xd8\xff no photo")
    return root


def scaled(factor, box):
    left, top, right, bottom = (side * factor for side in box)
    return left, top, right, bottom


def obama(*boxes):
    return PhotoTruth(file="some/one face #1.jpg", width=384, height=480, boxes=boxes)


def collins(*boxes):
    return PhotoTruth(file="woman.png", width=480, height=480, boxes=boxes)


@pytest.fixture
def truth_file(tmp_path):
    def write(*photos):
        path = tmp_path / "truth.json"
        path.write_text(json.dumps([photo.model_dump(exclude_none=True) for photo in photos]))
        return path

    return write


@pytest.fixture
def measured(spark, make_settings, images):
    """(least size, photos) → the report's own keys as a tuple."""

    def measured(least, *photos):
        report = evaluate_detection(spark, make_settings().networks, str(images), photos, least)
        return report.recall, report.precision, report.false_alarm_photos, report.faces, report.photos

    return measured


def test_the_command_writes_its_figures_and_says_them(spark, facejoin, truth_file, images, tmp_path):
    out = tmp_path / "report.json"
    cat, broken = PhotoTruth(file="cat.webp", boxes=()), PhotoTruth(file="broken.jpg", boxes=(OBAMA,))
    truth = truth_file(obama(OBAMA), collins(COLLINS, WALL), cat, broken)
    options = ("--images", images, "--truth", truth, "--min-size", 40, "--out", out)
    status, printed, _ = facejoin("evaluate", "detection", *options)
    assert status == 0
    assert "detection, faces of at least 40 pixels:\n  recall 0.5000 (0.1500–0.8500): 2 of 4" in printed
    report = json.loads(out.read_text())
    assert report.pop("model_version") == model_version(load_settings().vision)
    assert report == {
        "recall": 0.5,
        "precision": 1.0,
        "false_alarm_photos": 0,
        "faces": 4,
        "photos": 4,
        "recall_95": [0.15, 0.85],
        "precision_95": [0.3424, 1.0],
        "min_size": 40,
        "found": 2,
        "detections": 2,
        "right": 2,
        "photos_without_faces": 1,
        "statuses": {"faces": 2, "no_face": 1, "unsupported": 1},
    }


def test_a_detection_where_no_face_is_costs_precision_and_is_a_false_alarm_in_a_photo_of_nobody(measured):
    assert measured(40, obama(OBAMA), collins(WALL)) == (0.5, 0.5, 0, 2, 2)
    assert measured(40, obama(OBAMA), collins()) == (1.0, 0.5, 1, 1, 2)


def test_only_faces_of_the_least_size_count(measured):
    """Collins's face is 85 pixels wide, Obama's 110."""
    assert measured(100, obama(OBAMA), collins(COLLINS)) == (1.0, 1.0, 0, 1, 2)
    assert measured(200, obama(OBAMA), collins(COLLINS)) == (None, None, 0, 0, 2)


def test_boxes_of_a_large_photo_are_in_its_own_pixels_though_fewer_are_decoded(measured, make_settings):
    large = PhotoTruth(file="large.jpg", width=2400, height=2400, boxes=(scaled(5, COLLINS),))
    assert 1.5 * make_settings().vision.decode.enough_pixels < 2400 * 2400
    assert measured(350, large) == (1.0, 1.0, 0, 1, 1)
    assert measured(450, large) == (None, None, 0, 0, 1)
    with pytest.raises(SettingsError, match=r"^large.jpg may be decoded at a scale: the truth has to say its width"):
        measured(40, PhotoTruth(file="large.jpg", boxes=large.boxes))


def test_boxes_may_be_of_a_smaller_copy_of_a_photo_or_without_a_size(measured):
    half = PhotoTruth(file="woman.png", width=240, height=240, boxes=(scaled(0.5, COLLINS),))
    assert measured(40, half) == (1.0, 1.0, 0, 1, 1)
    assert measured(50, half) == (None, None, 0, 0, 1)
    assert measured(40, PhotoTruth(file="woman.png", boxes=(COLLINS,))) == (1.0, 1.0, 0, 1, 1)


def test_a_photo_of_another_shape_than_the_truth_says_is_refused(measured):
    turned = PhotoTruth(file="some/one face #1.jpg", width=480, height=384, boxes=())
    with pytest.raises(SettingsError, match=r"^some/one face #1.jpg is 384 x 480 pixels; the truth says 480 x 384$"):
        measured(40, turned)


def test_a_missing_photo_is_named_with_how_many_are_missing(measured, images):
    with pytest.raises(SettingsError) as raised:
        measured(40, obama(), PhotoTruth(file="one face #1.jpg", boxes=()), PhotoTruth(file="gone.jpg", boxes=()))
    assert str(raised.value) == f"no photo one face #1.jpg in {images}; missing: 2 of 3 photos"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--min-size", 0), "expected a smallest size of 1 pixel or more, got 0"),
        (("--truth", "missing.json"), "cannot read the truth file missing.json"),
        (("--config", "missing.yaml"), "cannot read the settings file missing.yaml"),
    ],
)
def test_what_cannot_work_ends_with_2_before_spark_starts(
    facejoin, truth_file, images, options, message, tmp_path, monkeypatch
):
    monkeypatch.setattr("facejoin.jobs.store.session.spark_session", lambda *_: pytest.fail("started"))
    monkeypatch.chdir(tmp_path)
    status, out, err = facejoin("evaluate", "detection", "--images", images, "--truth", truth_file(obama()), *options)
    assert (status, out) == (2, "")
    assert err.startswith(f"facejoin: {message}")
    assert err.count("\n") == 1


@pytest.mark.slow
def test_wider_faces_are_found_as_well_as_the_readme_says(spark, make_settings, research_data):
    wider = research_data("wider")
    truth = read_truth(wider / "truth.json")
    report = evaluate_detection(spark, make_settings().networks, str(wider / "images"), truth, 40)
    assert (report.faces, report.photos) == (123, 100)
    assert report.recall is not None
    assert report.precision is not None
    assert report.recall >= 0.93
    assert report.precision >= 0.91


@pytest.mark.slow
def test_few_photos_without_faces_raise_a_false_alarm(spark, make_settings, research_data):
    folder = research_data("nonface")
    truth = [PhotoTruth(file=path.name, boxes=()) for path in sorted(folder.glob("*.jpg"))]
    report = evaluate_detection(spark, make_settings().networks, str(folder), truth, 24)
    assert report.recall is None
    assert report.faces == 0
    assert report.false_alarm_photos <= 6
