"""What a photo's EXIF block says of the camera; what is not kept is not read.

The block comes from the open web, and is a TIFF in itself: a header, then directories of fields. Pillow would make
objects of all that a directory holds, a million fractions if it holds them. Here two directories are looked through for
six fields, and of each no more is read than may be kept: places, names, serial numbers, comments and thumbnails stay in
the file. Layout and tags: Exif 3.0 (CIPA DC-008), 4.6.
"""

from __future__ import annotations

import struct
from codecs import getincrementaldecoder
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import IO

from facejoin.conf.settings import YEARS

TEXT_BYTES = 128  # honest names have 50: "iPhone 15 Pro Max back triple camera 6.765mm f/1.78"; what is longer is cut
BYTE_ORDERS = {b"II*\0": "<", b"MM\0*": ">"}  # by the header's first bytes, as struct spells them
MAKE, MODEL, SOFTWARE = 0x010F, 0x0110, 0x0131
CAMERA = 0x8769  # where the second directory is, in which the next ones stand
LENS, ORIGINAL, DIGITIZED = 0xA434, 0x9003, 0x9004  # the last is when it became a file: in a digital camera, at once
KEPT = (MAKE, MODEL, SOFTWARE, CAMERA, LENS, ORIGINAL, DIGITIZED)
TEXTS = (2, 129)  # types of fields: ASCII, in which many write UTF-8, and UTF-8

Field = tuple[int, int, bytes]  # type, how many values, and the 4 bytes that are the value or say where it lies


@dataclass(frozen=True)
class Exif:
    """None is what the file does not say, or not readably. Texts are untrusted."""

    make: str | None = None
    model: str | None = None
    lens: str | None = None
    software: str | None = None
    taken: datetime | None = None  # camera's clock, read as UTC


def read_exif(block: IO[bytes]) -> Exif | None:
    """Of a block that begins with its TIFF header; None where it says nothing. No bytes make it raise.

    >>> read_exif(io.BytesIO(exif_block))
    Exif(make='NIKON CORPORATION', model='NIKON D90', lens=None, software=None, taken=None)
    """
    block.seek(0)
    order = BYTE_ORDERS.get(block.read(4))
    if order is None:
        return None
    fields = _directory(block, order, block.read(4))
    fields |= _directory(block, order, fields[CAMERA][2]) if CAMERA in fields else {}
    text = {tag: _text(block, order, field) for tag, field in fields.items()}
    make, model, lens, software = (text.get(tag) for tag in (MAKE, MODEL, LENS, SOFTWARE))
    found = Exif(make, model, lens, software, _time(text.get(ORIGINAL)) or _time(text.get(DIGITIZED)))
    return None if found == Exif() else found


def _directory(block: IO[bytes], order: str, place: bytes) -> dict[int, Field]:
    """tag → field, of those that are kept; of a directory that is cut off, what is whole."""
    block.seek(_number(order, place))
    entries = block.read(12 * _number(order, block.read(2)))
    whole = entries[: len(entries) // 12 * 12]
    return {tag: (*field,) for tag, *field in struct.iter_unpack(f"{order}HHI4s", whole) if tag in KEPT}


def _text(block: IO[bytes], order: str, field: Field) -> str | None:
    """Up to the first NUL, in one line; None where it is no text, not UTF-8, blank, or beyond the block's end."""
    kind, length, value = field
    if kind not in TEXTS:
        return None
    length = min(length, TEXT_BYTES)
    if length > len(value):
        block.seek(_number(order, value))
        value = block.read(length)
    if len(value) < length:
        return None
    raw = value[:length].partition(b"\0")[0]
    try:  # the cut may have left half of a character, which is dropped
        text = getincrementaldecoder("utf-8")().decode(raw, final=len(raw) < TEXT_BYTES)
    except UnicodeDecodeError:
        return None
    return " ".join("".join(c if c.isprintable() else " " for c in text).split()) or None


def _time(text: str | None) -> datetime | None:
    """Fractions of seconds and the zone that some write behind it are left out: the clock counts."""
    with suppress(ValueError):
        time = datetime.strptime((text or "")[:19], "%Y:%m:%d %H:%M:%S").replace(tzinfo=UTC)
        return time if YEARS[0] <= time.year <= YEARS[1] else None
    return None


def _number(order: str, data: bytes) -> int:
    """0 where the file ended before it."""
    return int.from_bytes(data, "little" if order == "<" else "big")
