"""What the demo's tests share: photos made on the spot, and a reader of the photo lists that knows only columns."""

import bz2
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import Image


@pytest.fixture(scope="session")
def make_photo():
    return write_noise


@pytest.fixture(scope="session")
def listed():
    return listed_photos


def write_noise(path, width=64, height=48, seed=0):
    """A photo of coarse noise: no face, and too rich to become a small file."""
    coarse = np.random.default_rng(seed).integers(0, 256, (height // 4 + 1, width // 4 + 1, 3), dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(coarse).resize((width, height)).save(path)
    return path


def listed_photos(collection):
    """photo id → (URL, marker, the file that the server has for it), of both lists, with every column counted."""
    photos = {}
    for path, columns, offset in zip(collection.lists, (23, 25), (0, 2), strict=True):
        for line in bz2.decompress(path.read_bytes()).decode().removesuffix("\n").split("\n"):
            fields = line.split("\t")
            assert len(fields) == columns
            url, photo_id = fields[14 + offset], int(fields[1 if offset else 0])
            assert photo_id not in photos
            photos[photo_id] = (url, fields[22 + offset], collection.photos / urlsplit(url).path.lstrip("/"))
    return photos
