"""Varied photos out of a few: crops, scales, mirrors, light, and several people in one picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from PIL import Image, ImageEnhance, ImageFilter, ImageOps

Box = tuple[int, int, int, int]  # x1, y1, x2, y2 in pixels
LONG_SIDE = (500, 1024)  # pixels, Flickr's medium to large
MIN_FACE = 44  # pixels across
GROUP_SIZE = (1024, 683)  # pixels
FACES_HIGH = (1.7, 6.0)  # heights of the face in a crop: a close-up, head to knee
ASPECTS = (2 / 3, 3 / 4, 1, 4 / 3)  # width over height
FACE_MARGIN = 0.25  # of the face's side, kept around it by every crop


@dataclass(frozen=True)
class Portrait:
    """A photo of one person, and where the face is in it."""

    person: str
    photo: Image.Image
    face: Box


def varied_portrait(portrait: Portrait, rng: Random) -> Image.Image:
    """A crop that keeps the face, between a close-up and all that there is, at a new size and in another light."""
    faces_high, aspect = rng.uniform(*FACES_HIGH), rng.choice(ASPECTS)
    crop = portrait.photo.crop(window_around(portrait, faces_high, aspect, rng))
    face_width = portrait.face[2] - portrait.face[0]
    scale = max(rng.randint(*LONG_SIDE) / max(crop.size), MIN_FACE / face_width)
    return varied_look(_scaled(crop, scale), rng)


def varied_scene(photo: Image.Image, rng: Random) -> Image.Image:
    """A crop of at least 60 % of each side, at a new size and in another light."""
    width, height = (round(side * rng.uniform(0.6, 1)) for side in photo.size)
    left, top = rng.randint(0, photo.width - width), rng.randint(0, photo.height - height)
    crop = photo.crop((left, top, left + width, top + height))
    return varied_look(_scaled(crop, rng.randint(*LONG_SIDE) / max(crop.size)), rng)


def group_photo(people: Sequence[Portrait], scene: Image.Image, rng: Random) -> Image.Image:
    """Head and shoulders of each of `people`, side by side like prints on a wall that shows `scene`."""
    wall = ImageOps.fit(scene, GROUP_SIZE)
    column = wall.width // len(people)
    for place, portrait in enumerate(people):
        head = portrait.photo.crop(window_around(portrait, rng.uniform(1.8, 2.6), 3 / 4, rng))
        height = rng.randint(160, round(column / 0.8))
        head = varied_look(ImageOps.contain(head, (column - 20, min(height, wall.height - 20))), rng)
        left = place * column + rng.randint(0, column - head.width)
        wall.paste(head, (left, rng.randint(0, wall.height - head.height)))
    return wall


def varied_look(photo: Image.Image, rng: Random) -> Image.Image:
    """Half of the photos mirrored, all in another light, one in five out of focus."""
    if rng.random() < 0.5:
        photo = ImageOps.mirror(photo)
    photo = ImageEnhance.Brightness(photo).enhance(rng.uniform(0.4, 1.6))
    photo = ImageEnhance.Contrast(photo).enhance(rng.uniform(0.75, 1.25))
    photo = ImageEnhance.Color(photo).enhance(rng.uniform(0.2, 1.3))
    if rng.random() < 0.2:
        photo = photo.filter(ImageFilter.GaussianBlur(rng.uniform(0.5, 2)))
    return photo


def window_around(portrait: Portrait, faces_high: float, aspect: float, rng: Random) -> Box:
    """A window `faces_high` times the face's height and `aspect` times as wide, as far as the photo reaches.

    It lies at random around the face, and keeps a margin to it where the photo has one.
    """
    x1, y1, x2, y2 = portrait.face
    height = faces_high * (y2 - y1)
    left, right = _span(x1, x2, height * aspect, portrait.photo.width, rng)
    top, bottom = _span(y1, y2, height, portrait.photo.height, rng)
    return left, top, right, bottom


def _span(start: int, end: int, length: float, limit: int, rng: Random) -> tuple[int, int]:
    """A random stretch of about `length` within 0 and `limit` that holds `start` to `end` and a margin."""
    margin = FACE_MARGIN * (end - start)
    low, high = max(0, round(start - margin)), min(limit, round(end + margin))  # what must be inside
    length = min(max(round(length), high - low), limit)
    first = rng.randint(max(0, high - length), min(low, limit - length))
    return first, first + length


def _scaled(photo: Image.Image, scale: float) -> Image.Image:
    size = (max(1, round(photo.width * scale)), max(1, round(photo.height * scale)))
    return photo.resize(size, Image.Resampling.LANCZOS)
