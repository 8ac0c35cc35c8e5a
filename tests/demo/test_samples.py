"""The demo's sample photos: pinned, fetched once, and one clear error where they cannot be had."""

import hashlib
import subprocess
import zipfile

import pytest

from facejoin.jobs.demo import samples
from facejoin.jobs.demo.samples import PACKAGES, Package, SampleError, fetch_samples

PHOTO = b"not really a photo"


@pytest.fixture(scope="session")
def real_cache(tmp_path_factory):
    """A cache with the real samples, out of the registry that pip is configured for."""
    cache = tmp_path_factory.mktemp("cache")
    fetch_samples(cache)
    return cache


@pytest.fixture
def local_package(tmp_path, monkeypatch):
    """A package with one photo, in a folder that is all that pip may search."""
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    wheel = shelf / "tiny_photos-1.0-py3-none-any.whl"
    info = "tiny_photos-1.0.dist-info"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("tiny_photos/one.jpg", PHOTO)
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: tiny-photos\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(shelf))

    def package(photo="one.jpg", photo_sha256=None, wheel_sha256=None):
        photos = {photo: photo_sha256 or _sha256(PHOTO)}
        only = Package("tiny-photos==1.0", wheel_sha256 or _sha256(wheel.read_bytes()), (), "tiny_photos", photos)
        monkeypatch.setattr(samples, "PACKAGES", (only,))

    return package


def _sha256(content):
    return hashlib.sha256(content).hexdigest()


def _no_network(*args, **kwargs):
    raise AssertionError(f"a second download was started: {args}")


def test_every_real_sample_is_the_pinned_photo(real_cache):
    stored = {path.name: _sha256(path.read_bytes()) for path in (real_cache / "samples").iterdir()}
    assert stored == {name: sha256 for package in PACKAGES for name, sha256 in package.photos.items()}


def test_a_second_fetch_downloads_nothing(local_package, tmp_path, monkeypatch):
    local_package()
    first = fetch_samples(tmp_path)
    monkeypatch.setattr(subprocess, "run", _no_network)
    assert fetch_samples(tmp_path) == first
    assert first.path("one.jpg").read_bytes() == PHOTO


def test_a_damaged_sample_is_fetched_again(local_package, tmp_path):
    local_package()
    photo = fetch_samples(tmp_path).path("one.jpg")
    photo.write_bytes(b"half")
    fetch_samples(tmp_path)
    assert photo.read_bytes() == PHOTO


def test_another_photo_under_the_right_name_is_refused(local_package, tmp_path):
    local_package(photo_sha256="0" * 64)
    with pytest.raises(SampleError, match=r"one\.jpg of tiny-photos==1\.0 is another photo"):
        fetch_samples(tmp_path)
    assert not (tmp_path / "samples").exists()


def test_another_archive_under_the_right_version_is_refused(local_package, tmp_path):
    local_package(wheel_sha256="0" * 64)
    with pytest.raises(SampleError, match=r"tiny-photos==1\.0.*(?i:hash)"):
        fetch_samples(tmp_path)


def test_a_photo_that_the_archive_lacks_is_named(local_package, tmp_path):
    local_package(photo="two.jpg")
    with pytest.raises(SampleError, match=r"does not hold tiny_photos/two\.jpg"):
        fetch_samples(tmp_path)


def test_no_network_is_one_line_that_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    with pytest.raises(SampleError, match=r"face_recognition==1\.3\.0.*pip config list.*--photos DIR") as error:
        fetch_samples(tmp_path)
    assert "\n" not in str(error.value)


def test_a_cache_that_cannot_be_written_is_named(local_package, tmp_path):
    local_package()
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(SampleError, match=r"cannot keep the sample photos in .*file"):
        fetch_samples(tmp_path / "file")
