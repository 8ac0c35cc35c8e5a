"""What is kept of EXIF, from blocks that Pillow writes and from ones that nobody should."""

import io
import struct
from collections.abc import Callable, Iterator
from dataclasses import astuple, fields
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, TiffImagePlugin, TiffTags

from facejoin.udfs.vision.exif import TEXT_BYTES, Exif, read_exif

MAKE, MODEL, SOFTWARE, CHANGED, CAMERA, GPS = 0x010F, 0x0110, 0x0131, 0x0132, 0x8769, 0x8825
LENS, ORIGINAL, DIGITIZED = 0xA434, 0x9003, 0x9004
LONG, UTF8 = TiffTags.LONG, 129
OWNER, BODY_NUMBER, LENS_NUMBER, COMMENT, MAKER_NOTE, ARTIST, UNIQUE = (
    *(0xA430, 0xA431, 0xA435, 0x9286, 0x927C, 0x013B, 0xA420),
)
NOON = datetime(2009, 6, 12, 12, 30, 5, tzinfo=UTC)
AT_NOON = "2009:06:12 12:30:05"
PHONE = Exif("Apple", "iPhone 15 Pro Max", "iPhone 15 Pro Max back triple camera 6.765mm f/1.78", "17.0.3", NOON)
Tags = dict[int, Any]
RawField = tuple[int, int, int, bytes]  # tag, type, how many values, the values


def block(first: Tags, camera: Tags | None = None, others: Tags | None = None) -> bytes:
    """As Pillow writes it: the first directory, that of the camera, others by their tag."""
    exif = Image.Exif()
    exif.update(first)
    for tag, directory in {CAMERA: camera or {}, **(others or {})}.items():
        exif.get_ifd(tag).update(directory)
    return exif.tobytes().removeprefix(b"Exif\0\0")


def read(data: bytes) -> Exif | None:
    return read_exif(io.BytesIO(data))


def raw_block(*first: RawField, camera: tuple[RawField, ...] = (), order: str = "<") -> bytes:
    """Fields of any type and length, which Pillow would not write."""
    head = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(f"{order}I", 8)
    end = 8 + len(raw_directory((*first, (CAMERA, LONG, 1, b"")), 8, order))
    pointer = (CAMERA, LONG, 1, struct.pack(f"{order}I", end))
    return head + raw_directory((*first, pointer), 8, order) + raw_directory(camera, end, order)


def raw_directory(fields: tuple[RawField, ...], start: int, order: str) -> bytes:
    """What lies at `start`: the fields, and behind them their values, if they are longer than 4."""
    entries, values = struct.pack(f"{order}H", len(fields)), b""
    behind = start + 2 + 12 * len(fields) + 4
    for tag, kind, count, value in fields:
        place = struct.pack(f"{order}I", behind + len(values)) if count > 4 else value[:4]
        entries += struct.pack(f"{order}HHI4s", tag, kind, count, place)
        values += value if count > 4 else b""
    return entries + bytes(4) + values


def ascii_field(tag: int, text: bytes) -> RawField:
    return tag, TiffTags.ASCII, len(text), text


def with_lens(text: bytes) -> Exif | None:
    return read(raw_block(camera=(ascii_field(LENS, text),)))


FULL = block({MAKE: PHONE.make, MODEL: PHONE.model, SOFTWARE: PHONE.software}, {LENS: PHONE.lens, ORIGINAL: AT_NOON})


def test_maker_model_lens_software_and_date_are_read() -> None:
    assert read(FULL) == PHONE


@pytest.mark.parametrize("order", "<>")
def test_either_order_of_bytes_is_read(order: str) -> None:
    lens, time = ascii_field(LENS, b"18-55mm"), ascii_field(ORIGINAL, AT_NOON.encode())
    data = raw_block(ascii_field(MAKE, b"Canon\0"), ascii_field(MODEL, b"D90\0"), camera=(lens, time), order=order)
    assert read(data) == Exif("Canon", "D90", "18-55mm", taken=NOON)


def test_nothing_else_is_kept() -> None:
    private = {ARTIST: "Ada", 0x8298: "Ada", 0x010E: "Ada at home", 0x9C9D: b"A\0d\0a\0"}
    camera = {OWNER: "Ada", BODY_NUMBER: "4711", LENS_NUMBER: "4712", COMMENT: b"Ada", MAKER_NOTE: b"4711", UNIQUE: "4"}
    data = block(private | {MAKE: "Canon"}, camera, {GPS: {1: "N", 2: (52.0, 31.0, 12.0)}})
    there = Image.Exif()
    there.load(data)
    assert there[ARTIST] == there.get_ifd(CAMERA)[OWNER] == "Ada"
    assert there.get_ifd(GPS)[1] == "N"
    assert read(data) == Exif(make="Canon")
    assert [field.name for field in fields(Exif)] == ["make", "model", "lens", "software", "taken"]


def test_a_block_that_says_none_of_it_is_none() -> None:
    assert read(block({0x0112: 6})) is None
    assert read(block({MAKE: "  ", MODEL: ""}, {ORIGINAL: "0000:00:00 00:00:00"})) is None


# what stands in a text field → what is kept of it
TEXTS: dict[bytes, str | None] = {
    b"NIKON D90": "NIKON D90",
    b"NIKON D90" + bytes(100): "NIKON D90",
    b"NIKON\0serial 4711": "NIKON",
    b"  NIKON   CORPORATION \r\n": "NIKON CORPORATION",
    b"\x1b[31mred\x07": "[31mred",
    "Кодак ® 写真".encode(): "Кодак ® 写真",
    "back\u202ecod.exe\u200b\ufeff".encode(): "back cod.exe",
    b"caf\xe9": None,
    b"\xff\xfeN\0i\0": None,
    b"\xed\xa0\x80": None,
    b"": None,
    bytes(64): None,
    b"\t\r\n": None,
    b"<script>alert(1)</script>": "<script>alert(1)</script>",
}


@pytest.mark.parametrize(("stored", "kept"), TEXTS.items(), ids=repr)
def test_a_text_is_one_printable_line_or_null(stored: bytes, kept: str | None) -> None:
    data = raw_block(
        *(ascii_field(MAKE, stored), ascii_field(MODEL, b"D90"), ascii_field(SOFTWARE, stored)),
        camera=(ascii_field(LENS, stored), ascii_field(ORIGINAL, stored)),
    )
    assert read(data) == Exif(make=kept, model="D90", lens=kept, software=kept)


def test_the_longest_text_is_kept_whole_and_what_is_longer_cut() -> None:
    assert with_lens(b"x" * TEXT_BYTES) == Exif(lens="x" * TEXT_BYTES)
    assert with_lens(b"x" * 1_000_000) == Exif(lens="x" * TEXT_BYTES)


def test_a_cut_never_leaves_half_a_character() -> None:
    assert with_lens(b"x" + "é".encode() * 100) == Exif(lens="x" + "é" * ((TEXT_BYTES - 1) // 2))


@pytest.mark.parametrize("kind", [kind for kind in range(1, 20) if kind != TiffTags.ASCII])
def test_what_is_no_text_is_null(kind: int) -> None:
    """Bytes, numbers, fractions, many of them, and types that there are not."""
    for count in (0, 1, 4, 8, 2**32 - 1):
        make, lens, time = ((tag, kind, count, AT_NOON.encode()) for tag in (MAKE, LENS, ORIGINAL))
        assert read(raw_block(make, ascii_field(MODEL, b"D90"), camera=(lens, time))) == Exif(model="D90")


def test_text_of_the_type_for_utf_8_is_read() -> None:
    assert read(raw_block((MAKE, UTF8, 6, "Écran".encode()))) == Exif(make="Écran")


def test_numbers_that_pillow_writes_for_texts_are_null() -> None:
    directory = TiffImagePlugin.ImageFileDirectory_v2()
    for tag, kind, value in ((MAKE, TiffTags.SHORT, 7), (MODEL, TiffTags.RATIONAL, 0.5)):
        directory.tagtype[tag] = kind
        directory[tag] = value
    directory[SOFTWARE] = "GIMP"
    assert read(b"II*\0\x08\0\0\0" + directory.tobytes(8)) == Exif(software="GIMP")


TIMES: dict[bytes, datetime | None] = {
    b"2009:06:12 12:30:05": NOON,
    b"2009:06:12 12:30:05\0\0": NOON,
    b"2009:06:12 12:30:05.75": NOON,
    b"2009:06:12 12:30:05+02:00": NOON,
    b"2012:02:29 23:59:59": datetime(2012, 2, 29, 23, 59, 59, tzinfo=UTC),
    b"1826:01:01 00:00:00": datetime(1826, 1, 1, tzinfo=UTC),
    b"2100:12:31 00:00:00": datetime(2100, 12, 31, tzinfo=UTC),
    b"0000:00:00 00:00:00": None,
    b"    :  :     :  :  ": None,
    b"0001:01:01 00:00:00": None,
    b"1825:12:31 00:00:00": None,
    b"2101:01:01 00:00:00": None,
    b"9999:99:99 99:99:99": None,
    b"2009:02:29 12:00:00": None,
    b"2009:06:12 24:00:00": None,
    b"2009:06:12 12:30:61": None,
    b"2009:06:12": None,
    b"yesterday": None,
    b"\xff" * 19: None,
    b"9" * 5000: None,
}


@pytest.mark.parametrize(("stored", "expected"), TIMES.items(), ids=repr)
def test_a_time_is_the_cameras_clock_or_null(stored: bytes, expected: datetime | None) -> None:
    found = read(raw_block(ascii_field(MODEL, b"D90"), camera=(ascii_field(ORIGINAL, stored),)))
    assert found == Exif(model="D90", taken=expected)


def test_where_it_was_taken_at_no_time_the_time_of_its_storing_counts_but_never_that_of_a_change() -> None:
    never: Tags = {ORIGINAL: "0000:00:00 00:00:00"}
    for original in ({}, never):
        assert read(block({CHANGED: "2020:01:01 00:00:00"}, original | {DIGITIZED: AT_NOON})) == Exif(taken=NOON)
    assert read(block({CHANGED: AT_NOON})) is None


def pointing(place: int) -> bytes:
    """The camera's directory lies there."""
    return b"II*\0\x08\0\0\0" + raw_directory(((CAMERA, LONG, 1, struct.pack("<I", place)),), 8, "<")


BLOCKS: dict[str, Callable[[], bytes]] = {
    "nothing": lambda: b"",
    "a header alone": lambda: b"II*\0",
    "no directory": lambda: b"II*\0\xff\xff\xff\xff",
    "no header": lambda: FULL[8:],
    "BigTIFF": lambda: b"II+\0" + FULL[4:],
    "a directory that says it has 65,535 fields": lambda: b"II*\0\x08\0\0\0\xff\xff",
    "text beyond the end": lambda: raw_block((MAKE, TiffTags.ASCII, 2**32 - 1, b""))[:-6],
    "the camera's directory is the first": lambda: pointing(8),
    "the camera's directory is the header": lambda: pointing(0),
    "the camera's directory is beyond the end": lambda: pointing(2**32 - 1),
    "the camera's directory is at the last byte": lambda: pointing(25),
    "random bytes": lambda: b"MM\0*" + bytes(range(256)) * 40,
}


@pytest.mark.parametrize("what", BLOCKS)
def test_a_broken_block_says_nothing(what: str) -> None:
    assert read(BLOCKS[what]()) is None


def test_of_a_block_that_is_cut_off_what_is_whole_counts() -> None:
    found = [read(FULL[:end]) for end in range(len(FULL))]
    assert found[0] is None
    assert Exif(make="Apple", model="iPhone 15 Pro Max", software="17.0.3") in found
    for part in filter(None, found):
        assert all(value in (None, whole) for value, whole in zip(astuple(part), astuple(PHONE), strict=True))


class Counting(io.BytesIO):
    """How many bytes were read."""

    count = 0

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self.count += len(data)
        return data


def test_no_more_is_read_than_the_directories_and_what_is_kept() -> None:
    make, lens = ascii_field(MAKE, b"x" * 1_000_000), ascii_field(LENS, b"y" * 1_000_000)
    fractions = (ORIGINAL, TiffTags.RATIONAL, 1_000_000, b"\1\0\0\0" * 2_000_000)
    large = Counting(raw_block(make, camera=(lens, fractions)))
    assert read_exif(large) == Exif(make="x" * TEXT_BYTES, lens="y" * TEXT_BYTES)
    assert large.count < 2 * TEXT_BYTES + 100


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    data = bytearray(FULL)
    places = st.integers(0, len(data) - 1)
    for place, value in draw(st.lists(st.tuples(places, st.integers(0, 255)), min_size=1, max_size=12)):
        data[place] = value
    return bytes(data[: draw(st.one_of(st.just(len(data)), st.integers(0, len(data))))])


@settings(max_examples=2000, deadline=None, derandomize=True)
@given(data=st.one_of(damaged(), st.binary(max_size=200).map(lambda end: b"II*\0" + end)))
def test_no_damage_makes_it_raise_or_keep_what_cannot_be_stored(data: bytes) -> None:
    found = read(data)
    for text in texts(found):
        assert text == text.strip()
        assert text.isprintable()
        assert 0 < len(text.encode()) <= TEXT_BYTES
    assert found is None or found.taken is None or found.taken.tzinfo is UTC


def texts(found: Exif | None) -> Iterator[str]:
    return (value for value in (() if found is None else astuple(found)) if isinstance(value, str))
