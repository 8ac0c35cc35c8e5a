"""Files are found and read by their names as they are, whatever is in them."""

import os
import shutil

import pytest

from facejoin.conf.settings import SettingsError
from facejoin.jobs.folders.faces import found_faces
from facejoin.jobs.folders.pictures import pictures
from facejoin.jobs.store.errors import SPARK_ERRORS

FOLDER = "a [1] {b,c}#2 50%25 x*?\\q"
NAMES = [
    "12:30.jpg", "Q?*.JPG", "a b.jpg", "back\\slash.jpg", "c#1.jpeg", "d%20e.Jpg", "deep/er/k=v/x.jpg", "f[1].jpg",
    "g{x,y}.jpg", "ü é.jpg",
]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory, portrait):
    """The same small photo without a face under many names, one with a face, and files that are no pictures."""
    root = tmp_path_factory.mktemp("root") / FOLDER
    for name in NAMES:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        portrait("gravel.png", 64).save(root / name, "JPEG")
    (root / "notes.txt").write_text("no picture")
    portrait("obama.jpg").save(root / "face.png")
    (root / "broken.webp").write_bytes(b"RIFF, and then nothing")
    return root


def test_every_picture_at_any_depth_is_listed_under_its_own_name(spark, folder):
    listed = {picture.below: picture.length for picture in pictures(spark, str(folder))}
    assert listed.keys() == {*NAMES, "face.png", "broken.webp"}
    assert all(length == (folder / name).stat().st_size for name, length in listed.items())


def test_a_folder_may_be_given_as_an_address_with_dots_or_relative(spark, folder, monkeypatch):
    usual = pictures(spark, str(folder))
    monkeypatch.chdir(folder.parent)
    for other in (f"file:{folder}", f"file://{folder}/", FOLDER, f"./{FOLDER}/", f"../{folder.parent.name}/{FOLDER}"):
        assert pictures(spark, other) == usual, other


def test_a_missing_folder_is_one_clear_line(spark, tmp_path):
    with pytest.raises(SettingsError, match=r"^there is no folder .*nowhere$"):
        pictures(spark, str(tmp_path / "nowhere"))


def test_an_empty_folder_has_no_pictures(spark, make_settings, tmp_path):
    assert pictures(spark, str(tmp_path)) == []
    assert found_faces(spark, make_settings().networks, str(tmp_path), [], "none") == []


def test_each_wanted_picture_is_a_row_in_the_order_asked_for(spark, make_settings, folder):
    wanted = sorted(pictures(spark, str(folder)), key=lambda picture: picture.below, reverse=True)
    rows = found_faces(spark, make_settings().networks, str(folder), wanted, "test")
    assert [row["path"] for row in rows] == [picture.path for picture in wanted]
    found = {picture.below: row for picture, row in zip(wanted, rows, strict=True)}
    assert {found[name]["status"] for name in NAMES} == {"no_face"}
    assert found["broken.webp"]["status"] == "unsupported"
    assert found["broken.webp"]["width"] is None
    face = found["face.png"]
    assert (face["status"], face["width"], face["height"], len(face["faces"])) == ("faces", 384, 480, 1)


def test_a_picture_that_is_not_wanted_is_not_read(spark, make_settings, folder, tmp_path):
    """The other one is larger than Spark could read, and takes no room on the disk."""
    shutil.copy(folder / "a b.jpg", tmp_path / "wanted.jpg")
    (tmp_path / "other.jpg").touch()
    os.truncate(tmp_path / "other.jpg", 3 * 2**30)
    other, wanted = pictures(spark, str(tmp_path))
    [row] = found_faces(spark, make_settings().networks, str(tmp_path), [wanted], "test")
    assert (row["path"], row["status"]) == (wanted.path, "no_face")
    with pytest.raises(SPARK_ERRORS, match="exceeds the max length"):
        found_faces(spark, make_settings().networks, str(tmp_path), [other], "test")
