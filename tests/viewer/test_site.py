"""What write_site leaves in a folder; what a browser makes of it is in test_page.py."""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from site_people import as_matches, as_people

from facejoin.udfs.write_pictures import PICTURES
from facejoin.viewer.site import Person, json_for_html, picture_files
from facejoin.viewer.site import write_site as write

PEOPLE: list[dict[str, Any]] = [{"name": "José_Saramago", "profilePic": None, "foundPics": []}]
FIGURES = [{"file": "figures/one.svg", "title": "One", "alt": "A bar", "caption": "Of <one>", "svg": "<svg>Zoë</svg>"}]
MATCHES = [{"url": "https://live.example/1.jpg", "person": "José_Saramago", "conf": 0.5}]
FILES = ["index.html", "matches.json", "results.json", "style.css", "viewer.js"]


def write_site(folder: Path, people: Any, matches: Any, figures: Any = ()) -> Path:
    return write(folder, as_people(people), as_matches(matches), figures)


def found(*titles: str) -> list[dict[str, Any]]:
    return [{"URL": f"https://live.example/{title}.jpg", "box": [1.0, 2.5], "title": title} for title in titles]


def person(name: str, *titles: str) -> dict[str, Any]:
    return {"name": name, "profilePic": None, "foundPics": found(*titles)}


def names(index: Path) -> list[str]:
    return [one["name"] for one in json.loads(embedded(index))["people"]]


def handed_over(file: Path) -> tuple[str, Any]:
    """(key, pictures) of the call that a file of pictures is."""
    call = re.fullmatch(r'facejoinPictures\("(.*)", (\[.*\])\);\n', file.read_text(encoding="utf-8"), re.DOTALL)
    assert call
    return call[1], json.loads(call[2])


def embedded(index: Path, name: str = "results") -> str:
    page = index.read_text(encoding="utf-8")
    found = re.search(rf'<script id="{name}" type="application/json">(.*?)</script>', page, re.DOTALL)
    assert found
    return found[1]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_a_site_is_five_files_and_nothing_is_left_beside_them(tmp_path: Path) -> None:
    index = write_site(tmp_path / "new" / "site", PEOPLE, MATCHES)
    assert index == tmp_path / "new" / "site" / "index.html"
    assert sorted(contents(index.parent)) == FILES


def test_the_json_files_hold_what_was_given_in_its_order(tmp_path: Path) -> None:
    people = [{"name": "Zoe", "profilePic": None, "foundPics": []}, *PEOPLE]
    write_site(tmp_path, people, MATCHES)
    assert json.loads((tmp_path / "results.json").read_text(encoding="utf-8")) == people
    assert json.loads((tmp_path / "matches.json").read_text(encoding="utf-8")) == MATCHES


def test_the_json_files_are_readable_utf8_with_a_newline_at_the_end(tmp_path: Path) -> None:
    write_site(tmp_path, PEOPLE, MATCHES)
    text = (tmp_path / "results.json").read_bytes().decode("utf-8")
    assert '\n  "name": "José_Saramago",\n' in text
    assert text.endswith("]\n")


def test_the_json_files_are_laid_out_as_pythons_own_with_one_blank_a_level(tmp_path: Path) -> None:
    people = [person("Ann"), person("Bob", "one"), person("Zoë", *map(str, range(PICTURES + 1)))]
    matches = [MATCHES[0], MATCHES[0] | {"person": "Zoë"}]
    write_site(tmp_path, people, matches)
    for name, rows in (("results.json", people), ("matches.json", matches)):
        assert (tmp_path / name).read_text(encoding="utf-8") == json.dumps(rows, indent=1, ensure_ascii=False) + "\n"


def test_the_page_itself_knows_names_and_numbers_alone(tmp_path: Path) -> None:
    results = json.loads(embedded(write_site(tmp_path, [*PEOPLE, person("Ann", "one", "two")], [])))
    assert results["people"] == [
        {"name": "José_Saramago", "profilePic": None, "matches": 0, "placed": 0, "warning": None},
        {"name": "Ann", "profilePic": None, "matches": 2, "placed": 0, "warning": None},
    ]
    assert (tmp_path / results["folder"]).is_dir()


def test_pictures_lie_in_files_by_number_each_with_some_hundreds(tmp_path: Path) -> None:
    titles = [str(number) for number in range(2 * PICTURES + 1)]
    index = write_site(tmp_path, [*PEOPLE, person("Ann", *titles), person("../Bob", "one")], [])
    folder = tmp_path / json.loads(embedded(index))["folder"]
    files = {path.relative_to(folder).as_posix(): handed_over(path) for path in folder.rglob("*.js")}
    assert {name: (key, len(pictures)) for name, (key, pictures) in files.items()} == {
        "1/0.js": ("1/0", PICTURES), "1/1.js": ("1/1", PICTURES), "1/2.js": ("1/2", 1), "2/0.js": ("2/0", 1),
    }  # fmt: skip
    assert [picture["title"] for n in range(3) for picture in files[f"1/{n}.js"][1]] == titles
    assert picture_files(tmp_path) == 4


def test_pictures_of_people_who_are_gone_go_with_them(tmp_path: Path) -> None:
    write_site(tmp_path, [person("Ann", "one"), person("Bob", *map(str, range(PICTURES + 1)))], [])
    index = write_site(tmp_path, [person("Ann", "one")], [])
    assert picture_files(tmp_path) == 1
    [folder] = (tmp_path / "pictures").iterdir()
    assert folder == tmp_path / json.loads(embedded(index))["folder"]
    write_site(tmp_path, PEOPLE, [])
    assert sorted(contents(tmp_path)) == FILES


def test_pictures_that_are_there_already_are_written_again(tmp_path: Path) -> None:
    people = [person("Ann", "one"), person("Bob", "two")]
    write_site(tmp_path, people, [])
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.js")}
    [ann, _] = sorted(tmp_path.glob("pictures/*/*/*.js"))
    ann.unlink()
    write_site(tmp_path, people, [])
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.js")} == before


def test_what_a_killed_run_has_left_goes_with_the_next(tmp_path: Path) -> None:
    (tmp_path / ".site-killed/pictures/0").mkdir(parents=True)
    (tmp_path / ".site-killed/pictures/0/0.js").write_text("somebody")
    write_site(tmp_path, PEOPLE, MATCHES)
    assert sorted(contents(tmp_path)) == FILES


def test_the_same_results_make_the_same_bytes(tmp_path: Path) -> None:
    write_site(tmp_path / "a", PEOPLE, MATCHES)
    write_site(tmp_path / "b", PEOPLE, MATCHES)
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


@pytest.mark.parametrize(
    "text", ["</script><script>x</script>", "<!--<script>", "a & b > c", "line\u2028para\u2029", "\\u003c"]
)
def test_text_cannot_leave_its_script_element_and_comes_back_whole(text: str) -> None:
    escaped = json_for_html([text])
    assert not set(escaped) & set("<>&\u2028\u2029")
    assert json.loads(escaped) == [text]


def test_a_name_that_looks_like_the_template_is_only_a_name(tmp_path: Path) -> None:
    name = '<script id="results" type="application/json">{}</script>'
    assert names(write_site(tmp_path, [person(name)], [])) == [name]


def test_figures_lie_in_their_folder_and_the_page_knows_all_but_their_lines(tmp_path: Path) -> None:
    index = write_site(tmp_path, PEOPLE, MATCHES, FIGURES)
    assert (tmp_path / "figures/one.svg").read_text(encoding="utf-8") == "<svg>Zoë</svg>"
    assert json.loads(embedded(index, "drawn")) == [
        {"file": "figures/one.svg", "title": "One", "alt": "A bar", "caption": "Of <one>"}
    ]
    assert names(index) == ["José_Saramago"]


def test_a_lone_surrogate_does_not_keep_the_rest_from_being_published(tmp_path: Path) -> None:
    write_site(tmp_path, [{"name": "Ann\ud800", "profilePic": None, "foundPics": []}], [])
    assert json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))[0]["name"] == "Ann?"


def test_a_new_site_replaces_the_old_and_keeps_other_files(tmp_path: Path) -> None:
    write_site(tmp_path, [{"name": "Old", "profilePic": None, "foundPics": []}], MATCHES)
    (tmp_path / "figure.png").write_bytes(b"kept")
    index = write_site(tmp_path, PEOPLE, [])
    assert names(index) == ["José_Saramago"]
    assert (tmp_path / "matches.json").read_text(encoding="utf-8") == "[]\n"
    assert (tmp_path / "figure.png").read_bytes() == b"kept"


def test_pictures_that_cannot_be_had_leave_the_old_site_as_it_was(tmp_path: Path) -> None:
    write_site(tmp_path, PEOPLE, MATCHES)
    before = contents(tmp_path)

    def broken() -> Iterator[bytes]:
        yield b"   {}"
        raise OSError("an executor is gone")

    with pytest.raises(OSError, match="an executor is gone"):
        write(tmp_path, [Person("Ann", None, 2, 0, broken())], [])
    assert contents(tmp_path) == before


def test_an_interrupted_write_leaves_the_old_page_and_no_litter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = write_site(tmp_path, PEOPLE, MATCHES)
    replace = os.replace

    def stop_at_the_page(source: Path, target: Path) -> None:
        if target.name == "index.html":
            raise KeyboardInterrupt
        replace(source, target)

    monkeypatch.setattr(os, "replace", stop_at_the_page)
    with pytest.raises(KeyboardInterrupt):
        write_site(tmp_path, [], [])
    assert names(index) == ["José_Saramago"]
    assert sorted(contents(tmp_path)) == FILES


def test_others_may_read_the_files_as_far_as_the_umask_allows(tmp_path: Path) -> None:
    old = os.umask(0o022)
    try:
        write_site(tmp_path, PEOPLE, MATCHES)
    finally:
        os.umask(old)
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o644}
