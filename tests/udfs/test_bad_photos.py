"""Each kind of bad answer and of bad file, and the row that it gets: a real server, real networks, no Spark."""

import socket
from collections.abc import Iterator
from copy import copy
from hashlib import sha256
from ipaddress import IPv4Network
from typing import Any

import pyarrow as pa
import pytest
from bad_photos import BAD, MAX_BYTES, PLACEHOLDER, bad_photos, path_of
from raw_server import RawServer

from facejoin.conf.settings import CrawlSettings, DecodeSettings, FetchSettings, HostBudget
from facejoin.udfs.find_faces import result_rows
from facejoin.udfs.rows import Row
from facejoin.udfs.vision.analyse import Analyser
from facejoin.udfs.web.fetch import Fetcher
from facejoin.udfs.web.outcomes import Outcome

pytestmark = pytest.mark.filterwarnings("ignore:Tag data larger than file")  # Pillow's, of EXIF that copies itself

CRAWL = CrawlSettings(
    fetch=FetchSettings(
        allowed_networks=(IPv4Network("127.0.0.1/32"),),
        retries=0,
        timeout=4.0,
        max_bytes=MAX_BYTES,
        placeholder_sha256=(sha256(PLACEHOLDER).hexdigest(),),
        each_host=HostBudget(connections=32, requests_per_second=1000),
        failures=1000,  # one server has them all here, and is to be asked to the end
        backoff=0.01,
        max_wait=60.0,
    )
)

PAUSING: tuple[int | None, ...] = (429, 503)  # statuses by which a host asks for a pause, which it then gets


@pytest.fixture(scope="module")
def server() -> Iterator[RawServer]:
    with bad_photos() as running:
        yield running


def resolve(host: str) -> list[str]:
    if host == "nobody.test":
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    return [host]


@pytest.fixture(scope="module")
def rows(server: RawServer, analyser: Analyser) -> dict[str, Row]:
    networks = copy(analyser)
    networks.settings = analyser.settings.model_copy(update={"decode": DecodeSettings(min_bytes=40)})
    photos: list[dict[str, Any]] = [
        {
            "photo_id": number,
            "bucket": 0,
            "attempt": 1,
            "status": None,
            "download_url": bad.url or server.url(path_of(what)),
        }
        for number, (what, bad) in enumerate(BAD.items())
    ]
    names = [*BAD]
    pausing = [photo for photo in photos if BAD[names[photo["photo_id"]]].http_status in PAUSING]
    others = [photo for photo in photos if photo not in pausing]
    found = [row for together in (others, *([one] for one in pausing)) for row in _crawled(together, networks)]
    assert sorted(row["photo_id"] for row in found) == list(range(len(names)))
    return {names[row["photo_id"]]: row for row in found}


def _crawled(photos: list[Row], networks: Analyser) -> list[Row]:
    """Each with a fetcher that has not been told to pause by others."""
    batches = iter([pa.RecordBatch.from_pylist(photos)])
    with Fetcher(CRAWL.fetch, resolve) as fetcher:
        return [row for part in result_rows(batches, networks, fetcher, CRAWL) for row in part]


def test_there_are_as_many_kinds_as_were_asked_for() -> None:
    assert len(BAD) >= 40


@pytest.mark.parametrize("what", BAD)
def test_a_bad_photo_is_the_row_that_says_so(what: str, rows: dict[str, Row]) -> None:
    bad, row = BAD[what], rows[what]
    assert (row["status"], row.get("http_status")) == (bad.status, bad.http_status), row.get("error")
    assert row["status"] in set(Outcome)
    if bad.error is None:
        assert row["error"] is None
    else:
        assert bad.error in row["error"]
        assert "\n" not in row["error"]
