"""The demo's own collection: about 300 photos of three public figures, and of no one, made from the samples.

Of Barack Obama one photo is enrolled and the collection is made from two others. Of Joe Biden and Eileen Collins the
samples have one photo each: it is enrolled, and the collection holds varied versions of the same photo. So the demo
shows that every part works; how well faces of different photos are recognised is measured on a real set of photos.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from random import Random

from PIL import Image

from facejoin.demo.collection import Collection
from facejoin.demo.draft import Draft, make_once
from facejoin.demo.encodings import ODD_ENCODINGS, Encoder, jpeg
from facejoin.demo.faults import inject_faults
from facejoin.demo.samples import SCENES, Samples
from facejoin.demo.variations import Box, Portrait, group_photo, varied_portrait, varied_scene

MADE_FROM = "the samples, version 1"  # a change of the photos needs a new version
ENROLLED = {"Barack_Obama": "obama.jpg", "Joe_Biden": "biden.jpg", "Eileen_Collins": "astronaut.png"}
SEEN: dict[str, dict[str, Box]] = {  # person → photo of the collection → the face in it
    "Barack_Obama": {"obama2.jpg": (190, 213, 472, 638), "obama3.jpg": (634, 249, 914, 612)},
    "Joe_Biden": {"biden.jpg": (427, 167, 713, 560)},
    "Eileen_Collins": {"astronaut.png": (181, 62, 267, 172)},
}
PORTRAITS_PER_PERSON = 46
GROUPS = 50
SCENE_PHOTOS = 72
ODD_PORTRAITS = 3  # of each odd encoding: one of each person
ODD_SCENES = 1  # of each odd encoding


def make_sample_collection(samples: Samples, folder: Path, port: int) -> Collection:
    """The demo's collection in `folder`, for a server on `port`; one that is there already is taken as it is."""
    return make_once(Path(folder), port, MADE_FROM, partial(_fill, samples=samples))


def _fill(draft: Draft, samples: Samples) -> None:
    portraits = {
        person: [Portrait(person, _open(samples, name), face) for name, face in photos.items()]
        for person, photos in SEEN.items()
    }
    scenes = [_open(samples, name) for name in SCENES]
    _enrol(draft, samples)
    for person, photos in portraits.items():
        for number in range(PORTRAITS_PER_PERSON):
            _add(draft, varied_portrait(photos[number % len(photos)], draft.rng), [person])
    _add_groups(draft, portraits, scenes)
    for number in range(SCENE_PHOTOS):
        _add(draft, varied_scene(scenes[number % len(scenes)], draft.rng), [])
    _add_odd_encodings(draft, portraits, scenes)
    inject_faults(draft, list((draft.folder / "photos").rglob("*.jpg")))


def _enrol(draft: Draft, samples: Samples) -> None:
    for person, name in ENROLLED.items():
        target = draft.folder / "gallery" / person / f"{Path(name).stem}.jpg"
        target.parent.mkdir(parents=True)
        _open(samples, name).save(target, quality=95)


def _add_groups(draft: Draft, portraits: dict[str, list[Portrait]], scenes: list[Image.Image]) -> None:
    for _ in range(GROUPS):
        people = draft.rng.sample(sorted(portraits), draft.rng.choice((2, 2, 3)))
        seen = [draft.rng.choice(portraits[person]) for person in people]
        _add(draft, group_photo(seen, draft.rng.choice(scenes), draft.rng), people)


def _add_odd_encodings(draft: Draft, portraits: dict[str, list[Portrait]], scenes: list[Image.Image]) -> None:
    for suffix, encoder in ODD_ENCODINGS:
        for person, photos in portraits.items():
            _add(draft, varied_portrait(draft.rng.choice(photos), draft.rng), [person], suffix, encoder)
        _add(draft, varied_scene(draft.rng.choice(scenes), draft.rng), [], suffix, encoder)


def _add(draft: Draft, photo: Image.Image, people: list[str], suffix: str = ".jpg", encoder: Encoder = jpeg) -> None:
    draft.add_photo(suffix, people).write_bytes(encoder(photo, Random(draft.rng.getrandbits(32))))


def _open(samples: Samples, name: str) -> Image.Image:
    with Image.open(samples.path(name)) as photo:
        return photo.convert("RGB")
