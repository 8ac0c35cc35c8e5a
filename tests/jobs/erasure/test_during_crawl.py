"""A photo that is forgotten while its wave runs is not written back."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
from made_up_warehouse import all_bytes
from named_photos import BOB, MIRRORED_BIDEN, OBAMA

from facejoin.jobs.crawl import crawl
from facejoin.jobs.forget import forget
from facejoin.jobs.store.leases import held
from facejoin.jobs.store.warehouse import Warehouse
from facejoin.udfs.vision.analyse import model_version

pytestmark = pytest.mark.slow


def test_a_photo_and_an_owner_that_are_forgotten_while_a_crawl_runs_are_in_no_file(
    spark, campaign, crawled, copy_of, make_settings
):
    own = copy_of(campaign)
    settings = make_settings(warehouse=own.warehouse.folder, vision__detect__min_face=24, crawl__wave_photos=5)
    reports = []
    crawling = threading.Thread(
        target=lambda: reports.append(crawl(spark, Warehouse(spark, own.warehouse.folder), settings))
    )
    crawling.start()
    while crawling.is_alive() and not held(own.warehouse):
        time.sleep(0.05)
    report = forget(spark, own.warehouse, settings, [("photo", str(OBAMA.photo_id)), ("owner", BOB)])
    crawling.join(300)
    assert (report.failure, [one.remaining for one in reports]) == (None, [0])
    left = all_bytes(Path(own.warehouse.folder))
    gone = [own.rows[OBAMA].download_url, own.rows[MIRRORED_BIDEN].download_url, BOB]
    assert [text for text in gone if f"{text}".encode() in left] == []
    crawled = own.warehouse.read("results").where(f"model_version = '{model_version(settings.vision)}'").collect()
    assert not {OBAMA.photo_id, MIRRORED_BIDEN.photo_id} & {row["photo_id"] for row in crawled}
