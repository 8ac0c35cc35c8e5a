"""The demo's own collection, made small and of stand-in samples: what is promised of it does not need the faces."""

from collections import Counter
from pathlib import Path

import pytest
from PIL import Image

from facejoin.demo import sample_collection
from facejoin.demo.sample_collection import ENROLLED, SEEN, make_sample_collection
from facejoin.demo.samples import SCENES, Samples

PORT = 8123
SIZES = {"obama2.jpg": (626, 1200), "obama3.jpg": (1434, 2333), "biden.jpg": (970, 2204), "astronaut.png": (512, 512)}


@pytest.fixture(scope="module")
def samples(tmp_path_factory, make_photo):
    """Noise under the samples' names, in the sizes that the faces' places ask for."""
    folder = tmp_path_factory.mktemp("samples")
    for name in sorted({*ENROLLED.values(), *SIZES, *SCENES}):
        make_photo(folder / name, *SIZES.get(name, (300, 300)))
    return Samples(folder)


@pytest.fixture(scope="module")
def make_small(samples, tmp_path_factory):
    """Makes a collection for a port, with few photos of each sort."""

    def make(port):
        with pytest.MonkeyPatch.context() as patch:
            for constant, number in {"PORTRAITS_PER_PERSON": 2, "GROUPS": 3, "SCENE_PHOTOS": 4}.items():
                patch.setattr(sample_collection, constant, number)
            return make_sample_collection(samples, tmp_path_factory.mktemp("out") / "collection", port)

    return make


@pytest.fixture(scope="module")
def collection(make_small):
    return make_small(PORT)


def files_of(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_every_photo_of_the_lists_is_of_someone_of_nobody_or_a_fault(collection, listed):
    parts = [set(collection.truth), set(collection.unknown), set(collection.fault_statuses)]
    assert sum(map(len, parts)) == len(set().union(*parts))
    assert set(listed(collection)) == set().union(*parts)


def test_every_photo_that_should_be_found_is_there_and_of_30_kb_or_more(collection, listed):
    photos = listed(collection)
    for photo_id in [*collection.truth, *collection.unknown]:
        url, marker, file = photos[photo_id]
        assert url.startswith(f"http://127.0.0.1:{PORT}/")
        assert marker == "0"
        assert file.stat().st_size >= 30 * 1024


def test_every_photo_opens_and_is_500_pixels_or_more(collection, listed):
    photos = listed(collection)
    for photo_id in [*collection.truth, *collection.unknown]:
        with Image.open(photos[photo_id][2]) as photo:
            assert max(photo.size) >= 500
            photo.load()


def test_the_collection_holds_every_encoding_that_a_decoder_meets(collection):
    modes: Counter[tuple[object, ...]] = Counter()
    for path in collection.photos.rglob("*.*"):
        with Image.open(path) as photo:
            turned = "turned" if photo.getexif().get(0x0112, 1) != 1 else ""
            modes[photo.format, photo.mode, getattr(photo, "n_frames", 1), turned] += 1
    assert {
        ("JPEG", "RGB", 1, ""),
        ("JPEG", "RGB", 1, "turned"),
        ("JPEG", "L", 1, ""),
        ("JPEG", "CMYK", 1, ""),
        ("PNG", "RGB", 1, ""),
        ("PNG", "RGBA", 1, ""),
        ("PNG", "P", 1, ""),
        ("PNG", "I;16", 1, ""),
        ("GIF", "P", 1, ""),
        ("GIF", "P", 3, ""),
    } == set(modes)


def test_the_gallery_is_enrolled_with_other_photos_where_there_are_others(collection):
    enrolled = {path.parent.name: path.name for path in collection.gallery.rglob("*.jpg")}
    assert enrolled == {"Barack_Obama": "obama.jpg", "Joe_Biden": "biden.jpg", "Eileen_Collins": "astronaut.jpg"}
    assert "obama.jpg" not in SEEN["Barack_Obama"]


def test_every_fault_is_there_twice_with_its_outcome(collection):
    outcomes = "blocked_address corrupt gone http_error not_image_url opted_out placeholder robots timeout too_small"
    assert collection.expected_statuses == {status: 2 for status in [*outcomes.split(), "unsupported", "video"]}


def test_faults_that_need_no_server_show_in_the_row(collection, listed):
    photos = listed(collection)
    by_status: dict[str, list[tuple[str, str, Path]]] = {}
    for photo_id, status in collection.fault_statuses.items():
        by_status.setdefault(status, []).append(photos[photo_id])
    assert all(marker == "1" for _, marker, _ in by_status["video"])
    assert all(url.endswith(".tif") for url, _, _ in by_status["not_image_url"])
    assert all(url.startswith("http://10.0.0.1/") for url, _, _ in by_status["blocked_address"])
    assert all("/private/" in url and file.exists() for url, _, file in by_status["robots"])
    assert all(file.stat().st_size < 1_000 for _, _, file in by_status["too_small"])


def test_faults_of_the_server_are_named_by_path_and_have_a_photo_behind_them(collection):
    faults = Counter(collection.faults.values())
    assert faults == Counter(
        ["not_found", "placeholder", "truncated", "wrong_type", "slow", "server_error", "opted_out"] * 2
    )
    for path, fault in collection.faults.items():
        assert (collection.photos / path.lstrip("/")).exists() == (fault != "not_found")


def test_half_of_a_truncated_photo_is_not_too_small(collection):
    cut = [collection.photos / path.lstrip("/") for path, fault in collection.faults.items() if fault == "truncated"]
    assert len(cut) == 2
    assert all(path.stat().st_size >= 2 * 30 * 1024 for path in cut)


def test_the_same_samples_give_the_same_bytes_and_another_port_changes_only_lists_and_truth(collection, make_small):
    first, second = files_of(collection.folder), files_of(make_small(PORT + 1).folder)
    assert set(first) == set(second)
    changed = {str(path) for path in first if first[path] != second[path]}
    assert changed == {"lists/photos-0.bz2", "lists/photos-1.bz2", "truth.json"}


def test_a_second_call_needs_no_samples_and_changes_nothing(collection, tmp_path):
    before = {path: path.stat().st_mtime_ns for path in collection.folder.rglob("*")}
    assert make_sample_collection(Samples(tmp_path / "gone"), collection.folder, PORT + 1) == collection
    assert before == {path: path.stat().st_mtime_ns for path in collection.folder.rglob("*")}
