"""The photos of a collection on the port that its lists name: one server for all who need it, and nobody else's."""

from __future__ import annotations

import http.client
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace

import pytest

from facejoin.conf.settings import SettingsError
from facejoin.demo import serving
from facejoin.demo.collection import Collection
from facejoin.demo.draft import Draft, make_once
from facejoin.demo.photo_server import PhotoServer
from facejoin.demo.serving import TOKEN_FILE, served

PHOTO = b"one"


@pytest.fixture
def collection(tmp_path) -> Collection:
    """One photo, and a port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return make_once(tmp_path / "collection", port, "test", add_one_photo)


def add_one_photo(draft: Draft) -> None:
    draft.add_photo(".jpg", ["Ada"]).write_bytes(PHOTO)


def path_of_photo(collection: Collection) -> str:
    (photo,) = collection.photos.rglob("*.jpg")
    return f"/{photo.relative_to(collection.photos)}"


def get(collection: Collection, path: str) -> tuple[int, bytes]:
    with closing(http.client.HTTPConnection("127.0.0.1", collection.port, timeout=10)) as connection:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()


@pytest.fixture
def another_program(collection) -> Iterator[Callable[[bytes], None]]:
    """(bytes): has the collection's port, and says these to whoever connects, or nothing."""
    with socket.create_server(("127.0.0.1", collection.port)) as listener:

        def answer(words: bytes) -> None:
            try:
                connection, _ = listener.accept()
            except OSError:  # the test is over
                return
            with connection:
                connection.sendall(words)
                connection.recv(1000)

        yield lambda words: threading.Thread(target=answer, args=(words,), daemon=True).start()


def test_photos_faults_and_rules_are_those_of_the_collection(collection):
    path = path_of_photo(collection)
    with served(replace(collection, faults={f"{path}.gone": "gone"}, robots_txt="User-agent: *\n")):
        assert get(collection, path) == (200, PHOTO)
        assert get(collection, f"{path}.gone")[0] == 410
        assert get(collection, "/robots.txt") == (200, b"User-agent: *\n")


def test_the_port_is_free_again_afterwards(collection):
    for _ in range(2):
        with served(collection):
            assert get(collection, path_of_photo(collection)) == (200, PHOTO)
    with pytest.raises(ConnectionRefusedError):
        get(collection, path_of_photo(collection))


def test_a_second_one_uses_the_server_of_the_first_and_leaves_it_running(collection, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")  # asked past any proxy
    with served(collection):
        with served(collection):
            assert get(collection, path_of_photo(collection)) == (200, PHOTO)
        assert get(collection, path_of_photo(collection)) == (200, PHOTO)


@pytest.mark.parametrize(
    "words", [b"", b"SSH-2.0-OpenSSH_9.6\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno"], ids=repr
)
def test_a_port_that_another_program_has_is_one_clear_error(collection, another_program, monkeypatch, words):
    monkeypatch.setattr(serving, "TIMEOUT", 0.5)
    (collection.photos / TOKEN_FILE).write_text("of an earlier run")
    another_program(words)
    message = rf"^port {collection.port}, which .* is taken by another program"
    with pytest.raises(SettingsError, match=message), served(collection):
        pytest.fail("served")


def test_before_anything_was_ever_served_another_program_is_not_asked(collection, another_program):
    with pytest.raises(SettingsError, match="taken by another program"), served(collection):
        pytest.fail("served")


def test_another_collections_server_does_not_count_whatever_token_was_left(collection, tmp_path):
    with served(collection):
        pass
    copy = replace(collection, folder=tmp_path / "copy")
    shutil.copytree(collection.folder, copy.folder)  # with the token of that run
    with served(collection), pytest.raises(SettingsError, match="taken by another program"), served(copy):
        pytest.fail("served")


def test_a_server_without_a_token_does_not_count(collection, tmp_path):
    (collection.photos / TOKEN_FILE).write_text("of an earlier run")
    (tmp_path / "empty").mkdir()
    with (
        PhotoServer(tmp_path / "empty", collection.port),
        pytest.raises(SettingsError, match="taken by another program"),
        served(collection),
    ):
        pytest.fail("served")
