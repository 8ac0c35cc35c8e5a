"""The measure of the house itself: that it sees what it is to see."""

from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture
def built(structure: ModuleType, tmp_path: Path):
    """Files of a house → the house."""

    def build(**files: str):
        for name, text in files.items():
            path = tmp_path.joinpath(*name.split("__")).with_suffix(".py")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        for folder in {path.parent for path in tmp_path.rglob("*.py")}:
            (folder / "__init__.py").touch()
        return structure.read_house(tmp_path)

    return build


def test_arrows_are_seen_wherever_a_module_is_imported(built):
    house = built(
        a__one="from facejoin.b.two import x\nimport json",
        b__two="def f():\n    import facejoin.b.three",
        b__three="from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from facejoin.c import four",
        c__four="from . import five",
        c__five="",
    )
    assert house.arrows == {("a.one", "b.two"), ("b.two", "b.three"), ("b.three", "c.four"), ("c.four", "c.five")}
    assert (house.circles, house.upward) == ([], [])
    assert house.folders == {"a": 1, "b": 2, "c": 2}


def test_a_circle_of_modules_is_found_for_type_checking_too(built):
    types = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from facejoin.a.one import x"
    assert built(a__one="from facejoin.a.two import y", a__two=types).circles == [["a.one", "a.two"]]


def test_of_two_folders_that_import_each_other_the_fewer_arrows_run_upward(built):
    house = built(
        jobs__one="from facejoin.jobs.room.a import x",
        jobs__two="from facejoin.jobs.room.a import x",
        jobs__room__a="",
        jobs__room__b="from facejoin.jobs.one import y",
    )
    assert house.circles == []
    assert house.upward == [("jobs.room.b", "jobs.one")]


def test_functions_are_measured_without_their_docstring(built):
    house = built(
        a__one='def f():\n    """Says\n    much."""\n    x = 1\n    return x\n\n\ndef g():\n    1\n    2\n    3\n'
    )
    assert house.functions == [(5, "a.one.f"), (4, "a.one.g")]
    assert house.short_functions == ["a.one.f"]


def test_a_commit_is_read_like_the_tree(structure):
    head = structure.read_commit("HEAD")
    assert head.arrows
    assert {"conf", "jobs", "udfs", "viewer"} <= {folder.split(".")[0] for folder in head.folders}
