"""Bytes of a photo → its pixels, upright and in RGB, and what its EXIF says of the camera; or a reason why not."""

from __future__ import annotations

import io
import math
import struct
import zlib
from contextlib import suppress
from typing import Literal

import numpy as np
import simplejpeg
from PIL import Image

from facejoin.conf.settings import DecodeSettings
from facejoin.udfs.vision.exif import Exif, read_exif

FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF")
JPEGS = ("JPEG", "MPO")  # the second is a JPEG with further pictures behind the first
ORIENTATION = 0x0112  # EXIF's tag; its values by what undoes them, in this order
TRANSPOSED, MIRRORED, FLIPPED = (5, 6, 7, 8), (2, 3, 6, 7), (3, 4, 7, 8)
# What Pillow's decoders raise for broken files; OSError includes "cannot identify" and "truncated".
BROKEN = (
    *(OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError, OverflowError),
    *(struct.error, zlib.error, Image.DecompressionBombError),
)

Image.MAX_IMAGE_PIXELS = None  # DecodeSettings.max_pixels refuses by the header, before Pillow's own guess would warn


class DecodeError(ValueError):
    """A photo that cannot be used; `reason` is one word of the outcome vocabulary."""

    def __init__(self, reason: Literal["too_small", "too_many_pixels", "unsupported", "corrupt"], message: str):
        super().__init__(message)
        self.reason = reason


def decode(body: bytes, settings: DecodeSettings) -> np.ndarray:
    """The first frame as uint8 (height, width, 3) RGB, turned as its EXIF orientation says.

    A JPEG comes at the smallest of its decoder's scales that leaves `enough_pixels`. Transparency is laid over white;
    16-bit grey is scaled to 8; CMYK and palettes are converted. Raises DecodeError.

    >>> decode(jpeg, DecodeSettings(min_bytes=0)).shape
    (427, 640, 3)
    >>> decode(b"<html>", DecodeSettings(min_bytes=0))
    Traceback (most recent call last):
    facejoin.udfs.vision.decode.DecodeError: not a JPEG, PNG, GIF, WEBP, BMP, TIFF file
    """
    return decode_with_exif(body, settings)[0]


def decode_with_exif(body: bytes, settings: DecodeSettings) -> tuple[np.ndarray, Exif | None]:
    """The same with what the file says of its camera: None where it says nothing, or cannot be read."""
    if len(body) < settings.min_bytes:
        raise DecodeError("too_small", f"{len(body)} bytes; at least {settings.min_bytes} expected")
    image = _open(body)
    if image.width * image.height > settings.max_pixels:
        raise DecodeError("too_many_pixels", f"{image.width}x{image.height}; at most {settings.max_pixels} pixels")
    try:
        return _upright(_pixels(body, image, settings.enough_pixels), image), _exif(image)
    except BROKEN as error:
        raise DecodeError("corrupt", f"{image.format}: {error}") from error


def _open(body: bytes) -> Image.Image:
    try:
        return Image.open(io.BytesIO(body), formats=FORMATS)
    except BROKEN as error:
        raise DecodeError("unsupported", f"not a {', '.join(FORMATS)} file") from error


def _pixels(body: bytes, image: Image.Image, enough: int) -> np.ndarray:
    """By simplejpeg where it reads without a warning; Pillow tells a fault that can be forgiven from a broken file."""
    width, height = _least_size(image, enough)
    if image.format in JPEGS and image.mode in ("L", "RGB"):
        with suppress(ValueError):
            return simplejpeg.decode_jpeg(body, min_width=width, min_height=height, strict=True)
    image.draft(None, (width, height))  # does nothing but to a JPEG
    return np.asarray(_rgb(image))


def _least_size(image: Image.Image, enough: int) -> tuple[int, int]:
    """Width and height in the photo's proportions with `enough` pixels, or its own if it has fewer."""
    scale = min(1.0, math.sqrt(enough / max(1, image.width * image.height)))
    return math.ceil(image.width * scale), math.ceil(image.height * scale)


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode in ("I;16", "I;16L", "I;16B", "I", "F"):
        return _from_deep_grey(image)
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert("RGB")
    return image.convert("RGB")


def _upright(pixels: np.ndarray, image: Image.Image) -> np.ndarray:
    """Turned as the image's EXIF says, if it can be read: a photo is not lost for a broken one."""
    try:
        orientation = image.getexif().get(ORIENTATION)
    except BROKEN:
        return pixels
    pixels = pixels.transpose(1, 0, 2) if orientation in TRANSPOSED else pixels
    pixels = pixels[:, ::-1] if orientation in MIRRORED else pixels
    return np.ascontiguousarray(pixels[::-1] if orientation in FLIPPED else pixels)


def _exif(image: Image.Image) -> Exif | None:
    """Pillow has found the block, wherever the format keeps it, and holds it open as `fp`; BigTIFF is not read."""
    with suppress(*BROKEN):
        block = getattr(image.getexif(), "fp", None)
        return None if block is None else read_exif(block)
    return None


def _from_deep_grey(image: Image.Image) -> Image.Image:
    """One channel of up to 16 bits (or floats of unknown range) → RGB."""
    grey = np.nan_to_num(np.asarray(image).astype(np.float32))
    top = 65535.0 if image.mode != "F" else max(float(grey.max(initial=0.0)), 1e-6)
    return Image.fromarray(np.clip(grey * (255.0 / top), 0, 255).astype(np.uint8)).convert("RGB")
