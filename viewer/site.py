"""Writes the results page: the static files of this folder, with the results and figures beside and inside them.

The page itself knows each person's name and numbers. Pictures lie in files of some hundreds, which it loads when they
are to be seen: as scripts, for a page that is opened as a file may load nothing else."""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

EMPTY = '<script id="{}" type="application/json">{}</script>'
UNSAFE_IN_HTML = {ord(c): f"\\u{ord(c):04x}" for c in "<>&\u2028\u2029"}
PICTURES = "pictures"  # folder below the site
DRAFT = ".site-"  # how the folder's name begins in which everything is made


@dataclass(frozen=True)
class Person:
    name: str
    profile_picture: str | None  # address
    matches: int
    placed: int  # of these, with a place
    pictures: Iterable[bytes] = ()  # a file of the page each, by rank: JSON objects in UTF-8, commas between them
    warning: str | None = None


def write_site(
    folder: Path, people: Iterable[Person], matches: Iterable[bytes], figures: Sequence[dict[str, str]] = ()
) -> Path:
    """Write the page into `folder`, made if need be, and return the path of its index.html. However many pictures there
    are, one file's are in memory at a time.

    people: in the order of the page's sidebar; the pictures of one are read before the next one is asked for.
    matches: pieces of matches.json: JSON objects in UTF-8, commas between them.
    figures: `{"file", "title", "alt", "caption", "svg"}` each, `file` below the folder.

    Everything is made before the first file is replaced, and index.html is replaced last: an interrupted run leaves the
    old page or the new one. Its pictures lie in a folder named after their content; the old page's are then removed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with _draft(folder) as draft:
        _write(draft / "matches.json", _file([piece] for piece in matches))
        pictures, shown = _PictureFiles(draft / PICTURES), list[dict[str, Any]]()
        _write(draft / "results.json", _file(_results(people, pictures, shown)))
        drawn = [{name: figure[name] for name in figure if name != "svg"} for figure in figures]
        texts = {name: _static(name) for name in ("style.css", "viewer.js")}
        texts |= {figure["file"]: figure["svg"] for figure in figures}
        texts["index.html"] = _index({"folder": f"{PICTURES}/{pictures.digest}", "people": shown}, drawn)
        for name, text in texts.items():
            (draft / name).parent.mkdir(exist_ok=True)
            (draft / name).write_bytes(_utf8(text))
        pictures.move_to(folder / PICTURES)
        for name in ("matches.json", "results.json", *texts):
            (folder / name).parent.mkdir(exist_ok=True)
            os.replace(draft / name, folder / name)
    _keep_only(folder / PICTURES, pictures.digest)
    return folder / "index.html"


def picture_files(folder: Path) -> int:
    """How many the page in `folder` has."""
    return sum(1 for _ in (folder / PICTURES).glob("*/*/*.js"))


def json_for_html(value: Any) -> str:
    """Compact JSON that no HTML parser can take for markup: it may stand inside a script element."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.translate(UNSAFE_IN_HTML)  # these characters occur only within JSON's strings


class _PictureFiles:
    """<folder>/<number of the person>/<number of the file>.js"""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._content = hashlib.blake2b(digest_size=8)

    @property
    def digest(self) -> str:
        return self._content.hexdigest()

    def written(self, person: int, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """The same, each written to a file that hands its pictures to the page."""
        for number, piece in enumerate(pieces):
            key = f"{person}/{number}"
            path = self.folder / f"{key}.js"
            path.parent.mkdir(parents=True, exist_ok=True)
            _write(path, (f'facejoinPictures("{key}", [\n'.encode(), piece, b"\n]);\n"))
            self._content.update(f"{key}:{len(piece)}:".encode())
            self._content.update(piece)
            yield piece

    def move_to(self, home: Path) -> None:
        if not self.folder.exists():
            return
        home.mkdir(exist_ok=True)
        if (home / self.digest).exists():  # these pictures, though some may be missing
            os.replace(home / self.digest, self.folder.with_name("before"))
        os.replace(self.folder, home / self.digest)


def _results(people: Iterable[Person], files: _PictureFiles, shown: list[dict[str, Any]]) -> Iterator[Iterator[bytes]]:
    """People as results.json has them; `shown` is what the page itself knows of those that were written."""
    for number, person in enumerate(people):
        yield _result(person, files.written(number, person.pictures))
        of_page = {"name": person.name, "profilePic": person.profile_picture, "matches": person.matches}
        shown.append(of_page | {"placed": person.placed, "warning": person.warning})


def _result(person: Person, pictures: Iterable[bytes]) -> Iterator[bytes]:
    name, picture = (json.dumps(text, ensure_ascii=False) for text in (person.name, person.profile_picture))
    yield _utf8(f' {{\n  "name": {name},\n  "profilePic": {picture},\n  "foundPics": ')
    yield from _array(([piece] for piece in pictures), b"  ")
    yield b"\n }"


def _array(items: Iterable[Iterable[bytes]], indent: bytes = b"") -> Iterator[bytes]:
    """JSON as json.dumps(…, indent=1) has it; the items are indented already."""
    yield b"["
    empty = True
    for item in items:
        yield b"\n" if empty else b",\n"
        yield from item
        empty = False
    yield b"]" if empty else b"\n" + indent + b"]"


def _file(items: Iterable[Iterable[bytes]]) -> Iterator[bytes]:
    yield from _array(items)
    yield b"\n"


def _index(results: dict[str, Any], figures: list[dict[str, str]]) -> str:
    page = _static("index.html")
    for name, empty, value in (("results", "{}", results), ("drawn", "[]", figures)):
        place = EMPTY.format(name, empty)  # stands nowhere else: no value has a "<" in it
        page = page.replace(place, EMPTY.format(name, json_for_html(value)))
    return page


def _static(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def _utf8(text: str) -> bytes:
    """A lone surrogate has none; one odd name is no reason to publish nothing."""
    return text.encode("utf-8", errors="replace")


def _write(path: Path, pieces: Iterable[bytes]) -> None:
    with path.open("wb") as file:
        file.writelines(pieces)


@contextmanager
def _draft(folder: Path) -> Iterator[Path]:
    """A folder on the same file system, so that a replace is atomic. Those that a killed run has left are removed."""
    for left in folder.glob(f"{DRAFT}*"):
        shutil.rmtree(left)
    with tempfile.TemporaryDirectory(prefix=DRAFT, dir=folder) as made:
        yield Path(made)


def _keep_only(home: Path, name: str) -> None:
    """Of the folders of pictures; without any there is no home."""
    if not home.exists():
        return
    for old in home.iterdir():
        if old.name != name:
            shutil.rmtree(old)
    if not any(home.iterdir()):
        home.rmdir()
