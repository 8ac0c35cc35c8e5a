import shutil
import socket
import ssl
import subprocess
from pathlib import Path

import pytest

from facejoin.demo.photo_server import Fault
from facejoin.udfs.web.fetch import Fetched, Fetcher
from facejoin.udfs.web.outcomes import Outcome

PATH = "/8/1.jpg"

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl to make a certificate with")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A PEM file with a key and a self-signed certificate for photos.test."""
    folder = tmp_path_factory.mktemp("tls")
    options = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=photos.test"
    names = ["-addext", "subjectAltName=DNS:photos.test", "-keyout", "key.pem", "-out", "certificate.pem"]
    subprocess.run(["openssl", *options.split(), *names], cwd=folder, check=True, capture_output=True)
    return folder / "certificate.pem"


@pytest.fixture
def asked_names() -> list[str]:
    """The server names that clients have asked for (SNI)."""
    return []


@pytest.fixture
def tls(certificate: Path, asked_names: list[str]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_name("key.pem"))
    context.sni_callback = lambda sock, name, context: asked_names.append(name)
    return context


def fetch_as(host: str, port: int, settings) -> Fetched:
    with Fetcher(settings, lambda name: ["127.0.0.1"]) as fetcher:
        return fetcher.fetch(f"https://{host}:{port}{PATH}")


def test_the_certificate_is_checked_for_the_name_in_the_url(serve, settings, tls, certificate, asked_names) -> None:
    port = serve(tls=tls).port
    assert fetch_as("photos.test", port, settings(ca_bundle=certificate)).outcome is None
    other = fetch_as("other.test", port, settings(ca_bundle=certificate))
    assert other.outcome is Outcome.REFUSED
    assert "certificate" in (other.error or "").lower()
    assert asked_names == ["photos.test", "other.test"]


def test_an_unknown_authority_is_refused(serve, settings, tls) -> None:
    assert fetch_as("photos.test", serve(tls=tls).port, settings()).outcome is Outcome.REFUSED


@pytest.mark.parametrize("fault", [Fault.SLOW, Fault.SLOW_HEADERS])
def test_dripping_over_tls_meets_the_deadline(serve, settings, tls, certificate, fault: Fault) -> None:
    port = serve(tls=tls, faults={PATH: fault}).port
    fetched = fetch_as("photos.test", port, settings(ca_bundle=certificate, timeout=0.5))
    assert fetched.outcome is Outcome.TIMEOUT
    assert fetched.seconds < 8


def test_a_handshake_that_never_ends_meets_the_deadline(settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        fetched = fetch_as("photos.test", silent.getsockname()[1], settings(connect_timeout=0.3))
    assert fetched.outcome is Outcome.TIMEOUT
    assert fetched.seconds < 8
