"""A collection out of a folder of labelled photos: known/Person_Name/*.jpg and unknown/Person_Name/*.jpg."""

from __future__ import annotations

import hashlib
from functools import partial
from pathlib import Path
from random import Random

from facejoin.conf.settings import SettingsError
from facejoin.demo.collection import Collection
from facejoin.demo.draft import Draft, make_once
from facejoin.demo.faults import inject_faults, link_or_copy

SUFFIXES = (".jpg", ".jpeg", ".png", ".gif")

People = dict[str, list[Path]]  # person → photos


def make_collection_of(
    photos: Path, folder: Path, port: int, known: int | None = None, unknown: int | None = None, seed: int = 0
) -> Collection:
    """A collection in `folder` of the photos in `photos`, for a server on `port`.

    Half of each known person's photos, drawn with `seed`, is the gallery (of an odd number, the larger half). The
    other half and the photos of the unknown people are the collection. `known` and `unknown` take that many people,
    the first by name. The photos are hard links where that works. A collection that is there already, of the same
    photos, is taken as it is. Raises SettingsError where `photos` is not such a folder.
    """
    people = _people(Path(photos) / "known", known)
    others = _people(Path(photos) / "unknown", unknown) if (Path(photos) / "unknown").is_dir() else {}
    _refuse_unusable(Path(photos), people)
    made_from = f"{len(people)} known and {len(others)} unknown people, seed {seed}, photos {_digest(people, others)}"
    return make_once(Path(folder), port, made_from, partial(_fill, people=people, others=others, seed=seed))


def _people(folder: Path, limit: int | None) -> People:
    if limit is not None and limit < 0:
        raise SettingsError(f"expected a number of {folder.name} people of 0 or more, got {limit}")
    if not folder.is_dir():
        raise SettingsError(f"expected a folder {folder} with one folder of photos for each person, found none")
    people = sorted(path for path in folder.iterdir() if path.is_dir())[:limit]
    return {person.name: _photos(person) for person in people}


def _photos(person: Path) -> list[Path]:
    photos = sorted(path for path in person.iterdir() if path.suffix.lower() in SUFFIXES and path.is_file())
    if not photos:
        raise SettingsError(f"no photo ({', '.join(SUFFIXES)}) in {person}")
    return photos


def _refuse_unusable(photos: Path, people: People) -> None:
    if not people:
        raise SettingsError(f"no person in {photos / 'known'}: expected at least one folder of photos")
    for name, own in people.items():
        if len(own) < 2:
            raise SettingsError(f"one photo of {name} in {photos / 'known'}: expected two, one of them to enrol")


def _digest(people: People, others: People) -> str:
    """Tells sets of photos apart by their names and sizes."""
    files = [path for group in (people, others) for own in group.values() for path in own]
    described = "\n".join(f"{path.parent.name}/{path.name} {path.stat().st_size}" for path in files)
    return hashlib.sha256(described.encode()).hexdigest()[:12]


def _fill(draft: Draft, people: People, others: People, seed: int) -> None:
    donors = []
    for name, photos in people.items():
        enrolled, probes = _halves(photos, Random(f"{seed} {name}"))
        for photo in enrolled:
            link_or_copy(photo, draft.folder / "gallery" / name / photo.name)
        donors += [_add(draft, photo, [name]) for photo in probes]
    strangers = [_add(draft, photo, []) for photos in others.values() for photo in photos]
    inject_faults(draft, strangers or donors)


def _halves(photos: list[Path], rng: Random) -> tuple[list[Path], list[Path]]:
    shuffled = rng.sample(photos, len(photos))
    middle = (len(photos) + 1) // 2
    return shuffled[:middle], shuffled[middle:]


def _add(draft: Draft, photo: Path, people: list[str]) -> Path:
    target = draft.add_photo(photo.suffix.lower(), people)
    link_or_copy(photo, target)
    return target
