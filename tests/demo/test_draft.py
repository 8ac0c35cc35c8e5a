"""How a collection comes into its folder: whole or not at all, once, and never over something else."""

import pytest

from facejoin.conf.settings import SettingsError
from facejoin.demo.collection import load_collection
from facejoin.demo.draft import make_once

PORT = 8123


def fill(draft):
    draft.add_photo(".jpg", ["Bo", "Ada"]).write_bytes(b"one")
    draft.add_photo(".png", []).write_bytes(b"two")


def fill_often(draft):
    for _ in range(200):
        fill(draft)


def fill_no_more(draft):
    raise AssertionError("made a second time")


def break_off(draft):
    fill(draft)
    raise KeyboardInterrupt


def test_a_loaded_collection_equals_the_one_that_was_made(tmp_path):
    made = make_once(tmp_path / "out", PORT, "test", fill)
    assert load_collection(tmp_path / "out") == made
    assert list(made.truth.values()) == [["Ada", "Bo"]]
    assert len(made.unknown) == 1


def test_a_collection_can_be_moved(tmp_path):
    make_once(tmp_path / "out", PORT, "test", fill)
    (tmp_path / "out").rename(tmp_path / "moved")
    moved = make_once(tmp_path / "moved", PORT, "test", fill_no_more)
    assert all(path.exists() for path in [moved.photos, *moved.lists])


def test_photo_ids_are_unique_and_positive(tmp_path):
    made = make_once(tmp_path / "out", PORT, "test", fill_often)
    ids = {*made.truth, *made.unknown}
    assert len(ids) == 400
    assert min(ids) > 0


def test_a_second_call_keeps_the_collection_and_its_port(tmp_path):
    made = make_once(tmp_path / "out", PORT, "test", fill)
    assert make_once(tmp_path / "out", PORT + 1, "test", fill_no_more) == made


def test_a_run_that_is_broken_off_leaves_nothing_that_counts(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        make_once(tmp_path / "out", PORT, "test", break_off)
    assert not (tmp_path / "out").exists()
    assert len(list(make_once(tmp_path / "out", PORT, "test", fill).photos.rglob("*.*"))) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_an_empty_folder_is_used(tmp_path):
    (tmp_path / "out").mkdir()
    assert make_once(tmp_path / "out", PORT, "test", fill).gallery.parent == tmp_path / "out"


def test_a_folder_with_something_else_is_left_alone(tmp_path):
    (tmp_path / "letter.txt").write_text("keep me")
    with pytest.raises(SettingsError, match="something other than a demo's collection"):
        make_once(tmp_path, PORT, "test", fill)
    assert (tmp_path / "letter.txt").read_text() == "keep me"


def test_a_collection_made_from_something_else_is_not_mixed_in(tmp_path):
    make_once(tmp_path / "out", PORT, "these photos", fill)
    with pytest.raises(SettingsError, match="made from these photos, not from those"):
        make_once(tmp_path / "out", PORT, "those", fill_no_more)


def test_a_folder_that_cannot_be_written_is_one_clear_error(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(SettingsError, match=r"cannot make the demo's collection in .*out"):
        make_once(tmp_path / "file" / "out", PORT, "test", fill)


@pytest.mark.parametrize("damage", ["", "half a", "[]", "{}", '{"truth": {"x": []}, "fault_statuses": {}}'])
def test_a_damaged_truth_is_one_clear_error(tmp_path, damage):
    made = make_once(tmp_path / "out", PORT, "test", fill)
    (made.folder / "truth.json").write_text(damage)
    with pytest.raises(SettingsError, match="is not the truth of a demo's collection"):
        make_once(tmp_path / "out", PORT, "test", fill)
