"""The whole command on real photos of three people and a cat, in a folder like LFW's."""

import json

import pytest

from facejoin.conf.settings import SettingsError, load_settings
from facejoin.jobs.evaluate.pairs import read_pairs
from facejoin.jobs.evaluate.verification import evaluate_verification
from facejoin.udfs.vision.analyse import model_version

PAIRS = """3
Barack_Obama\t1\t2
Barack_Obama\t1\t3
Barack_Obama\t2\t3
Barack_Obama\t1\tJoe_Biden\t1
Barack_Obama\t2\tEileen_Collins\t1
Barack_Obama\t3\tChelsea\t1
"""


@pytest.fixture(scope="module")
def images(tmp_path_factory, portrait, side_by_side, save_photos):
    """Of the third photo of Obama's he is the middle, and the smallest."""
    root = tmp_path_factory.mktemp("lfw") / "all [of] them #1"
    middle = side_by_side(portrait("biden.jpg", 640), portrait("obama3.jpg", 320), portrait("astronaut.png", 250))
    photos = {
        "known/Barack_Obama/Barack_Obama_0001.jpg": portrait("obama.jpg"),
        "known/Barack_Obama/Barack_Obama_0002.png": portrait("obama2.jpg"),
        "known/Barack_Obama/Barack_Obama_0003.JPG": middle,
        "unknown/Joe_Biden/Joe_Biden_0001.jpg": portrait("biden.jpg"),
        "unknown/Joe_Biden/Joe_Biden_0002.jpg": portrait("gravel.png", 64),  # named by nobody
        "unknown/Eileen_Collins/Eileen_Collins_0001.jpg": portrait("astronaut.png"),
        "Chelsea/Chelsea_0001.jpg": portrait("chelsea.png"),
    }
    return save_photos(root, photos)


@pytest.fixture
def pairs_file(tmp_path):
    def write(text):
        path = tmp_path / "pairs.txt"
        path.write_text(text)
        return path

    return write


@pytest.fixture
def verify(facejoin, pairs_file, images):
    def verify(text, *options, images=images):
        return facejoin("evaluate", "verification", "--images", images, "--pairs", pairs_file(text), *options)

    return verify


def test_the_command_writes_its_figures_and_says_them(spark, verify, tmp_path):
    out = tmp_path / "deep" / "report.json"
    status, printed, _ = verify(PAIRS, "--out", out)
    assert status == 0
    assert printed.startswith("verification: accuracy 1.0000 (0.6097–1.0000), deviation 0.0000 (3 folds)")
    assert "6 pairs of 6 photos, 1 of them without a face found" in printed
    report = json.loads(out.read_text())
    assert report.pop("model_version") == model_version(load_settings().vision)
    assert report == {
        "accuracy": 1.0,
        "deviation": 0.0,
        "tar": {"0.01": 1.0, "0.001": 1.0},
        "pairs": 6,
        "undetected": 1,
        "accuracy_95": [0.6097, 1.0],
        "tar_95": {"0.01": [0.4385, 1.0], "0.001": [0.4385, 1.0]},
        "folds": 3,
        "photos": 6,
        "statuses": {"faces": 5, "no_face": 1},
    }


def test_a_photo_without_a_face_has_the_lowest_score_and_counts_once(spark, make_settings, images, pairs_file):
    """Chelsea is a cat; a dog that is one person with her is never accepted."""
    text = "2\t2\n" + "Barack_Obama 1 2\nChelsea 1 1\nBarack_Obama 1 Joe_Biden 1\nChelsea 1 Joe_Biden 1\n" * 2
    report = evaluate_verification(spark, make_settings().networks, str(images), read_pairs(pairs_file(text)))
    assert (report.undetected, report.photos, report.pairs, report.folds) == (1, 4, 8, 2)
    assert report.accuracy == 0.75
    assert report.tar == {"0.01": 0.5, "0.001": 0.5}


def test_one_pair_of_each_kind_says_that_it_is_a_single_fold(spark, verify):
    status, printed, _ = verify("1\nBarack_Obama 1 2\nBarack_Obama 1 Joe_Biden 1\n")
    assert status == 0
    assert "too few pairs for folds" in printed


def test_a_missing_photo_is_named_with_how_many_are_missing(spark, verify, images):
    status, _, err = verify("1\nBarack_Obama 1 7\nBarack_Obama 1 Nobody 1\n")
    line = f"no photo Barack_Obama/Barack_Obama_0007.jpg below {images}; missing: 2 of 3 photos"
    assert status == 2
    assert err.splitlines() == [f"facejoin: {line}"]


def test_a_photo_that_is_there_twice_is_refused(spark, make_settings, portrait, pairs_file, tmp_path):
    for folder in ("known", "unknown"):
        (tmp_path / folder / "Ann").mkdir(parents=True)
        for number in (1, 2):
            portrait("gravel.png", 64).save(tmp_path / folder / "Ann" / f"Ann_000{number}.jpg")
    pairs = read_pairs(pairs_file("1\nAnn 1 2\nAnn 1 Bob 1\n"))[:1]
    with pytest.raises(SettingsError, match=r"Ann/Ann_0001 is more than one photo below .*: known/.* and unknown/"):
        evaluate_verification(spark, make_settings().networks, str(tmp_path), pairs)


def test_a_missing_folder_of_photos_ends_with_2(spark, verify):
    status, _, err = verify(PAIRS, images="/nowhere/at all")
    assert status == 2
    assert err.splitlines() == ["facejoin: there is no folder /nowhere/at all"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (PAIRS.replace("3\n", "4\n", 1), "line 1 promises 1 x (2 x 4) = 8 pairs; 6 follow"),
        (PAIRS.replace("1\tJoe", "Joe"), "line 5: expected a pair of photos of two people's"),
    ],
)
def test_malformed_pairs_end_with_2_before_spark_starts(verify, text, message, monkeypatch):
    monkeypatch.setattr("facejoin.jobs.store.session.spark_session", lambda *_: pytest.fail("started"))
    status, out, err = verify(text)
    assert (status, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1


def test_a_report_that_cannot_be_written_ends_with_2_before_spark_starts(verify, tmp_path, monkeypatch):
    monkeypatch.setattr("facejoin.jobs.store.session.spark_session", lambda *_: pytest.fail("started"))
    (tmp_path / "file").touch()
    for out in (tmp_path, tmp_path / "file" / "report.json"):
        status, _, err = verify(PAIRS, "--out", out)
        assert status == 2
        assert err.startswith(f"facejoin: the report {out} cannot be written: ")
        assert err.count("\n") == 1


@pytest.mark.slow
def test_lfws_pairs_are_told_apart_as_well_as_the_readme_says(spark, make_settings, research_data):
    folder = research_data("lfw")
    pairs = read_pairs(folder / "pairsDevTest.txt")
    report = evaluate_verification(spark, make_settings().networks, str(folder), pairs)
    assert (report.pairs, report.photos, report.folds, report.undetected) == (1000, 1549, 10, 0)
    assert report.accuracy >= 0.99
    assert report.tar["0.01"] >= 0.985
    assert report.tar["0.001"] >= 0.98
