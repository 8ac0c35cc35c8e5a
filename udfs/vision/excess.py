"""Files that would cost a worker more than any photo needs, told from their bytes before a decoder sees them.

A decoder's work grows not with the pixels alone: each scan of a JPEG goes over all of them again, and Pillow, which
looks through the parts of a file in Python, takes microseconds and keeps an object for each. Here the same parts are
counted, up to limits that no camera or editor comes near.

Layouts: JPEG, ITU-T T.81, annex B; PNG, third edition, 5.3; GIF89a, 15 to 26.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

PARTS = 2_000  # segments of a JPEG before and between its scans; chunks of a PNG beside its pixels
PIXEL_CHUNKS = 100_000  # of a PNG: 32 MB are 4,000, as libpng writes them
GIF_BLOCKS = 100_000  # before the first picture: 25 MB where they are full
JUNK_BYTES = 2**16  # of a JPEG, before its first scan, that belong to no segment
EXIF_BYTES = 2**16  # of a JPEG; as many as one segment holds

MARKER = re.compile(rb"\xff+([^\x00\xff])")
MARKER_AMONG_PIXELS = re.compile(rb"\xff+([^\x00\xd0-\xd7\xff])")  # there FF 00 is a value, FF D0 to D7 a restart
ALONE = {0x01, 0xC8, *range(0xD0, 0xDA), *range(0xF0, 0xFE)}  # markers without a length, or that Pillow takes for such
UNUSUAL = ALONE | {0x00, 0xFF}  # the last two are none
SEGMENT = struct.Struct(">BBH")  # FF, marker, length
TABLES = {0xC4, 0xDB, 0xE0}  # of a header, and what most begin with
FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
PROGRESSIVE = (0xC2, 0xC6, 0xCA, 0xCE)
SCAN, APP1, END = 0xDA, 0xE1, 0xD9
BLOCK_BYTES = 128  # that a decoder holds of 8 × 8 values of one component, as 16 bits each

Segment = tuple[int, int, int]  # marker's second byte; where its length stands; the length, 0 of one that has none


class Excess(ValueError):
    """What a file has too much of."""


def check_excess(body: bytes, max_scans: int) -> int:
    """Bytes that a decoder holds of a JPEG from the first of several scans to the last; 0 of all else.

    Whatever the bytes are, it takes milliseconds for each megabyte at the most. Raises Excess.
    """
    if body.startswith(b"\xff\xd8\xff"):
        return _check_jpeg(body, max_scans)
    if body.startswith(b"\x89PNG\r\n\x1a\n"):
        _check_png(body)
    elif body.startswith((b"GIF87a", b"GIF89a")):
        _check_gif(body)
    return 0


def _check_jpeg(body: bytes, max_scans: int) -> int:
    exif, frame, progressive = 0, b"", False
    for marker, start, length in _segments_of_header(body):
        if marker in TABLES:
            continue
        if marker in FRAMES:
            frame, progressive = body[start + 2 : start + length], marker in PROGRESSIVE
        elif marker == APP1 and body.startswith(b"Exif\0\0", start + 2):
            exif += length
            if exif > EXIF_BYTES:
                raise Excess(f"JPEG of more than {EXIF_BYTES} bytes of EXIF")
        elif marker == SCAN:
            in_first_scan = _number(body, start + 2, 1)
            if not progressive and in_first_scan == _number(frame, 5, 1):
                return 0  # in one scan there is all; a decoder takes no second one
            _check_scans(body, start + length, max_scans)
            return _coefficients(frame)
    return 0


def _segments_of_header(body: bytes) -> Iterator[Segment]:
    """Up to the first scan, as Pillow goes through them. Raises Excess."""
    position, junk, last = 2, 0, len(body) - SEGMENT.size
    for _ in range(PARTS):
        if position <= last:
            first, marker, length = SEGMENT.unpack_from(body, position)
            if first == 0xFF and marker not in UNUSUAL:  # the quick way, for hardly any header has anything else
                yield marker, position + 2, length
                position += 2 + length
                continue
        found = MARKER.search(body, position)
        junk += (found.start(1) - 1 if found else len(body)) - position
        if junk > JUNK_BYTES:
            raise Excess(f"JPEG of more than {JUNK_BYTES} bytes between its segments")
        if found is None:
            return
        marker, position = found[1][0], found.end()
        if marker not in ALONE:
            length = _number(body, position, 2)
            yield marker, position, length
            position += length
    raise Excess(f"JPEG of more than {PARTS} segments")


def _check_scans(body: bytes, position: int, most: int) -> None:
    """position: the first scan's values. Raises Excess."""
    if body.count(b"\xff\xda", position) < most:  # with those of thumbnails, and chance ones in a film behind the photo
        return
    scans = 1
    for _ in range(PARTS + most):
        found = MARKER_AMONG_PIXELS.search(body, position)
        if found is None or found[1][0] == END:
            return
        scans += found[1][0] == SCAN
        if scans > most:
            raise Excess(f"JPEG of more than {most} scans")
        position = found.end() + _number(body, found.end(), 2)
    raise Excess(f"JPEG of more than {PARTS} segments between its scans")


def _coefficients(frame: bytes) -> int:
    """frame: precision, height, width, number of components, then of each its name, sampling and table."""
    height, width = _number(frame, 1, 2), _number(frame, 3, 2)
    sampling = [(max(byte >> 4, 1), max(byte & 15, 1)) for byte in frame[7::3]] or [(1, 1)]
    across, down = (max(factors) for factors in zip(*sampling, strict=True))
    units = -(-width // (8 * across)) * -(-height // (8 * down))
    return units * sum(x * y for x, y in sampling) * BLOCK_BYTES


def _check_png(body: bytes) -> None:
    position, pixel_chunks, others = 8, 0, 0
    while position < len(body):
        kind = body[position + 4 : position + 8]
        if kind in (b"IDAT", b"fdAT", b"fcTL"):
            pixel_chunks += 1
        else:
            others += 1
        if others > PARTS or pixel_chunks > PIXEL_CHUNKS:
            raise Excess(f"PNG of more than {PARTS} chunks beside its pixels, or {PIXEL_CHUNKS} with them")
        position += 12 + _number(body, position, 4)


def _check_gif(body: bytes) -> None:
    for number, _ in enumerate(_gif_blocks(body)):
        if number == GIF_BLOCKS:
            raise Excess(f"GIF of more than {GIF_BLOCKS} blocks before its first picture")


def _gif_blocks(body: bytes) -> Iterator[int]:
    """Where each block of each extension before the first picture begins, and each byte that belongs to none."""
    flags = _number(body, 10, 1)
    position = 13 + (3 * 2 ** (1 + flags % 8) if flags & 0x80 else 0)
    while (start := body[position : position + 1]) not in (b"", b",", b";"):  # the end, or the first picture
        yield position
        position += 1
        if start == b"!":
            position += 1  # its label
            while length := _number(body, position, 1):
                yield position
                position += 1 + length
            position += 1


def _number(data: bytes, start: int, length: int) -> int:
    """0 where the file has ended."""
    return int.from_bytes(data[start : start + length], "big")
