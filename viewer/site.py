"""Writes the results page: the static files of this folder, with the results and figures beside and inside them."""

import json
import os
import tempfile
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

EMPTY = '<script id="{}" type="application/json">[]</script>'
UNSAFE_IN_HTML = {ord(c): f"\\u{ord(c):04x}" for c in "<>&\u2028\u2029"}


def write_site(
    folder: Path,
    people: Sequence[dict[str, Any]],
    matches: Sequence[dict[str, Any]],
    figures: Sequence[dict[str, str]] = (),
) -> Path:
    """Write the page into `folder`, made if need be, and return the path of its index.html.

    people: `{"name", "profilePic", "foundPics": [...]}` each, in the order of the page's sidebar, `foundPics` by rank.
    matches: `{"url", "person", "conf"}` each.
    figures: `{"file", "title", "alt", "caption", "svg"}` each, `file` below the folder.
    All are written in the order given.

    Everything is made before the first file is replaced, and index.html, which holds the results that the page shows,
    is replaced last: an interrupted run leaves the old page or the new one. Raises ValueError for NaN or infinity,
    which JSON cannot hold, before anything is written.
    """
    files = {
        "style.css": _static("style.css"),
        "viewer.js": _static("viewer.js"),
        "matches.json": _json_file(matches),
        "results.json": _json_file(people),
        **{figure["file"]: figure["svg"] for figure in figures},
        "index.html": _index(people, [{name: figure[name] for name in figure if name != "svg"} for figure in figures]),
    }
    folder.mkdir(parents=True, exist_ok=True)
    _replace_files(folder, files)
    return folder / "index.html"


def json_for_html(value: Any) -> str:
    """Compact JSON that no HTML parser can take for markup: it may stand inside a script element."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.translate(UNSAFE_IN_HTML)  # these characters occur only within JSON's strings


def _index(people: Sequence[dict[str, Any]], figures: Sequence[dict[str, str]]) -> str:
    page = _static("index.html")
    for name, rows in (("results", people), ("drawn", figures)):
        empty = EMPTY.format(name)  # stands nowhere else: no value has a "<" in it
        page = page.replace(empty, empty.replace("[]", json_for_html(list(rows))))
    return page


def _json_file(rows: Sequence[dict[str, Any]]) -> str:
    return json.dumps(list(rows), ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def _static(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def _replace_files(folder: Path, files: dict[str, str]) -> None:
    with tempfile.TemporaryDirectory(prefix=".site-", dir=folder) as made:  # same file system: a replace is atomic
        for name, text in files.items():
            # A lone surrogate has no UTF-8; one odd title is no reason to publish nothing.
            (Path(made) / name).parent.mkdir(exist_ok=True)
            (Path(made) / name).write_bytes(text.encode("utf-8", errors="replace"))
        for name in files:
            (folder / name).parent.mkdir(exist_ok=True)
            os.replace(Path(made) / name, folder / name)
