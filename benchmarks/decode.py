"""Milliseconds and memory from a JPEG's bytes to RGB pixels, by decoder: photos as they are, and some of them enlarged
to 12 million pixels, whole and at the smallest scale that leaves 4 or 3 million. One thread; the decoders take turns at
every photo; ratios are medians over the rounds.

    .venv/bin/python benchmarks/decode.py --photos DIR --out build/benchmarks/decode.json
"""

from __future__ import annotations

import io
import json
import math
import statistics
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import simplejpeg
import torch
import typer
from PIL import Image
from rich.console import Console
from rich.table import Table
from torchvision.io import ImageReadMode, decode_jpeg

from facejoin.conf.settings import DecodeSettings
from facejoin.udfs.vision.decode import decode

SEED = 0
LARGE = 12_000_000  # pixels
WHOLE = 100_000_000  # pixels: more than any of the photos has
NOISE = 5.0  # standard deviation in grey levels: 3 MB for 12 million pixels at quality 90, about what cameras write

Decoder = Callable[[bytes, int], np.ndarray]  # the second is the number of pixels that are enough


def pillow(body: bytes, _: int) -> np.ndarray:
    return _rgb(Image.open(io.BytesIO(body)))


def pillow_draft(body: bytes, enough: int) -> np.ndarray:
    """Knows halves, quarters and eighths."""
    image = Image.open(io.BytesIO(body))
    image.draft(None, _least(image.width, image.height, enough))
    return _rgb(image)


def torchvision(body: bytes, _: int) -> np.ndarray:
    pixels = decode_jpeg(torch.frombuffer(bytearray(body), dtype=torch.uint8), mode=ImageReadMode.RGB)
    return pixels.permute(1, 2, 0).contiguous().numpy()


def turbo(body: bytes, enough: int, **options: bool) -> np.ndarray:
    """simplejpeg. Knows eighths."""
    height, width, *_ = simplejpeg.decode_jpeg_header(body)
    least_width, least_height = _least(width, height, enough)
    return simplejpeg.decode_jpeg(body, min_width=least_width, min_height=least_height, **options)


def turbo_rough(body: bytes, enough: int) -> np.ndarray:
    return turbo(body, enough, fastdct=True, fastupsample=True)


def face_join(body: bytes, enough: int) -> np.ndarray:
    """What the crawl does: the header by Pillow, then simplejpeg, then EXIF's orientation."""
    return decode(body, DecodeSettings(min_bytes=0, enough_pixels=enough))


DECODERS: tuple[Decoder, ...] = (pillow, pillow_draft, torchvision, turbo, turbo_rough, face_join)


def _rgb(image: Image.Image) -> np.ndarray:
    return np.asarray(image if image.mode == "RGB" else image.convert("RGB"))


def _least(width: int, height: int, enough: int) -> tuple[int, int]:
    scale = min(1.0, math.sqrt(enough / (width * height)))
    return math.ceil(width * scale), math.ceil(height * scale)


def main(
    photos: Annotated[Path, typer.Option(help="Folder with JPEGs.", exists=True, file_okay=False)],
    out: Annotated[Path, typer.Option(help="JSON report.")] = Path("build/benchmarks/decode.json"),
    most: Annotated[int, typer.Option(min=1, help="Photos that are read.")] = 100,
    large: Annotated[int, typer.Option(min=1, help="Of them enlarged.")] = 6,
    rounds: Annotated[int, typer.Option(min=1)] = 5,
) -> None:
    torch.set_num_threads(1)
    bodies = [path.read_bytes() for path in _spread(sorted(photos.rglob("*.jpg")), most)]
    if not bodies:
        raise typer.BadParameter(f"no *.jpg below {photos}")
    rng = np.random.default_rng(SEED)
    enlarged = [enlarge(body, rng) for body in _spread(bodies, large)]
    report = {
        "as they are": measured(bodies, WHOLE, rounds),
        "12 MP": measured(enlarged, WHOLE, rounds),
        "12 MP to 4": measured(enlarged, 4_000_000, rounds),
        "12 MP to 3": measured(enlarged, 3_000_000, rounds),
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(report, indent=1) + "\n")
    Console().print(table(report))


def _spread(items: Sequence[Any], most: int) -> list[Any]:
    return list(items[:: math.ceil(len(items) / most)]) if items else []


def enlarge(body: bytes, rng: np.random.Generator) -> bytes:
    """The photo at 12 million pixels, or a few more, with a sensor's noise."""
    with Image.open(io.BytesIO(body)) as photo:
        scale = math.sqrt(LARGE / (photo.width * photo.height)) / 16
        width, height = (math.ceil(side * scale) * 16 for side in photo.size)  # halves exactly
        smooth = np.asarray(photo.convert("RGB").resize((width, height), Image.Resampling.BICUBIC))
    noise = rng.normal(0, NOISE, (height, width, 1)).astype(np.float32)
    buffer = io.BytesIO()
    Image.fromarray((smooth + noise).clip(0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def measured(bodies: Sequence[bytes], enough: int, rounds: int) -> dict[str, Any]:
    """By decoder: milliseconds a photo, how many times as fast as Pillow, the largest difference from Pillow's pixels
    (none where the sizes differ) and the memory that the largest body takes."""
    seconds = [one_round(bodies, enough) for _ in range(rounds + 1)][1:]  # the first one warms up
    largest = max(bodies, key=len)
    by_decoder = {
        decoder.__name__: {
            "milliseconds": round(statistics.median(row[place] for row in seconds) / len(bodies) * 1000, 2),
            "times_pillow": round(statistics.median(row[0] / row[place] for row in seconds), 2),
            "largest_difference": max((difference(body, decoder, enough) for body in bodies), key=lambda d: d or 0),
            "peak_megabytes": round(peak_bytes(largest, decoder, enough) / 1e6, 1),
            "megapixels": round(decoder(largest, enough).size / 3e6, 2),
        }
        for place, decoder in enumerate(DECODERS)
    }
    return {"photos": len(bodies), "mean_bytes": round(statistics.mean(map(len, bodies))), "decoders": by_decoder}


def one_round(bodies: Sequence[bytes], enough: int) -> list[float]:
    """Seconds of each decoder; another one begins at each photo."""
    seconds = [0.0] * len(DECODERS)
    for number, body in enumerate(bodies):
        for turn in range(len(DECODERS)):
            place = (number + turn) % len(DECODERS)
            start = time.perf_counter()
            DECODERS[place](body, enough)
            seconds[place] += time.perf_counter() - start
    return seconds


def difference(body: bytes, decoder: Decoder, enough: int) -> int | None:
    ours, theirs = decoder(body, enough), pillow(body, enough)
    return int(np.abs(ours.astype(np.int16) - theirs).max()) if ours.shape == theirs.shape else None


def peak_bytes(body: bytes, decoder: Decoder, enough: int) -> int:
    """Of one call, in a process of its own."""
    with ProcessPoolExecutor(max_workers=1, mp_context=get_context("spawn")) as process:
        return process.submit(_growth, body, decoder, enough).result()


def _growth(body: bytes, decoder: Decoder, enough: int) -> int:
    decoder(simplejpeg.encode_jpeg(np.zeros((64, 64, 3), np.uint8)), enough)
    before = _memory("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # Linux: the peak begins anew
    decoder(body, enough)
    return _memory("VmHWM") - before


def _memory(key: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(key))


def table(report: dict[str, Any]) -> Table:
    rows = Table("photos", "decoder", "ms", "× Pillow", "off by", "peak MB", "MP")
    for photos, group in report.items():
        for name, figures in group["decoders"].items():
            rows.add_row(photos, name, *("–" if value is None else str(value) for value in figures.values()))
    return rows


if __name__ == "__main__":
    typer.run(main)
