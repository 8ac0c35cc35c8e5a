"""Files that look like photos and are made to cost whoever decodes them: small here, whatever they would grow to."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image

PNG = b"\x89PNG\r\n\x1a\n"
GREY, COLOUR, PALETTE, TRANSPARENT = 0, 2, 3, 6  # a PNG's types of pixels
CHANNELS = {GREY: 1, COLOUR: 3, PALETTE: 1, TRANSPARENT: 4}


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, pixels: int = COLOUR, chunks: bytes = b"", bits: int = 8) -> bytes:
    """All zeros; `chunks` stand before the pixels."""
    deflate, row = zlib.compressobj(1), bytes(1 + width * CHANNELS[pixels] * bits // 8)
    packed = [deflate.compress(row) for _ in range(height)]
    palette = chunk(b"PLTE", bytes(range(6))) if pixels == PALETTE else b""
    image = chunk(b"IDAT", b"".join([*packed, deflate.flush()]))
    return png_header(width, height, pixels, bits) + palette + chunks + image + chunk(b"IEND", b"")


def png_header(width: int, height: int, pixels: int = COLOUR, bits: int = 8) -> bytes:
    return PNG + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, pixels, 0, 0, 0))


def saved(file_format: str, size: tuple[int, int] = (64, 48), mode: str = "RGB", **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.radial_gradient("L").resize(size).convert(mode).save(buffer, file_format, **options)
    return buffer.getvalue()


def jpeg_of_scans(scans: int, side: int = 1500) -> bytes:
    """A progressive JPEG whose last scan comes again and again."""
    body = saved("JPEG", (side, side), progressive=True)
    last = body.rindex(b"\xff\xda")
    written = body.count(b"\xff\xda")
    return body[:last] + body[last:-2] * (scans - written + 1) + b"\xff\xd9"


def jpeg_of_segments(segment: bytes, times: int) -> bytes:
    body = saved("JPEG")
    return body[:2] + segment * times + body[2:]


def jpeg_header(width: int, height: int, progressive: bool = False) -> bytes:
    """A small photo's file, whose header says that it has so many pixels."""
    body = bytearray(saved("JPEG", progressive=progressive, subsampling="4:4:4"))
    size = body.index(b"\xff\xc2" if progressive else b"\xff\xc0") + 5  # behind marker, length and precision
    body[size : size + 4] = struct.pack(">HH", height, width)
    return bytes(body)


def tiff_of_one_tile(side: int) -> bytes:
    """16 × 16 pixels, in a tile of side × side."""
    fields = [(256, 16), (257, 16), (258, 8), (259, 8), (262, 1), (277, 1), (322, side), (323, side)]
    tile = zlib.compress(bytes(side * 64))
    start = 8 + 2 + 12 * (len(fields) + 2) + 4
    fields += [(324, start), (325, len(tile))]
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in fields)
    return b"II*\0" + struct.pack("<IH", 8, len(fields)) + entries + bytes(4) + tile


def exif_of_copies(fields: int, block_bytes: int) -> bytes:
    """Each field asks for the whole block."""
    entries = b"".join(struct.pack("<HHII", 0x9C00 + n, 7, block_bytes, 8) for n in range(fields))
    block = b"II*\0" + struct.pack("<IH", 8, fields) + entries
    return block.ljust(block_bytes + 8, b"\0")


TURNED = b"II*\0" + struct.pack("<IHHHII", 8, 1, 0x0112, 3, 1, 6) + bytes(4)  # EXIF: turn right to view


def text_of(length: int) -> bytes:
    return chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(length)))


def profile_of(length: int) -> bytes:
    return chunk(b"iCCP", b"Profile\0\0" + zlib.compress(bytes(length)))


def gif_of_blocks(extension: bytes, times: int) -> bytes:
    body = saved("GIF", mode="P")
    palette = 13 + 3 * 2 ** (1 + body[10] % 8)
    return body[:palette] + extension * times + body[palette:]


def gif_of_canvas(width: int, height: int) -> bytes:
    body = saved("GIF", mode="P")
    return body[:6] + struct.pack("<HH", width, height) + body[10:]


def exif_segment(block: bytes) -> bytes:
    return b"\xff\xe1" + struct.pack(">H", 8 + len(block)) + b"Exif\0\0" + block


@dataclass(frozen=True)
class Hostile:
    make: Callable[[], bytes]
    status: str  # that a crawl must find
    error: str  # a part of what it says


TINY_SEGMENT, TINY_CHUNK, TINY_BLOCK = b"\xff\xfe\0\2", chunk(b"teXt", b""), b"!\xfe\1.\0"
HOSTILE = {
    "RGBA PNG of 100 megapixels": Hostile(
        lambda: png(10_000, 10_000, TRANSPARENT), "too_many_pixels", "1000000000 bytes"
    ),
    "palette PNG of 30 megapixels": Hostile(lambda: png(6_000, 5_000, PALETTE), "too_many_pixels", "6000x5000 PNG"),
    "PNG of 4 gigapixels": Hostile(
        lambda: png_header(65_535, 65_535) + chunk(b"IDAT", bytes(99)), "too_many_pixels", "65535x65535; at most"
    ),
    "PNG of 300,000 chunks": Hostile(lambda: png(64, 48, chunks=TINY_CHUNK * 300_000), "poisonous", "2000 chunks"),
    "PNG whose comments inflate": Hostile(
        lambda: png(64, 48, chunks=text_of(2**20) * 500), "unsupported", "not a JPEG"
    ),
    "PNG whose colour profile inflates": Hostile(lambda: png(64, 48, chunks=profile_of(2**28)), "unsupported", "not a"),
    "PNG whose EXIF copies itself": Hostile(
        lambda: png(64, 48, chunks=chunk(b"eXIf", exif_of_copies(4_000, 2**20))), "no_face", ""
    ),
    "JPEG of 4 gigapixels": Hostile(lambda: jpeg_header(65_500, 65_500), "too_many_pixels", "65500x65500; at most"),
    "progressive JPEG of 100 megapixels": Hostile(
        lambda: jpeg_header(10_000, 10_000, progressive=True), "too_many_pixels", "600000000 bytes"
    ),
    "JPEG of 250 scans": Hostile(lambda: jpeg_of_scans(250), "poisonous", "more than 100 scans"),
    "JPEG of 60,000 scans": Hostile(lambda: jpeg_of_scans(60_000, 64), "poisonous", "more than 100 scans"),
    "JPEG of a million comments": Hostile(
        lambda: jpeg_of_segments(TINY_SEGMENT, 1_000_000), "poisonous", "more than 2000 segments"
    ),
    "JPEG with padding": Hostile(lambda: jpeg_of_segments(b"\xff", 4_000_000), "poisonous", "between its segments"),
    "JPEG with junk": Hostile(
        lambda: jpeg_of_segments(TINY_SEGMENT + bytes(4_000_000), 1), "poisonous", "between its segments"
    ),
    "JPEG whose segments hide others": Hostile(
        lambda: jpeg_of_segments(b"\xff\xf0\xff\xff" + TINY_SEGMENT * 16_000, 20), "poisonous", "2000 segments"
    ),
    "JPEG with much EXIF": Hostile(
        lambda: jpeg_of_segments(exif_segment(exif_of_copies(2_000, 60_000)), 30), "poisonous", "bytes of EXIF"
    ),
    "JPEG whose EXIF copies itself": Hostile(
        lambda: jpeg_of_segments(exif_segment(exif_of_copies(2_000, 60_000)), 1), "no_face", ""
    ),
    "GIF of 4 gigapixels": Hostile(lambda: gif_of_canvas(65_535, 65_535), "too_many_pixels", "65535x65535; at most"),
    "GIF of 36 megapixels": Hostile(lambda: gif_of_canvas(6_000, 6_000), "too_many_pixels", "6000x6000 GIF"),
    "GIF of a million comments": Hostile(
        lambda: gif_of_blocks(TINY_BLOCK, 1_000_000), "poisonous", "more than 100000 blocks"
    ),
    "TIFF of one tile": Hostile(lambda: tiff_of_one_tile(26_000), "unsupported", "not a JPEG, PNG, GIF file"),
    "TIFF": Hostile(lambda: saved("TIFF"), "unsupported", "not a JPEG, PNG, GIF file"),
    "BMP": Hostile(lambda: saved("BMP"), "unsupported", "not a JPEG, PNG, GIF file"),
    "WEBP": Hostile(lambda: saved("WEBP"), "unsupported", "not a JPEG, PNG, GIF file"),
}
COSTLY = {  # photos that are as large as may be
    "RGBA PNG": lambda: png(4_000, 4_000, TRANSPARENT),
    "palette PNG": lambda: png(4_000, 4_000, PALETTE, chunk(b"tRNS", b"\0")),
    "turned PNG": lambda: png(4_000, 4_000, COLOUR, chunk(b"eXIf", TURNED)),
    "16-bit PNG": lambda: png(4_000, 4_000, GREY, bits=16),
    "JPEG of 100 scans": lambda: jpeg_of_scans(100),
    "progressive JPEG": lambda: saved("JPEG", (7_000, 7_000), progressive=True),
    "JPEG of 100 megapixels": lambda: saved("JPEG", (10_000, 10_000), "L"),
}
