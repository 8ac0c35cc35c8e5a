"""What write_site leaves in a folder; what a browser makes of it is in test_page.py."""

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from facejoin.viewer.site import json_for_html, write_site

PEOPLE: list[dict[str, Any]] = [{"name": "José_Saramago", "profilePic": None, "foundPics": []}]
FIGURES = [{"file": "figures/one.svg", "title": "One", "alt": "A bar", "caption": "Of <one>", "svg": "<svg>Zoë</svg>"}]
MATCHES = [{"url": "https://live.example/1.jpg", "person": "José_Saramago", "conf": 0.5}]
FILES = ["index.html", "matches.json", "results.json", "style.css", "viewer.js"]


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


def test_the_page_holds_the_same_results_as_results_json(tmp_path: Path) -> None:
    index = write_site(tmp_path, PEOPLE, MATCHES)
    assert json.loads(embedded(index)) == PEOPLE


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
    people: list[dict[str, Any]] = [
        {"name": '<script id="results" type="application/json">[]</script>', "profilePic": None, "foundPics": []}
    ]
    assert json.loads(embedded(write_site(tmp_path, people, []))) == people


def test_figures_lie_in_their_folder_and_the_page_knows_all_but_their_lines(tmp_path: Path) -> None:
    index = write_site(tmp_path, PEOPLE, MATCHES, FIGURES)
    assert (tmp_path / "figures/one.svg").read_text(encoding="utf-8") == "<svg>Zoë</svg>"
    assert json.loads(embedded(index, "drawn")) == [
        {"file": "figures/one.svg", "title": "One", "alt": "A bar", "caption": "Of <one>"}
    ]
    assert json.loads(embedded(index)) == PEOPLE


def test_a_lone_surrogate_does_not_keep_the_rest_from_being_published(tmp_path: Path) -> None:
    write_site(tmp_path, [{"name": "Ann\ud800", "profilePic": None, "foundPics": []}], [])
    assert json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))[0]["name"] == "Ann?"


def test_a_new_site_replaces_the_old_and_keeps_other_files(tmp_path: Path) -> None:
    write_site(tmp_path, [{"name": "Old", "profilePic": None, "foundPics": []}], MATCHES)
    (tmp_path / "figure.png").write_bytes(b"kept")
    index = write_site(tmp_path, PEOPLE, [])
    assert json.loads(embedded(index)) == PEOPLE
    assert (tmp_path / "matches.json").read_text(encoding="utf-8") == "[]\n"
    assert (tmp_path / "figure.png").read_bytes() == b"kept"


def test_numbers_that_json_cannot_hold_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    write_site(tmp_path, PEOPLE, MATCHES)
    before = contents(tmp_path)
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_site(tmp_path, [], [{"url": "https://live.example/1.jpg", "person": "A", "conf": float("nan")}])
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
    assert json.loads(embedded(index)) == PEOPLE
    assert sorted(contents(tmp_path)) == FILES


def test_others_may_read_the_files_as_far_as_the_umask_allows(tmp_path: Path) -> None:
    old = os.umask(0o022)
    try:
        write_site(tmp_path, PEOPLE, MATCHES)
    finally:
        os.umask(old)
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o644}
