"""Bytes of a photo → its pixels, upright and in RGB, and what its EXIF says of the camera; or a reason why not."""

from __future__ import annotations

import io
import math
import struct
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import Literal

import numpy as np
import simplejpeg
from PIL import Image
from PIL.TiffImagePlugin import TiffImageFile

from facejoin.conf.settings import DecodeSettings
from facejoin.udfs.vision.excess import EXIF_BYTES, Excess, check_excess
from facejoin.udfs.vision.exif import Exif, read_exif

JPEGS = ("JPEG", "MPO")  # the second is a JPEG with further pictures behind the first
ORIENTATION = 0x0112  # EXIF's tag; its values by what undoes them, in this order
TRANSPOSED, MIRRORED, FLIPPED = (5, 6, 7, 8), (2, 3, 6, 7), (3, 4, 7, 8)
# What Pillow's decoders raise for broken files; OSError includes "cannot identify" and "truncated".
BROKEN = (
    *(OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError, OverflowError),
    *(struct.error, zlib.error, Image.DecompressionBombError),
)

BAND_PIXELS = 2**20  # that are converted at a time
PIXEL_BYTES = 10  # that are held of a pixel: 4 at most by Pillow, 3 of RGB, and 3 by a detector that scales it
WEBP_PIXEL_BYTES = 20  # Pillow reads each as an animation, with a canvas and copies of it
TILE_WIDTH, TILE_HEIGHT = 322, 323  # of a TIFF

warnings.filterwarnings("ignore", module=r"PIL\.")  # one photo's broken EXIF can give thousands of lines
Image.MAX_IMAGE_PIXELS = None  # DecodeSettings.max_pixels refuses by the header, before Pillow's own guess would warn


class DecodeError(ValueError):
    """A photo that cannot be used; `reason` is one word of the outcome vocabulary."""

    def __init__(
        self, reason: Literal["too_small", "too_many_pixels", "unsupported", "corrupt", "poisonous"], message: str
    ):
        super().__init__(message)
        self.reason = reason


def decode(body: bytes, settings: DecodeSettings) -> np.ndarray:
    """The first frame as uint8 (height, width, 3) RGB, turned as its EXIF orientation says.

    A JPEG comes at the smallest of its decoder's scales that leaves `enough_pixels`. Transparency is laid over white;
    16-bit grey is scaled to 8; CMYK and palettes are converted. What it would cost is known, and refused where it is
    too much, before anything is decoded. Raises DecodeError.

    >>> decode(jpeg, DecodeSettings(min_bytes=0)).shape
    (427, 640, 3)
    >>> decode(b"<html>", DecodeSettings(min_bytes=0))
    Traceback (most recent call last):
    facejoin.udfs.vision.decode.DecodeError: not a JPEG, PNG, GIF file
    """
    return decode_with_exif(body, settings)[0]


def decode_with_exif(body: bytes, settings: DecodeSettings) -> tuple[np.ndarray, Exif | None]:
    """The same with what the file says of its camera: None where it says nothing, or cannot be read."""
    if len(body) < settings.min_bytes:
        raise DecodeError("too_small", f"{len(body)} bytes; at least {settings.min_bytes} expected")
    try:
        coefficients = check_excess(body, settings.max_scans)
    except Excess as excess:
        raise DecodeError("poisonous", str(excess)) from excess
    image = _open(body, settings.formats)
    try:
        _check_size(image, coefficients, settings)
        pixels = _pixels(body, image, settings.enough_pixels)
        orientation, exif = (_orientation(image), _exif(image)) if _has_usual_exif(image) else (None, None)
        image.close()  # whose pixels make room for turned ones
        return _upright(pixels, orientation), exif
    except DecodeError:
        raise
    except BROKEN as error:
        raise DecodeError("corrupt", f"{image.format}: {error}") from error


def _open(body: bytes, formats: tuple[str, ...]) -> Image.Image:
    try:
        return Image.open(io.BytesIO(body), formats=formats)
    except BROKEN as error:
        raise DecodeError("unsupported", f"not a {', '.join(formats)} file") from error


def _check_size(image: Image.Image, coefficients: int, settings: DecodeSettings) -> None:
    """coefficients: bytes that a JPEG's decoder holds of all pixels. Raises DecodeError."""
    pixels, tile = image.width * image.height, _tile(image)
    if max(pixels, tile) > settings.max_pixels:
        size = f"{image.width}x{image.height}" + (f" in tiles of {tile} pixels" if tile else "")
        raise DecodeError("too_many_pixels", f"{size}; at most {settings.max_pixels} pixels")
    per_pixel = WEBP_PIXEL_BYTES if image.format == "WEBP" else PIXEL_BYTES
    memory = coefficients if image.format in JPEGS else pixels * per_pixel
    if memory > settings.max_memory:
        held = f"{image.width}x{image.height} {image.format}, of which {memory} bytes are held"
        raise DecodeError("too_many_pixels", f"{held}; at most {settings.max_memory}")


def _tile(image: Image.Image) -> int:
    """Pixels of each of a TIFF's tiles, which may be larger than the picture; 0 where there are none."""
    if not isinstance(image, TiffImageFile):
        return 0
    return math.prod(int(image.tag_v2.get(tag, 0)) for tag in (TILE_WIDTH, TILE_HEIGHT))


def _pixels(body: bytes, image: Image.Image, enough: int) -> np.ndarray:
    """By simplejpeg where it reads without a warning; Pillow tells a fault that can be forgiven from a broken file."""
    width, height = _least_size(image, enough)
    if image.format in JPEGS and image.mode in ("L", "RGB"):
        with suppress(ValueError):
            return simplejpeg.decode_jpeg(body, min_width=width, min_height=height, strict=True)
    image.draft(None, (width, height))  # does nothing but to a JPEG
    return _rgb(image)


def _least_size(image: Image.Image, enough: int) -> tuple[int, int]:
    """Width and height in the photo's proportions with `enough` pixels, or its own if it has fewer."""
    scale = min(1.0, math.sqrt(enough / max(1, image.width * image.height)))
    return math.ceil(image.width * scale), math.ceil(image.height * scale)


def _rgb(image: Image.Image) -> np.ndarray:
    """Converted band by band: of all pixels there is no copy but Pillow's own and the result."""
    image.load()
    convert = _converter(image)
    if image.width * image.height <= BAND_PIXELS:
        return convert(image)
    pixels = np.empty((image.height, image.width, 3), np.uint8)
    for top, band in _bands(image):
        pixels[top : top + band.height] = convert(band)
    return pixels


def _converter(image: Image.Image) -> Callable[[Image.Image], np.ndarray]:
    if image.mode in ("I;16", "I;16L", "I;16B", "I", "F"):
        return partial(_from_deep_grey, top=_brightest(image))
    return _over_white if image.has_transparency_data else _plain


def _bands(image: Image.Image) -> Iterator[tuple[int, Image.Image]]:
    """(its first row, band), from top to bottom."""
    rows = max(1, BAND_PIXELS // max(1, image.width))
    for top in range(0, image.height, rows):
        yield top, image.crop((0, top, image.width, min(top + rows, image.height)))


def _plain(band: Image.Image) -> np.ndarray:
    return np.asarray(band if band.mode == "RGB" else band.convert("RGB"))


def _over_white(band: Image.Image) -> np.ndarray:
    rgba = band.convert("RGBA")
    return _plain(Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba))


def _from_deep_grey(band: Image.Image, top: float) -> np.ndarray:
    """One channel of up to 16 bits (or floats of unknown range)."""
    grey = np.nan_to_num(np.asarray(band).astype(np.float32))
    return np.clip(grey * (255.0 / top), 0, 255).astype(np.uint8)[:, :, None].repeat(3, axis=2)


def _brightest(image: Image.Image) -> float:
    """The value that is to become white."""
    if image.mode != "F":
        return 65535.0
    return max(1e-6, *(float(np.nan_to_num(np.asarray(band)).max(initial=0.0)) for _, band in _bands(image)))


def _upright(pixels: np.ndarray, orientation: object) -> np.ndarray:
    pixels = pixels.transpose(1, 0, 2) if orientation in TRANSPOSED else pixels
    pixels = pixels[:, ::-1] if orientation in MIRRORED else pixels
    return np.ascontiguousarray(pixels[::-1] if orientation in FLIPPED else pixels)


def _orientation(image: Image.Image) -> object:
    """As the image's EXIF says, if it can be read: a photo is not lost for a broken one."""
    with suppress(*BROKEN):
        return image.getexif().get(ORIENTATION)
    return None


def _exif(image: Image.Image) -> Exif | None:
    """Pillow has found the block, wherever the format keeps it, and holds it open as `fp`; BigTIFF is not read."""
    with suppress(*BROKEN):
        block = getattr(image.getexif(), "fp", None)
        return None if block is None else read_exif(block)
    return None


def _has_usual_exif(image: Image.Image) -> bool:
    """No more of it than a JPEG can have. Pillow makes as many copies of a block's bytes as its fields ask for."""
    text = image.info.get("Raw profile type exif", "")  # hexadecimal
    return len(image.info.get("exif", b"")) <= EXIF_BYTES and len(text) <= 3 * EXIF_BYTES
