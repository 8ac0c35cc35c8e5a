"""Whatever the bytes are: `decode` gives pixels or says in one word why not."""

import io
import warnings

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from facejoin.conf.settings import DecodeSettings
from facejoin.udfs.vision.decode import DecodeError, decode

LIMITS = DecodeSettings(max_pixels=1_000_000).of_own_files()
REASONS = {"too_small", "too_many_pixels", "unsupported", "corrupt", "poisonous"}


def valid_files() -> list[bytes]:
    """A small file of each format, and of the ways of storing pixels that take another path through Pillow."""
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8))
    exif = Image.Exif()
    exif[0x0112], exif[0x0110] = 6, "NIKON D90"
    exif.get_ifd(0x8769)[0x9003] = "2009:06:12 12:30:05"
    ways: list[tuple[str, str, dict[str, object]]] = [
        ("JPEG", "RGB", {"exif": exif}),
        ("JPEG", "RGB", {"progressive": True}),
        ("JPEG", "L", {}),
        ("JPEG", "CMYK", {}),
        ("PNG", "RGBA", {"exif": exif}),
        ("PNG", "P", {"transparency": 3}),
        ("PNG", "I;16", {}),
        ("GIF", "P", {"save_all": True, "append_images": [picture.rotate(180)]}),
        ("WEBP", "RGB", {"exif": exif}),
        ("BMP", "RGB", {}),
        ("TIFF", "RGB", {"compression": "tiff_lzw", "exif": exif}),
        ("TIFF", "F", {}),
    ]
    return [_file(picture, *way) for way in ways]


def _file(picture: Image.Image, file_format: str, mode: str, options: dict[str, object]) -> bytes:
    buffer = io.BytesIO()
    picture.convert("L" if mode == "I;16" else mode).convert(mode).save(buffer, file_format, **options)
    return buffer.getvalue()


FILES = valid_files()


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A valid file with bytes changed, most often in its header, and perhaps an end cut off or put on."""
    body = bytearray(draw(st.sampled_from(FILES)))
    places = st.one_of(st.integers(0, 80), st.integers(0, len(body) - 1))
    for place, value in draw(st.lists(st.tuples(places, st.integers(0, 255)), min_size=1, max_size=8)):
        body[min(place, len(body) - 1)] = value
    end = draw(st.one_of(st.just(len(body)), st.integers(0, len(body))))
    return bytes(body[:end]) + draw(st.binary(max_size=20))


def pixels_or_reason(body: bytes) -> np.ndarray | str:
    try:
        with warnings.catch_warnings(action="ignore"):
            return decode(body, LIMITS)
    except DecodeError as error:
        return error.reason


def assert_pixels_or_a_reason(body: bytes) -> None:
    found = pixels_or_reason(body)
    if isinstance(found, str):
        assert found in REASONS
        return
    assert found.dtype == np.uint8
    assert found.ndim == 3
    assert found.shape[2] == 3
    assert found.size <= 3 * LIMITS.max_pixels


def test_every_file_that_is_damaged_here_is_valid_before() -> None:
    assert all(decode(body, LIMITS).size == 24 * 32 * 3 for body in FILES)


@settings(max_examples=1000, deadline=None, derandomize=True)
@given(body=damaged())
def test_no_damage_makes_decode_raise_anything_else(body: bytes) -> None:
    assert_pixels_or_a_reason(body)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(start=st.sampled_from([b"", *(body[:16] for body in FILES)]), rest=st.binary(max_size=300))
def test_no_bytes_make_decode_raise_anything_else(start: bytes, rest: bytes) -> None:
    assert_pixels_or_a_reason(start + rest)
