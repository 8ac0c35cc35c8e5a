"""`facejoin view`: the page on a real port, of a real process, until Ctrl-C."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from http.client import HTTPConnection
from pathlib import Path
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import ProxyHandler, build_opener

import pytest
from site_people import as_people

from facejoin.demo.collection import Collection, load_collection
from facejoin.demo.draft import Draft, make_once
from facejoin.demo.serving import served
from facejoin.viewer.server import serve_site
from facejoin.viewer.site import write_site

FACEJOIN = Path(sys.executable).with_name("facejoin")
PEOPLE: list[dict[str, object]] = [{"name": "Ada", "profilePic": None, "foundPics": []}]
PHOTO = b"one"
TIMEOUT = 30  # seconds, for a process that ought to end
DIRECTLY = build_opener(ProxyHandler({}))


def get(url: str) -> bytes:
    with DIRECTLY.open(url, timeout=TIMEOUT) as answer:
        return answer.read()


@pytest.fixture
def site(tmp_path: Path) -> Path:
    return write_site(tmp_path / "out" / "site", as_people(PEOPLE), []).parent


@pytest.fixture
def demo(site: Path) -> Collection:
    """The collection in the folder of a demo that has published its site."""

    def add_one_photo(draft: Draft) -> None:
        draft.add_photo(".jpg", ["Ada"]).write_bytes(PHOTO)

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return make_once(site.parent / "collection", port, "test", add_one_photo)


def url_of_photo(collection: Collection) -> str:
    (photo,) = collection.photos.rglob("*.jpg")
    return f"http://127.0.0.1:{collection.port}/{photo.relative_to(collection.photos)}"


@pytest.fixture
def view() -> Iterator[Callable[..., tuple[str, subprocess.Popen[str]]]]:
    """(folder, *options): starts the command → the URL that it names, and the process, which ends with the test."""
    with ExitStack() as started:

        def view(*arguments: object) -> tuple[str, subprocess.Popen[str]]:
            command = [str(FACEJOIN), "view", *map(str, arguments)]
            process = subprocess.Popen(
                command,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                preexec_fn=lambda: signal.signal(
                    signal.SIGINT, signal.SIG_DFL
                ),  # a background shell's children ignore it
            )
            started.enter_context(process)
            started.callback(process.kill)
            assert process.stdout is not None  # both are piped
            assert process.stderr is not None
            url, _, rest = process.stdout.readline().partition(" ")
            assert rest == "until Ctrl-C\n", process.stderr.read()
            return url, process

        yield view


def test_the_page_and_its_files_are_served(site, view):
    url, _ = view(site)
    assert get(url) == (site / "index.html").read_bytes()
    assert json.loads(get(f"{url}results.json")) == PEOPLE


def test_of_a_demos_folder_its_photos_are_served_too(demo, view):
    url, _ = view(demo.folder.parent)
    assert json.loads(get(f"{url}results.json")) == PEOPLE
    assert get(url_of_photo(demo)) == PHOTO


def test_ctrl_c_ends_it_without_a_complaint_and_its_ports_are_free(demo, view):
    url, process = view(demo.folder.parent)
    get(url)
    process.send_signal(signal.SIGINT)
    assert process.wait(TIMEOUT) == 0
    assert (process.stdout.read(), process.stderr.read()) == ("", "")
    for address in (url, url_of_photo(demo)):
        with pytest.raises(URLError, match="Connection refused"):
            get(address)


def test_a_demo_and_a_view_of_its_collection_live_side_by_side(demo, view):
    with served(load_collection(demo.folder)):  # as a demo that still runs does it
        url, _ = view(demo.folder.parent)
        assert json.loads(get(f"{url}results.json")) == PEOPLE
        assert get(url_of_photo(demo)) == PHOTO


def test_a_demo_is_served_by_a_view_that_was_there_before(demo, view):
    view(demo.folder.parent)
    with served(load_collection(demo.folder)):
        assert get(url_of_photo(demo)) == PHOTO


def test_a_port_of_ones_own_is_used_and_one_that_is_taken_is_one_clear_line(site, view, facejoin):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        status, out, err = facejoin("view", site, "--port", port)
        assert (status, out) == (2, "")
        assert err.startswith(f"facejoin: port {port} is taken: ")
        assert err.count("\n") == 1
    url, _ = view(site, "--port", port)
    assert url == f"http://127.0.0.1:{port}/"


def test_photos_whose_port_another_program_has_are_one_clear_line(demo, facejoin):
    with socket.create_server(("127.0.0.1", demo.port)):
        status, out, err = facejoin("view", demo.folder.parent)
    assert (status, out) == (2, "")
    assert err.startswith(f"facejoin: port {demo.port}, which the photo lists name, is taken by another program")
    assert err.count("\n") == 1


def test_a_folder_without_a_page_is_one_clear_line(tmp_path, facejoin):
    status, out, err = facejoin("view", tmp_path)
    assert (status, out) == (2, "")
    assert err == f"facejoin: no page in {tmp_path}: expected index.html, as `facejoin publish` writes it\n"


def answered(url: str, path: str, host: str | None = None) -> tuple[int, bytes]:
    connection = HTTPConnection(urlsplit(url).netloc, timeout=TIMEOUT)
    with closing(connection):
        connection.request("GET", path, headers={} if host is None else {"Host": host})
        answer = connection.getresponse()
        return answer.status, answer.read()


@pytest.fixture
def served_site(site: Path) -> Iterator[tuple[str, Path]]:
    with serve_site(site) as own:
        yield own.url, site


def test_links_that_lead_out_of_the_site_are_not_followed_and_others_are(served_site, tmp_path):
    url, site = served_site
    (tmp_path / "secret.txt").write_text("secret")
    (site / "file").symlink_to(tmp_path / "secret.txt")
    (site / "folder").symlink_to(tmp_path)
    (site / "within").symlink_to(site / "results.json")
    for path in ("/file", "/folder/secret.txt", "/folder/", "/../../secret.txt", "/%2e%2e/%2e%2e/secret.txt"):
        status, body = answered(url, path)
        assert (status, b"secret" in body.replace(path.encode(), b"")) == (404, False), path
    assert answered(url, "/within") == (200, (site / "results.json").read_bytes())


def test_folders_are_not_listed(served_site):
    url, site = served_site
    (site / "figures").mkdir()
    (site / "figures" / "people.svg").write_text("<svg/>")
    status, body = answered(url, "/figures/")
    assert (status, b"people.svg" in body) == (404, False)
    assert answered(url, "/figures/people.svg")[0] == 200


def test_who_asks_for_another_machine_is_refused(served_site):
    url, _ = served_site
    port = urlsplit(url).port
    assert answered(url, "/", f"localhost:{port}")[0] == 200
    for host in ("evil.test", f"evil.test:{port}", "127.0.0.1", f"127.0.0.1:{port + 1}", ""):
        status, body = answered(url, "/results.json", host)
        assert (status, b"Ada" in body) == (421, False), host
