"""A crawl whose host fails: photos put off, tried again, and a stop before the list is burnt."""

from pathlib import Path

import pytest
from named_photos import CAT

from facejoin.conf.settings import SettingsError
from facejoin.demo.photo_server import Fault, PhotoServer
from facejoin.jobs.crawl import crawl
from facejoin.jobs.store.errors import JobError

PHOTOS = 12


@pytest.fixture
def listed(warehouse, add_photos, photo_row):
    """Puts so many photos of a server into the list."""

    def add(server: PhotoServer, path: str = CAT.path) -> None:
        add_photos(warehouse, [photo_row(100 + n, download_url=server.url(path)) for n in range(PHOTOS)])

    return add


def test_photos_of_a_host_that_failed_are_put_off_and_done_later_in_the_run(
    spark, warehouse, listed, make_settings, photo_root: Path
):
    with PhotoServer(photo_root, faults={"/robots.txt": Fault.FLAKY}) as server:  # which is 503 the first time
        listed(server)
        settings = make_settings(
            crawl__wave_photos=1000,
            crawl__fetch__left_alone=1.0,
            crawl__fetch__backoff=0.0,
            crawl__fetch__max_wait=0.0,
        )
        report = crawl(spark, warehouse, settings)
        robots = server.requests["/robots.txt"]
    rows = {(row["attempt"], row["status"]): row["count"] for row in _by_attempt(warehouse)}
    assert (report.photos, report.remaining) == (PHOTOS, 0)
    assert report.statuses == {"no_face": PHOTOS - 1, "http_error": 1}  # the one that found robots.txt failing
    assert rows[1, "put_off"] == rows[2, "no_face"] > 0
    assert robots == 2


def test_a_crawl_stops_where_most_of_a_wave_fails_and_keeps_what_it_knows(
    spark, warehouse, listed, make_settings, photo_root: Path
):
    with PhotoServer(photo_root, faults={CAT.path: Fault.SERVER_ERROR}) as server:
        listed(server)
        settings = make_settings(crawl__wave_photos=4, crawl__stop_photos=2, crawl__fetch__failures=2)
        with pytest.raises(JobError, match="the crawl stops after wave"):
            crawl(spark, warehouse, settings)
        asked = server.requests[CAT.path]
    rows = sum(row["count"] for row in _by_attempt(warehouse))
    assert 0 < rows < PHOTOS  # one wave's
    assert 0 < asked <= rows


def test_without_a_contact_no_other_host_is_asked(spark, warehouse, add_photos, photo_row, make_settings):
    add_photos(warehouse, [photo_row(1, download_url="http://farm1.staticflickr.test/1.jpg")])
    with pytest.raises(SettingsError, match="contact is not set"):
        crawl(spark, warehouse, make_settings())
    assert warehouse.read("results").isEmpty()


def _by_attempt(warehouse):
    return warehouse.read("results").groupBy("attempt", "status").count().collect()
