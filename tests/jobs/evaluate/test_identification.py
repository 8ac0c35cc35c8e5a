"""The study's test on real photos: two people enrolled, others searched for, one of them a stranger."""

import json
import re
import shutil

import pytest
from PIL import Image

from facejoin.conf.schemas import SUPPRESSED
from facejoin.jobs.store.warehouse import Warehouse
from facejoin.udfs.recognition.training.kinds import CLASSIFIERS

FPIRS = ["0.1", "0.01", "0.001", "0.0001"]


@pytest.fixture(scope="module")
def folders(tmp_path_factory, portrait, save_photos):
    """gallery, known and unknown; the cat is a known photo in which there is no face."""
    root = tmp_path_factory.mktemp("identification")
    photos = {
        "gallery/Barack_Obama/1.jpg": portrait("obama.jpg"),
        "gallery/Joe_Biden/1.jpg": portrait("biden.jpg"),
        "known/Barack_Obama/2.jpg": portrait("obama2.jpg"),
        "known/Barack_Obama/3.jpg": portrait("obama3.jpg"),
        "known/Joe_Biden/cat.jpg": portrait("chelsea.png"),
        "unknown/Eileen_Collins/1.png": portrait("astronaut.png"),
        "unknown/Nobody/1.jpg": portrait("coffee.png"),
    }
    return save_photos(root, photos)


def clear(folder):
    for below in folder.iterdir():
        shutil.rmtree(below)


@pytest.fixture
def identify(facejoin):
    def identify(root, *options):
        where = [text for name in ("gallery", "known", "unknown") for text in (f"--{name}", root / name)]
        return facejoin("evaluate", "identification", *where, *options)

    return identify


@pytest.fixture
def changed(folders, tmp_path):
    """A copy of the folders, to be spoilt."""
    return shutil.copytree(folders, tmp_path / "folders")


def test_the_command_writes_its_figures_and_draws_them(spark, identify, folders, tmp_path):
    out = tmp_path / "deep" / "report.json"
    status, printed, _ = identify(folders, "--kinds", "cosine,centred_cosine", "--out", out)
    assert status == 0
    assert "2 references of 2 people; 3 known and 2 unknown photos, 2 of them without a face found" in printed
    report = json.loads(out.read_text())
    assert (report["references"], report["known"], report["unknown"], report["undetected"]) == (2, 3, 2, 2)
    assert report["model"].startswith("yunet-")
    assert list(report["kinds"]) == ["cosine", "centred_cosine"]
    for kind in report["kinds"].values():
        assert kind["accuracy"] == 1.0
        assert kind["rank1"] == pytest.approx(2 / 3)  # the cat is nobody
        assert 0 <= kind["mean_confidence_unknown"] < kind["mean_confidence_known"] <= 1
        assert list(kind["fnir"]) == FPIRS
        for estimate in kind["fnir"].values():
            assert 0 <= estimate["low"] <= estimate["value"] <= estimate["high"] <= 1
    with Image.open(out.with_suffix(".png")) as drawn:
        assert drawn.width > 1000


def test_too_few_strangers_for_a_rate_leave_the_interval_open_and_say_so(spark, identify, folders, tmp_path):
    out = tmp_path / "report.json"
    _, printed, _ = identify(folders, "--kinds", "cosine", "--no-grid", "--out", out)
    estimate = json.loads(out.read_text())["kinds"]["cosine"]["fnir"]["0.001"]
    assert estimate["value"] == pytest.approx(1 / 3)
    assert estimate["high"] == 1.0
    assert estimate["note"] == "2 unknown photos are too few for a rate of 0.001: a lower bound"
    assert estimate["note"] in printed


def test_the_grid_has_every_depth_there_is(spark, identify, folders, tmp_path):
    out = tmp_path / "report.json"
    identify(folders, "--kinds", "cosine", "--out", out)
    cells = json.loads(out.read_text())["kinds"]["cosine"]["grid"]
    assert [(cell["people"], cell["references"]) for cell in cells] == [(2, 1), (2, 2), (2, 5), (2, None)]


def test_a_kind_that_cannot_be_trained_is_named_beside_those_that_can(spark, identify, folders, tmp_path):
    out = tmp_path / "report.json"
    status, printed, _ = identify(folders, "--no-grid", "--out", out)
    report = json.loads(out.read_text())
    assert status == 0
    assert set(report["not_trained"]) == set(CLASSIFIERS)
    assert "svm_rbf cannot be trained: a classifier needs two references a person" in printed
    status, _, told = identify(folders, "--no-grid", "--kinds", "svm_rbf")
    assert status == 1
    assert "no kind could be trained: svm_rbf" in told


def test_a_photo_that_is_enrolled_is_no_probe(spark, identify, changed, tmp_path):
    shutil.copy(changed / "gallery/Joe_Biden/1.jpg", changed / "known/Joe_Biden/again.jpg")
    out = tmp_path / "report.json"
    _, printed, _ = identify(changed, "--no-grid", "--kinds", "cosine", "--out", out)
    report = json.loads(out.read_text())
    assert (report["known"], report["enrolled_probes"]) == (3, 1)
    assert "1 known photos left out: the gallery has them too" in printed
    shutil.rmtree(changed / "known")
    shutil.copytree(changed / "gallery", changed / "known")
    status, _, told = identify(changed, "--no-grid")
    assert status == 2
    assert "every photo in" in told
    assert "is enrolled too" in told


def test_people_who_asked_out_are_left_out(spark, identify, changed, tmp_path):
    warehouse = Warehouse(spark, str(tmp_path / "warehouse"))
    asked = [("person", "Joe_Biden", None, None)]
    warehouse.append("suppressed", spark.createDataFrame(asked, SUPPRESSED))
    status, _, told = identify(changed, "--warehouse", tmp_path / "warehouse")
    assert status == 2
    assert "fewer than two people" in told


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (
            lambda root: (root / "known/Joe_Biden").rename(root / "known/Stranger"),
            "Stranger in .*known: not in the gallery",
        ),
        (
            lambda root: (root / "unknown/Nobody").rename(root / "unknown/Joe_Biden"),
            "Joe_Biden in .*unknown: in the gallery",
        ),
        (
            lambda root: shutil.rmtree(root / "gallery/Joe_Biden"),
            "fewer than two people in .*gallery: expected at least",
        ),
        (lambda root: shutil.rmtree(root / "unknown"), "there is no folder .*unknown"),
        (lambda root: clear(root / "known"), "no photo in .*known"),
    ],
)
def test_folders_that_do_not_go_together_are_told_in_one_line(spark, identify, changed, spoil, told):
    spoil(changed)
    status, _, line = identify(changed, "--kinds", "cosine")
    assert status == 2
    assert line.count("\n") == 1
    assert re.search(told, line)


def test_a_kind_that_there_is_not_is_told_before_any_work(identify, folders):
    status, _, line = identify(folders, "--kinds", "cosine,knn")
    assert status == 2
    assert line.startswith("facejoin: no kind knn: expected some of centred_cosine, cosine,")
