"""How a collection is made: photo by photo in a folder beside its place, then moved there whole."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from urllib.parse import urlsplit

from facejoin.conf.settings import SettingsError
from facejoin.demo.collection import TRUTH_FILE, Collection, load_collection, save_collection
from facejoin.demo.photo_list import PhotoRow, write_photo_list
from facejoin.demo.photo_metadata import invent_row

FIRST_PHOTO_ID = 4_000_000_000


@dataclass
class Draft:
    """A collection while it is being made, in a folder of its own."""

    folder: Path
    port: int
    rng: Random
    rows: list[PhotoRow] = field(default_factory=list)
    truth: dict[int, list[str]] = field(default_factory=dict)
    unknown: list[int] = field(default_factory=list)
    fault_statuses: dict[int, str] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def new_row(self, suffix: str) -> PhotoRow:
        """Metadata for one more photo; it is in the list only once added."""
        photo_id = FIRST_PHOTO_ID + len(self.rows) * 7919 + self.rng.randint(0, 7918)
        return invent_row(self.rng, photo_id, self.origin, suffix)

    def file_of(self, row: PhotoRow) -> Path:
        """Where the server looks for the row's photo; the folder exists afterwards."""
        path = self.folder / "photos" / urlsplit(row.download_url).path.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def add_photo(self, suffix: str, people: Sequence[str]) -> Path:
        """One more photo, of these people of the gallery; returns where to write it."""
        row = self.new_row(suffix)
        self.rows.append(row)
        if people:
            self.truth[row.photo_id] = sorted(people)
        else:
            self.unknown.append(row.photo_id)
        return self.file_of(row)

    def add_fault(self, row: PhotoRow, status: str, fault: str | None = None) -> None:
        """A row that must end as `status`; with `fault`, because the server answers so."""
        self.rows.append(row)
        self.fault_statuses[row.photo_id] = status
        if fault:
            self.faults[urlsplit(row.download_url).path] = fault


def make_once(folder: Path, port: int, made_from: str, fill: Callable[[Draft], None]) -> Collection:
    """The collection in `folder`, made by `fill` unless it is there already; then it keeps the port of its lists.

    It is made beside its place and moved there whole. Raises SettingsError where `folder` holds something else.
    """
    if (folder / TRUTH_FILE).exists():
        return _the_same(load_collection(folder), made_from)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise SettingsError(f"{folder} holds something other than a demo's collection: name an empty or new folder")
    partial = folder.with_name(f"{folder.name}.partial")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        draft = Draft(partial, port, Random(made_from))
        fill(draft)
        _write(draft, made_from)
        if folder.exists():
            folder.rmdir()
        partial.rename(folder)
    except OSError as error:
        raise SettingsError(f"cannot make the demo's collection in {folder}: {error}") from error
    return load_collection(folder)


def _the_same(collection: Collection, made_from: str) -> Collection:
    if collection.made_from != made_from:
        raise SettingsError(
            f"{collection.folder} holds a collection made from {collection.made_from}, not from {made_from}: "
            "delete it or name another folder"
        )
    return collection


def _write(draft: Draft, made_from: str) -> None:
    collection = Collection(
        folder=draft.folder,
        port=draft.port,
        made_from=made_from,
        truth=draft.truth,
        unknown=draft.unknown,
        fault_statuses=draft.fault_statuses,
        faults=draft.faults,
    )
    rows = draft.rng.sample(draft.rows, len(draft.rows))
    write_photo_list(collection.lists[0], rows[0::2], layout=23)
    write_photo_list(collection.lists[1], rows[1::2], layout=25)
    save_collection(collection)
