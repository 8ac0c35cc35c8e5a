"""Bytes of a photo → its pixels, upright and in RGB, or a reason why not."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from facejoin.conf.settings import DecodeSettings
from facejoin.udfs.vision.errors import DecodeError

FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF")
# What Pillow's decoders raise for broken files; OSError includes "cannot identify" and "truncated".
BROKEN = (
    *(OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError, OverflowError),
    *(struct.error, zlib.error, Image.DecompressionBombError),
)

Image.MAX_IMAGE_PIXELS = None  # DecodeSettings.max_pixels refuses by the header, before Pillow's own guess would warn


def decode(body: bytes, settings: DecodeSettings) -> np.ndarray:
    """The first frame as uint8 (height, width, 3) RGB, turned as its EXIF orientation says.

    Transparency is laid over white; 16-bit grey is scaled to 8; CMYK and palettes are converted.
    Raises DecodeError.
    """
    if len(body) < settings.min_bytes:
        raise DecodeError("too_small", f"{len(body)} bytes; at least {settings.min_bytes} expected")
    image = _open(body)
    if image.width * image.height > settings.max_pixels:
        raise DecodeError("too_many_pixels", f"{image.width}x{image.height}; at most {settings.max_pixels} pixels")
    try:
        return np.asarray(_upright(_rgb(image), image.info))
    except BROKEN as error:
        raise DecodeError("corrupt", f"{image.format}: {error}") from error


def _open(body: bytes) -> Image.Image:
    try:
        return Image.open(io.BytesIO(body), formats=FORMATS)
    except BROKEN as error:
        raise DecodeError("unsupported", f"not a {', '.join(FORMATS)} file") from error


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode in ("I;16", "I;16L", "I;16B", "I", "F"):
        return _from_deep_grey(image)
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert("RGB")
    return image.convert("RGB")


def _upright(rgb: Image.Image, info: dict[str | tuple[int, int], Any]) -> Image.Image:
    """Turned as the EXIF among `info` says, if it can be read: a photo is not lost for a broken one."""
    rgb.info = info  # a conversion may have lost it; Pillow knows the other keys that it can stand under
    try:
        return ImageOps.exif_transpose(rgb)
    except BROKEN:
        return rgb


def _from_deep_grey(image: Image.Image) -> Image.Image:
    """One channel of up to 16 bits (or floats of unknown range) → RGB."""
    grey = np.nan_to_num(np.asarray(image).astype(np.float32))
    top = 65535.0 if image.mode != "F" else max(float(grey.max(initial=0.0)), 1e-6)
    return Image.fromarray(np.clip(grey * (255.0 / top), 0, 255).astype(np.uint8)).convert("RGB")
