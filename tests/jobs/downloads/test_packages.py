"""Files out of packages: pinned, fetched once, and one clear error where they cannot be had."""

import hashlib
import io
import json
import os
import tarfile
import zipfile
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from raw_server import answer, raw_server

from facejoin.jobs.downloads import packages as module
from facejoin.jobs.downloads.index import default_index
from facejoin.jobs.downloads.packages import Package, PackageError, fetch_files, store

PHOTO = b"not really a photo"
PAGE = "/simple/tiny-photos/"


def _wheel():
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("tiny_photos/one.jpg", PHOTO)
    return content.getvalue()


WHEEL = _wheel()


@pytest.fixture
def index(monkeypatch, tmp_path):
    """path → answer of a package index, which may be changed; it is the only one that pip is set up for."""
    answers: dict[str, bytes] = {}
    with raw_server(answers, {}) as server:
        monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
        for option in ("NO_INDEX", "EXTRA_INDEX_URL", "PROXY"):
            monkeypatch.delenv(f"PIP_{option}", raising=False)
        monkeypatch.setenv("PIP_INDEX_URL", server.url("/simple"))
        yield answers


@pytest.fixture
def local_package(index):
    """Makes the package of one photo and puts its wheel on the index."""

    def package(photo="one.jpg", photo_sha256=None, archive=WHEEL, archive_sha256=None):
        sha256 = archive_sha256 or _sha256(archive)
        index[PAGE] = answer(200, f'<a href="../../files/tiny&amp;1.0#sha256={sha256}">1.0</a>'.encode(), "text/html")
        index["/files/tiny&1.0"] = answer(200, archive)
        return [Package("Tiny_Photos==1.0", sha256, "tiny_photos", {photo: photo_sha256 or _sha256(PHOTO)})]

    return package


def _source_distribution(setup):
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for name, text in {"tiny_photos/one.jpg": PHOTO, "tiny_photos/setup.py": setup.encode()}.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text))
    return content.getvalue()


def _sha256(content):
    return hashlib.sha256(content).hexdigest()


def _no_network(*args, **kwargs):
    raise AssertionError(f"a second download was started: {args}")


def test_a_second_fetch_downloads_nothing(local_package, tmp_path, monkeypatch):
    packages = local_package()
    fetch_files(packages, tmp_path / "cache")
    monkeypatch.setattr(module, "indexed_file", _no_network)
    fetch_files(packages, tmp_path / "cache")
    assert (tmp_path / "cache" / "one.jpg").read_bytes() == PHOTO


def test_a_damaged_file_is_fetched_again(local_package, tmp_path):
    packages = local_package()
    fetch_files(packages, tmp_path / "cache")
    (tmp_path / "cache" / "one.jpg").write_bytes(b"half")
    fetch_files(packages, tmp_path / "cache")
    assert (tmp_path / "cache" / "one.jpg").read_bytes() == PHOTO


def test_another_file_under_the_right_name_is_refused(local_package, tmp_path):
    with pytest.raises(PackageError, match=r"one\.jpg of Tiny_Photos==1\.0 is another file"):
        fetch_files(local_package(photo_sha256="0" * 64), tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


def test_nothing_of_a_source_distribution_is_run(local_package, tmp_path):
    marker = tmp_path / "it ran"
    packages = local_package(archive=_source_distribution(f"open({str(marker)!r}, 'w')"))
    fetch_files(packages, tmp_path / "cache")
    assert (tmp_path / "cache" / "one.jpg").read_bytes() == PHOTO
    assert not marker.exists()


def test_an_index_may_answer_in_json(index, local_package, tmp_path):
    packages = local_package()
    listed = [
        {"url": "/files/other", "hashes": {"md5": "0"}},
        {"url": "/files/tiny&1.0", "hashes": {"sha256": packages[0].sha256}},
    ]
    index[PAGE] = answer(200, json.dumps({"files": listed}).encode(), "application/vnd.pypi.simple.v1+json")
    fetch_files(packages, tmp_path / "cache")
    assert (tmp_path / "cache" / "one.jpg").read_bytes() == PHOTO


def test_a_second_index_is_asked_for_what_the_first_one_lacks(index, local_package, tmp_path, monkeypatch):
    packages, here = local_package(), os.environ["PIP_INDEX_URL"]
    monkeypatch.setenv("PIP_INDEX_URL", here.replace("/simple", "/empty"))
    (tmp_path / "pip.conf").write_text(f"[global]\nextra-index-url = {here}\n")
    fetch_files(packages, tmp_path / "cache")
    assert (tmp_path / "cache" / "one.jpg").exists()


def test_an_archive_that_is_not_listed_is_an_error(index, local_package, tmp_path):
    packages = local_package()
    index[PAGE] = answer(200, b"<a href='other.whl#sha256=12'>other.whl</a>", "text/html")
    with pytest.raises(PackageError, match=r"Tiny_Photos==1\.0.*the index has no file of Tiny_Photos with SHA-256"):
        fetch_files(packages, tmp_path / "cache")


def test_a_page_that_cannot_be_read_is_an_error(index, local_package, tmp_path):
    packages = local_package()
    index[PAGE] = answer(200, b"[", "application/vnd.pypi.simple.v1+json")
    with pytest.raises(PackageError, match=r"127\.0\.0\.1 has no page of the project that can be read"):
        fetch_files(packages, tmp_path / "cache")


def test_another_archive_under_the_right_hash_is_refused(local_package, tmp_path):
    with pytest.raises(PackageError, match=r"Tiny_Photos==1\.0.*gives another file than it lists"):
        fetch_files(local_package(archive_sha256="0" * 64), tmp_path / "cache")


def test_what_the_index_says_instead_is_told_without_the_password(index, local_package, tmp_path, monkeypatch):
    packages = local_package()
    index[PAGE] = answer(403)
    monkeypatch.setenv("PIP_INDEX_URL", os.environ["PIP_INDEX_URL"].replace("://", "://ann:secret@"))
    with pytest.raises(PackageError, match=r"127\.0\.0\.1 answers with status 403") as error:
        fetch_files(packages, tmp_path / "cache")
    assert "secret" not in str(error.value)


def test_a_file_that_the_archive_lacks_is_named(local_package, tmp_path):
    with pytest.raises(PackageError, match=r"does not hold tiny_photos/two\.jpg"):
        fetch_files(local_package(photo="two.jpg"), tmp_path / "cache")


@pytest.mark.parametrize(
    ("option", "value", "reason"),
    [("INDEX_URL", "http://127.0.0.1:9/simple", "cannot be reached"), ("NO_INDEX", "1", "allow no index")],
)
def test_no_index_is_one_line_that_says_what_to_do(local_package, tmp_path, monkeypatch, option, value, reason):
    packages = local_package()
    monkeypatch.setenv(f"PIP_{option}", value)
    with pytest.raises(PackageError, match=rf"Tiny_Photos==1\.0.*one\.jpg.*{reason}.*pip config list") as error:
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


def test_without_any_setting_it_is_the_index_that_pip_itself_takes(monkeypatch):
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.delenv("PIP_INDEX_URL", raising=False)
    monkeypatch.setenv("COLUMNS", "40")  # to which pip would wrap its help
    address = urlsplit(default_index())
    assert (address.scheme, address.path.rstrip("/")) == ("https", "/simple")
