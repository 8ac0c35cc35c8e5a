"""Photos as file bytes, in the encodings that a crawl meets: plain JPEG nearly always, and the odd ones."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from random import Random

import numpy as np
from PIL import Image

MIN_BYTES = 31 * 1024  # just above the 30 KB below which the original study dropped a photo
QUALITY = (40, 95)  # of a JPEG

Encoder = Callable[[Image.Image, Random], bytes]


def jpeg(photo: Image.Image, rng: Random, **options: object) -> bytes:
    """A JPEG of random quality, raised (and then the photo enlarged) until the file has MIN_BYTES."""
    for quality in range(rng.randint(*QUALITY), 100, 5):
        encoded = _saved(photo, "JPEG", quality=quality, **options)
        if len(encoded) >= MIN_BYTES:
            return encoded
    return jpeg(photo.resize((photo.width * 5 // 4, photo.height * 5 // 4)), rng, **options)


def progressive_jpeg(photo: Image.Image, rng: Random) -> bytes:
    return jpeg(photo, rng, progressive=True)


def grey_jpeg(photo: Image.Image, rng: Random) -> bytes:
    return jpeg(photo.convert("L"), rng)


def cmyk_jpeg(photo: Image.Image, rng: Random) -> bytes:
    return jpeg(photo.convert("CMYK"), rng)


def rotated_jpeg(photo: Image.Image, rng: Random) -> bytes:
    """Pixels lie on their side; the EXIF orientation 6 (turn right to view) says so."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return jpeg(photo.transpose(Image.Transpose.ROTATE_90), rng, exif=exif)


def png(photo: Image.Image, _rng: Random) -> bytes:
    return _saved(photo, "PNG")


def transparent_png(photo: Image.Image, _rng: Random) -> bytes:
    """Fully opaque, with an alpha channel all the same."""
    return _saved(photo.convert("RGBA"), "PNG")


def palette_png(photo: Image.Image, _rng: Random) -> bytes:
    return _saved(photo.quantize(256), "PNG")


def deep_png(photo: Image.Image, _rng: Random) -> bytes:
    """16 bits of grey a pixel."""
    grey = np.asarray(photo.convert("L"), dtype=np.uint16) * 257  # 255 → 65535
    return _saved(Image.fromarray(grey), "PNG")


def gif(photo: Image.Image, _rng: Random) -> bytes:
    return _saved(photo.quantize(256), "GIF")


def animated_gif(photo: Image.Image, _rng: Random) -> bytes:
    """Three frames: the photo, then two that fade to nothing."""
    frames = [photo.point(lambda value, share=share: value * share // 4).quantize(64) for share in (2, 0)]
    return _saved(photo.quantize(256), "GIF", save_all=True, append_images=frames, duration=200)


ODD_ENCODINGS: tuple[tuple[str, Encoder], ...] = (  # suffix of the file, encoder
    (".jpg", progressive_jpeg),
    (".jpg", grey_jpeg),
    (".jpg", cmyk_jpeg),
    (".jpg", rotated_jpeg),
    (".png", png),
    (".png", transparent_png),
    (".png", palette_png),
    (".png", deep_png),
    (".gif", gif),
    (".gif", animated_gif),
)


def _saved(photo: Image.Image, file_format: str, **options: object) -> bytes:
    buffer = BytesIO()
    photo.save(buffer, file_format, **options)
    return buffer.getvalue()
