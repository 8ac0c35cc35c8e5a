import io
import struct
import zlib
from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np
import pytest
import simplejpeg
from PIL import Image, PngImagePlugin

from facejoin.conf.settings import DecodeSettings
from facejoin.udfs.vision.decode import DecodeError, decode, decode_with_exif
from facejoin.udfs.vision.exif import Exif

ANY_SIZE = DecodeSettings().of_own_files()  # and any format
ORIENTATION = 0x0112
RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)
# What was done to the upright picture before it was stored, so that the orientation's turn undoes it.
STORED_AS = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def upright_picture() -> Image.Image:
    """Wider than high, and another colour in every corner."""
    quarters = np.array([[RED, GREEN], [BLUE, WHITE]], np.uint8)
    return Image.fromarray(np.kron(quarters, np.ones((16, 24, 1), np.uint8)))


def encoded(image: Image.Image, file_format: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()


def turned(orientation: int, mode: str = "RGB") -> tuple[Image.Image, Image.Exif]:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    upright, how = upright_picture().convert(mode), STORED_AS[orientation]
    return (upright if how is None else upright.transpose(how)), exif


def reason(body: bytes, settings: DecodeSettings = ANY_SIZE) -> str:
    with pytest.raises(DecodeError) as caught:
        decode(body, settings)
    return caught.value.reason


def assert_shows(pixels: np.ndarray, picture: Image.Image, tolerance: int = 0) -> None:
    assert pixels.dtype == np.uint8
    assert pixels.shape == (picture.height, picture.width, 3)
    assert np.abs(pixels.astype(int) - np.asarray(picture.convert("RGB")).astype(int)).max() <= tolerance


EXACTLY: dict[str, dict[str, object]] = {"JPEG": {"quality": 100, "subsampling": 0}, "WEBP": {"lossless": True}}


@pytest.mark.parametrize("orientation", STORED_AS)
@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_every_exif_orientation_gives_the_same_upright_picture(file_format: str, orientation: int) -> None:
    stored, exif = turned(orientation)
    body = encoded(stored, file_format, exif=exif, **EXACTLY.get(file_format, {}))
    assert_shows(decode(body, ANY_SIZE), upright_picture(), tolerance=3)


@pytest.mark.parametrize("mode", ["RGBA", "L", "P"])
def test_an_orientation_survives_the_conversion_to_rgb(mode: str) -> None:
    stored, exif = turned(6, mode)
    assert_shows(decode(encoded(stored, "PNG", exif=exif), ANY_SIZE), upright_picture().convert(mode))


def test_an_orientation_survives_the_conversion_of_16_bit_grey() -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    stored = Image.fromarray(np.full((10, 30), 257 * 9, np.uint16))
    assert decode(encoded(stored, "PNG", exif=exif), ANY_SIZE).shape == (30, 10, 3)


def test_an_orientation_that_imagemagick_wrote_as_text_counts() -> None:
    stored, exif = turned(6)
    data = exif.tobytes()
    text = PngImagePlugin.PngInfo()
    text.add_text("Raw profile type exif", f"\nexif\n{len(data):8}\n{data.hex()}\n")
    assert_shows(decode(encoded(stored, "PNG", pnginfo=text), ANY_SIZE), upright_picture())


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
@pytest.mark.parametrize("exif", [b"Exif\0\0", b"Exif\0\0MM\0*\xff\xff\xff\xff", b"Exif\0\0" + b"\xff" * 40, b"\0"])
def test_a_broken_exif_does_not_lose_the_photo(exif: bytes) -> None:
    body = encoded(upright_picture(), "JPEG", quality=100, subsampling=0, exif=exif)
    pixels, found = decode_with_exif(body, ANY_SIZE)
    assert_shows(pixels, upright_picture(), tolerance=3)
    assert found is None


def with_camera(orientation: int = 1) -> bytes:
    """As bytes: of an Exif object Pillow leaves the camera's directory out of a TIFF."""
    exif = turned(orientation)[1]
    exif[0x010F], exif[0x0110], exif[0x0131] = "NIKON CORPORATION", "NIKON D90", "Ver.1.00"
    exif.get_ifd(0x8769).update({0xA434: "18-105mm", 0x9003: "2009:06:12 12:30:05"})
    return exif.tobytes()


CAMERA = Exif("NIKON CORPORATION", "NIKON D90", "18-105mm", "Ver.1.00", datetime(2009, 6, 12, 12, 30, 5, tzinfo=UTC))


@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "TIFF", "WEBP", "MPO"])
def test_with_the_pixels_comes_what_the_file_says_of_its_camera(file_format: str, orientation: int) -> None:
    stored, exif = turned(orientation)[0], with_camera(orientation)
    body = encoded(stored, file_format, exif=exif, **EXACTLY.get(file_format, {}))
    pixels, found = decode_with_exif(body, ANY_SIZE)
    assert found == CAMERA
    assert (pixels == decode(body, ANY_SIZE)).all()
    assert pixels.shape == (32, 48, 3)


@pytest.mark.parametrize("mode", ["RGB", "CMYK"])
def test_a_smaller_jpeg_says_it_too(mode: str) -> None:
    body = encoded(noise(608, 800).convert(mode), "JPEG", exif=with_camera())
    assert decode_with_exif(body, DecodeSettings(min_bytes=0, enough_pixels=1))[1] == CAMERA


def test_exif_that_imagemagick_wrote_as_text_says_it_too() -> None:
    data = with_camera()
    text = PngImagePlugin.PngInfo()
    text.add_text("Raw profile type exif", f"\nexif\n{len(data):8}\n{data.hex()}\n")
    assert decode_with_exif(encoded(upright_picture(), "PNG", pnginfo=text), ANY_SIZE)[1] == CAMERA


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF"])
def test_a_photo_without_exif_says_nothing(file_format: str) -> None:
    assert decode_with_exif(encoded(upright_picture(), file_format), ANY_SIZE)[1] is None


@pytest.mark.parametrize("text", ["\nexif\n 4\nnot hex", "", "\nexif\n 4\n4949\n"])
def test_exif_as_text_that_cannot_be_read_says_nothing(text: str) -> None:
    raw = PngImagePlugin.PngInfo()
    raw.add_text("Raw profile type exif", text)
    pixels, found = decode_with_exif(encoded(upright_picture(), "PNG", pnginfo=raw), ANY_SIZE)
    assert_shows(pixels, upright_picture())
    assert found is None


def noise(height: int, width: int) -> Image.Image:
    """Soft spots of all colours, so that every pixel counts and a photo's compression does not change it much."""
    rough = np.random.default_rng(0).integers(0, 256, (height // 8 + 1, width // 8 + 1, 3), dtype=np.uint8)
    return Image.fromarray(rough).resize((width, height), Image.Resampling.BICUBIC)


WAYS_TO_WRITE: dict[str, dict[str, object]] = {
    "colour at half the size": {"subsampling": "4:2:0"},
    "colour at half the width": {"subsampling": "4:2:2"},
    "colour at full size": {"subsampling": "4:4:4"},
    "progressive": {"progressive": True},
    "RGB": {"keep_rgb": True},
    "restart markers": {"restart_marker_rows": 1},
}


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("way", WAYS_TO_WRITE)
def test_a_jpeg_has_the_pixels_that_pillow_reads(way: str, mode: str) -> None:
    body = encoded(noise(93, 157).convert(mode), "JPEG", **WAYS_TO_WRITE[way])
    assert_shows(decode(body, ANY_SIZE), Image.open(io.BytesIO(body)), tolerance=2)


def frames(body: bytes) -> int:
    return getattr(Image.open(io.BytesIO(body)), "n_frames", 1)  # which formats without frames need not have


def test_of_a_jpeg_with_further_pictures_behind_it_the_first_is_taken() -> None:
    first = upright_picture()
    body = encoded(first, "MPO", save_all=True, append_images=[noise(32, 48)], quality=100, subsampling=0)
    assert frames(body) == 2
    assert_shows(decode(body, ANY_SIZE), first, tolerance=3)


@pytest.mark.parametrize(
    ("enough", "size"),
    [(800 * 608, (800, 608)), (1, (100, 76)), (400 * 304, (400, 304)), (400 * 304 + 1, (500, 380))],
)
def test_a_jpeg_comes_at_the_smallest_scale_that_leaves_enough_pixels(enough: int, size: tuple[int, int]) -> None:
    photo = noise(608, 800)
    pixels = decode(encoded(photo, "JPEG"), DecodeSettings(min_bytes=0, enough_pixels=enough))
    assert pixels.shape[1::-1] == size
    off_by = np.abs(pixels.astype(int) - np.asarray(photo.resize(size, Image.Resampling.BOX)).astype(int))
    assert off_by.mean() < 6


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("size", [(801, 599), (333, 1000), (1501, 97)])
def test_a_smaller_jpeg_keeps_its_proportions_and_has_enough_pixels(size: tuple[int, int], mode: str) -> None:
    body = encoded(Image.new(mode, size), "JPEG")
    height, width = decode(body, DecodeSettings(min_bytes=0, enough_pixels=20_000)).shape[:2]
    assert 20_000 <= height * width < size[0] * size[1] / 2
    assert abs(width - size[0] * height / size[1]) < 1 + size[0] / size[1]  # sizes are rounded up to whole pixels


def test_a_smaller_jpeg_is_upright_too() -> None:
    stored, exif = turned(6)
    body = encoded(stored.resize((320, 480), Image.Resampling.NEAREST), "JPEG", exif=exif)
    pixels = decode(body, DecodeSettings(min_bytes=0, enough_pixels=1))
    assert_shows(pixels[::39, ::59], Image.fromarray(np.array([[RED, GREEN], [BLUE, WHITE]], np.uint8)), tolerance=6)


def test_only_a_jpeg_is_made_smaller() -> None:
    assert_shows(decode(encoded(noise(60, 80), "PNG"), DecodeSettings(min_bytes=0, enough_pixels=1)), noise(60, 80))


def test_what_other_decoders_forgive_in_a_jpeg_is_forgiven() -> None:
    body = bytearray(encoded(noise(480, 640), "JPEG"))
    middle = len(body) // 2
    body[middle : middle + 3] = b"\x55\xff\xd9"  # an end before the end: half of the photo is grey
    with pytest.raises(ValueError, match="premature end of data segment"):
        simplejpeg.decode_jpeg(bytes(body), strict=True)
    assert_shows(decode(bytes(body), ANY_SIZE), Image.open(io.BytesIO(bytes(body))))


def test_cmyk_becomes_rgb() -> None:
    body = encoded(upright_picture().convert("CMYK"), "JPEG", quality=100, subsampling=0)
    assert_shows(decode(body, ANY_SIZE), upright_picture(), tolerance=3)


def test_a_palette_becomes_its_colours() -> None:
    assert_shows(decode(encoded(upright_picture().quantize(4), "PNG"), ANY_SIZE), upright_picture())


@pytest.mark.parametrize("file_format", ["PNG", "GIF"])
def test_a_transparent_colour_of_a_palette_becomes_white(file_format: str) -> None:
    palette = Image.new("P", (4, 2), 0)
    palette.putpalette([*RED, *GREEN])
    palette.putpixel((3, 1), 1)
    pixels = decode(encoded(palette, file_format, transparency=0), ANY_SIZE)
    assert pixels[0, 0].tolist() == list(WHITE)
    assert pixels[1, 3].tolist() == list(GREEN)


@pytest.mark.parametrize(("alpha", "expected"), [(0, [255, 255, 255]), (255, [200, 0, 0]), (128, [227, 127, 127])])
def test_transparency_is_laid_over_white(alpha: int, expected: list[int]) -> None:
    pixels = decode(encoded(Image.new("RGBA", (5, 4), (200, 0, 0, alpha)), "PNG"), ANY_SIZE)
    assert np.abs(pixels.astype(int) - expected).max() <= 1


def test_grey_with_transparency_is_laid_over_white() -> None:
    pixels = decode(encoded(Image.new("LA", (5, 4), (10, 0)), "PNG"), ANY_SIZE)
    assert (pixels == 255).all()


@pytest.mark.parametrize("file_format", ["PNG", "TIFF"])
@pytest.mark.parametrize("byte_order", ["<u2", ">u2"])
def test_a_16_bit_ramp_keeps_its_order_and_spans_all_of_8_bits(file_format: str, byte_order: str) -> None:
    ramp = np.linspace(0, 65535, 512).astype(byte_order)[None].repeat(4, axis=0)
    pixels = decode(encoded(Image.fromarray(ramp), file_format), ANY_SIZE).astype(int)
    assert (pixels[0, 0] == 0).all()
    assert (pixels[0, -1] == 255).all()
    assert (np.diff(pixels[0, :, 0]) >= 0).all()
    assert len(np.unique(pixels)) == 256


def test_a_picture_of_floats_is_scaled_by_its_largest() -> None:
    values = np.array([[0.0, 0.5, 1.0, np.nan]], np.float32)
    assert decode(encoded(Image.fromarray(values), "TIFF"), ANY_SIZE)[0, :, 0].tolist() == [0, 127, 255, 0]


@pytest.mark.parametrize("file_format", ["GIF", "WEBP", "PNG", "TIFF"])
def test_of_an_animation_the_first_frame_is_taken(file_format: str) -> None:
    first, second = Image.new("RGB", (9, 7), RED), Image.new("RGB", (9, 7), BLUE)
    exact = {"lossless": True} if file_format == "WEBP" else {}
    body = encoded(first, file_format, save_all=True, append_images=[second], **exact)
    assert frames(body) == 2
    assert_shows(decode(body, ANY_SIZE), first)


def test_black_and_white_of_one_bit_becomes_black_and_white() -> None:
    dots = Image.fromarray(np.array([[True, False], [False, True]]))
    assert dots.mode == "1"
    assert decode(encoded(dots, "PNG"), ANY_SIZE)[:, :, 0].tolist() == [[255, 0], [0, 255]]


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "BMP"])
def test_grey_becomes_three_equal_channels(file_format: str) -> None:
    grey = upright_picture().convert("L")
    pixels = decode(encoded(grey, file_format), ANY_SIZE)
    assert (pixels == pixels[:, :, :1]).all()
    assert_shows(pixels, grey, tolerance=6)


def test_a_body_of_fewer_bytes_than_the_least_is_too_small() -> None:
    body = encoded(upright_picture(), "PNG")
    assert reason(body, DecodeSettings(min_bytes=len(body) + 1)) == "too_small"
    assert_shows(decode(body, DecodeSettings(min_bytes=len(body))), upright_picture())


def test_as_many_pixels_as_the_most_are_decoded_and_one_more_is_too_many() -> None:
    body = encoded(upright_picture(), "PNG")
    assert_shows(decode(body, DecodeSettings(min_bytes=0, max_pixels=48 * 32)), upright_picture())
    assert reason(body, DecodeSettings(min_bytes=0, max_pixels=48 * 32 - 1)) == "too_many_pixels"


def png_header(width: int, height: int) -> bytes:
    """A PNG that ends where its pixels should begin."""
    fields = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", len(fields) - 4) + fields + struct.pack(">I", zlib.crc32(fields))
    return b"\x89PNG\r\n\x1a\n" + chunk + struct.pack(">I", 100) + b"IDAT"


def test_a_photo_of_too_many_pixels_is_refused_by_its_header_alone() -> None:
    assert reason(png_header(20_000, 20_000)) == "too_many_pixels"
    assert reason(png_header(200, 200)) == "corrupt"


def test_a_jpeg_of_too_many_pixels_is_refused_by_its_header_alone() -> None:
    body = bytearray(encoded(upright_picture(), "JPEG"))
    size = body.index(b"\xff\xc0") + 5  # of the frame's header, behind marker, length and precision
    body[size : size + 4] = struct.pack(">HH", 65_000, 65_000)
    assert reason(bytes(body)) == "too_many_pixels"
    assert reason(bytes(body[: body.index(b"\xff\xda") + 20])) == "too_many_pixels"


def test_a_photo_of_no_pixels_is_no_photo() -> None:
    assert reason(png_header(0, 0)) in ("unsupported", "corrupt")


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "GIF", "BMP", "TIFF"])
def test_half_a_file_is_corrupt(file_format: str) -> None:
    body = encoded(noise(64, 64), file_format)
    assert reason(body[: len(body) // 2]) == "corrupt"


@pytest.mark.parametrize("enough", [1, 4_000_000])
@pytest.mark.parametrize("missing", [2, 3, 100])
@pytest.mark.parametrize("way", [{}, {"progressive": True}])
def test_a_jpeg_without_its_end_is_corrupt(way: dict[str, object], missing: int, enough: int) -> None:
    body = encoded(noise(93, 157), "JPEG", **way)
    assert reason(body[:-missing], DecodeSettings(min_bytes=0, enough_pixels=enough)) == "corrupt"


NOT_PHOTOS: dict[str, Callable[[], bytes]] = {
    "nothing": lambda: b"",
    "a page": lambda: b"<!DOCTYPE html><html><body>This photo is no longer available</body></html>",
    "random bytes": lambda: np.random.default_rng(0).bytes(5000),
    "zeros": lambda: bytes(5000),
    "a drawing": lambda: b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>',
    "PostScript": lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
    "a format that is not on the list": lambda: encoded(upright_picture(), "PPM"),
}


@pytest.mark.parametrize("what", NOT_PHOTOS)
def test_what_is_no_photo_is_unsupported(what: str) -> None:
    assert reason(NOT_PHOTOS[what]()) == "unsupported"


def test_a_refusal_says_what_was_given_and_what_was_expected() -> None:
    with pytest.raises(DecodeError, match=r"^3 bytes; at least 30000 expected$"):
        decode(b"GIF", DecodeSettings())
    with pytest.raises(DecodeError, match=r"^20000x20000; at most 100000000 pixels$"):
        decode(png_header(20_000, 20_000), ANY_SIZE)
