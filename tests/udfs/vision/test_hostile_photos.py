"""What files that are made to cost whoever decodes them do cost, by the system's own figures."""

import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress

import hostile_photos
import measured_decoding
import pytest
from hostile_photos import COSTLY, HOSTILE

from facejoin.conf.settings import DecodeSettings
from facejoin.udfs.vision.decode import DecodeError, decode
from facejoin.udfs.vision.excess import GIF_BLOCKS, PARTS, Excess, check_excess

SLACK = 40_000_000  # bytes: a band of pixels, and copies of a header's parts
SECONDS = 60  # of the processor, for all: a hostile one alone would take longer

Cost = tuple[str, str, int, float]  # outcome, error, further bytes at the peak, seconds


@pytest.fixture(scope="module")
def costs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Cost]:
    """Of each file, decoded in one process."""
    folder = tmp_path_factory.mktemp("hostile")
    makers = {what: hostile.make for what, hostile in HOSTILE.items()} | COSTLY
    files = [folder / str(number) for number in range(len(makers))]
    for file, make in zip(files, makers.values(), strict=True):
        file.write_bytes(make())
    command = [sys.executable, measured_decoding.__file__]
    told = "\n".join(map(str, files))
    done = subprocess.run(command, input=told, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-2000:]
    return dict(zip(makers, map(json.loads, done.stdout.splitlines()), strict=True))


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_file_is_refused_for_what_it_is_and_costs_next_to_nothing(what: str, costs: dict[str, Cost]) -> None:
    outcome, error, memory, _ = costs[what]
    expected = HOSTILE[what]
    assert outcome == ("decoded" if expected.status == "no_face" else expected.status)
    assert expected.error in error
    assert memory < 100_000_000


@pytest.mark.parametrize("what", COSTLY)
def test_the_largest_photos_cost_no_more_than_the_settings_say(what: str, costs: dict[str, Cost]) -> None:
    outcome, _, memory, _ = costs[what]
    assert outcome == "decoded"
    assert memory < DecodeSettings().max_memory + SLACK


def test_all_of_them_together_take_less_than_a_worker_may_be_silent(costs: dict[str, Cost]) -> None:
    assert sum(seconds for *_, seconds in costs.values()) < SECONDS


def test_a_tile_that_is_larger_than_its_picture_counts() -> None:
    with pytest.raises(DecodeError, match=r"^16x16 in tiles of 676000000 pixels; at most 100000000 pixels$") as caught:
        decode(hostile_photos.tiff_of_one_tile(26_000), DecodeSettings().of_own_files())
    assert caught.value.reason == "too_many_pixels"


def test_as_many_scans_as_the_most_are_decoded() -> None:
    body = hostile_photos.jpeg_of_scans(20, side=64)
    assert decode(body, DecodeSettings(min_bytes=0, max_scans=20)).shape == (64, 64, 3)
    with pytest.raises(DecodeError, match=r"^JPEG of more than 19 scans$"):
        decode(body, DecodeSettings(min_bytes=0, max_scans=19))


def test_what_only_looks_like_scans_is_not_counted() -> None:
    """A thumbnail in the header, and a film behind the photo."""
    photo = hostile_photos.saved("JPEG", progressive=True)
    scans = photo.count(b"\xff\xda")
    thumbnail = hostile_photos.jpeg_of_segments(hostile_photos.exif_segment(photo), 1)
    film = photo + b"\xff\xda" * 1000
    for body in (thumbnail, film):
        assert decode(body, DecodeSettings(min_bytes=0, max_scans=scans)).shape == (48, 64, 3)


def test_memory_is_reckoned_of_a_jpeg_in_several_scans_alone() -> None:
    size = {"subsampling": "4:2:0"}
    assert check_excess(hostile_photos.saved("JPEG", (640, 480), **size), 10) == 0
    assert check_excess(hostile_photos.saved("JPEG", (640, 480), progressive=True, **size), 10) == 640 * 480 * 3
    assert check_excess(hostile_photos.saved("JPEG", (640, 480), "L", progressive=True), 10) == 640 * 480 * 2
    assert check_excess(hostile_photos.saved("PNG", (640, 480)), 10) == 0


USUAL: dict[str, Callable[[], bytes]] = {
    "comments of a JPEG": lambda: hostile_photos.jpeg_of_segments(hostile_photos.TINY_SEGMENT, PARTS // 2),
    "padding of a JPEG": lambda: hostile_photos.jpeg_of_segments(b"\xff", 50),
    "chunks of a PNG": lambda: hostile_photos.png(64, 48, chunks=hostile_photos.TINY_CHUNK * (PARTS // 2)),
    "blocks of a GIF": lambda: hostile_photos.gif_of_blocks(hostile_photos.TINY_BLOCK, GIF_BLOCKS // 4),
}


@pytest.mark.parametrize("what", USUAL)
def test_a_photo_with_many_parts_is_a_photo_all_the_same(what: str) -> None:
    assert decode(USUAL[what](), DecodeSettings(min_bytes=0)).shape == (48, 64, 3)


@pytest.mark.parametrize("what", [what for what, hostile in HOSTILE.items() if hostile.status == "poisonous"])
def test_where_such_a_file_is_cut_off_nothing_but_its_excess_is_raised(what: str) -> None:
    body = HOSTILE[what].make()
    for length in (0, 3, 10, 13, 100, 700, 5_000, len(body) - 1):
        with suppress(Excess):
            assert check_excess(body[:length], 100) >= 0


def test_photos_of_the_user_may_have_any_format() -> None:
    for file_format in ("TIFF", "BMP", "WEBP"):
        body = hostile_photos.saved(file_format)
        assert decode(body, DecodeSettings().of_own_files()).shape == (48, 64, 3)
        with pytest.raises(DecodeError, match="not a JPEG, PNG, GIF file"):
            decode(body, DecodeSettings(min_bytes=0))
