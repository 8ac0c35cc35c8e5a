"""A file that photos of many owners are is learnt to be a placeholder; duplicates of few owners are left alone."""

import hashlib
from pathlib import Path
from typing import cast

import pytest
from named_photos import CAT, OBAMA

from facejoin.conf.schemas import PHOTOS, RESULTS
from facejoin.conf.settings import CrawlSettings, FetchSettings, MatchSettings
from facejoin.demo.photo_server import PhotoServer
from facejoin.jobs.crawl import crawl
from facejoin.jobs.match import photos_with_faces
from facejoin.jobs.store.warehouse import Warehouse
from facejoin.jobs.waves.asked import Asked
from facejoin.jobs.waves.books import count_books
from facejoin.jobs.waves.placeholders import Placeholders, known_placeholders

SOFT_404, TWICE, FEW = (digit * 64 for digit in "abc")  # SHA-256
FILES = [  # photo, its owner, its file, status, wave
    (1, "Ann", SOFT_404, "faces", "w1"),
    (2, "Ben", SOFT_404, "too_small", "w1"),
    (3, "Cid", SOFT_404, "faces", "w2"),
    (4, "Ann", TWICE, "faces", "w1"),
    (5, "Ann", TWICE, "faces", "w1"),
    (6, "Ann", TWICE, "faces", "w2"),
    (7, "Ann", FEW, "faces", "w1"),
    (8, "Ben", FEW, "faces", "w1"),
    (9, "Ben", FEW, "faces", "w2"),
    (10, "Ben", None, "gone", "w2"),
]
NO_TABLES = cast(Warehouse, None)
FACE = {"size": 100.0, "embedding": [1.0]}


@pytest.fixture
def crawled_in_two_waves(spark, warehouse):
    photos = [{"photo_id": photo, "bucket": photo, "owner": owner} for photo, owner, *_ in FILES]
    warehouse.append("photos", spark.createDataFrame(photos, PHOTOS).coalesce(1))
    same = {"model_version": "m", "attempt": 1}
    rows = [
        same | {"photo_id": photo, "bucket": photo, "sha256": sha256, "status": status, "wave": wave}
        for photo, _, sha256, status, wave in FILES
    ]
    with_faces = [row | {"faces": [FACE] if row["status"] == "faces" else None} for row in rows]
    warehouse.append("results", spark.createDataFrame(with_faces, RESULTS).coalesce(1))
    return warehouse


def known(warehouse, **settings):
    return known_placeholders(warehouse, "m", CrawlSettings(**{"placeholder_owners": 3} | settings))


def learnt_of_all(warehouse, **settings):
    """What is learnt, and the version of `results` then."""
    placeholders = known(warehouse, **settings)
    placeholders.learn_of_all(count_books(warehouse, "m", Asked()))
    return placeholders.learnt, warehouse.version("results")


def test_what_is_too_rare_in_every_wave_is_learnt_from_all_of_them(crawled_in_two_waves):
    warehouse = crawled_in_two_waves
    assert known(warehouse).learn_of_wave("w1", (0, 9), 6) == 0
    assert learnt_of_all(warehouse, no_placeholders=[SOFT_404]) == ({}, 1)
    assert not warehouse.has("placeholders")
    assert learnt_of_all(warehouse) == ({SOFT_404: 3}, 2)
    [rule] = warehouse.read("placeholders").drop("learnt_at").collect()
    assert tuple(rule) == (SOFT_404, 3, 3)
    rows = warehouse.read("results").where("status = 'placeholder'").orderBy("photo_id").collect()
    assert [(row["photo_id"], row["sha256"], row["faces"]) for row in rows] == [(n, SOFT_404, None) for n in (1, 2, 3)]
    assert count_books(warehouse, "m", Asked()).statuses == {"faces": 6, "gone": 1, "placeholder": 3}
    to_match = photos_with_faces(warehouse, "m", MatchSettings()).select("photo_id").collect()
    assert sorted(row["photo_id"] for row in to_match) == [4, 5, 6, 7, 8, 9]
    log = "".join(path.read_text() for path in Path(warehouse.path("results"), "_delta_log").glob("*.json"))
    assert SOFT_404 not in log
    assert learnt_of_all(warehouse) == ({}, 2)
    assert known(warehouse).told().fetch.placeholder_sha256 == (SOFT_404,)
    assert known(warehouse, no_placeholders=[SOFT_404]).told().fetch.placeholder_sha256 == ()
    assert known(warehouse, placeholder_owners=None).told().fetch.placeholder_sha256 == ()


def test_what_a_server_sends_for_photos_of_many_owners_has_no_faces_and_is_not_searched_again(
    spark, warehouse, add_photos, photo_row, make_settings, photo_root
):
    digest = hashlib.sha256((photo_root / OBAMA.file).read_bytes()).hexdigest()
    with PhotoServer(photo_root) as server:

        def listed(photo, owner, path=OBAMA.path):
            return photo_row(photo, owner=f"{owner}@N01", download_url=server.url(path))

        add_photos(warehouse, [*(listed(n, n) for n in (1, 2, 3)), *(listed(n, 9, CAT.path) for n in (4, 5, 6))])
        settings = make_settings(crawl__placeholder_owners=3, crawl__wave_photos=100)
        first = crawl(spark, warehouse, settings)
        assert (first.statuses, first.placeholders) == ({"no_face": 3, "placeholder": 3}, {digest: 3})
        add_photos(warehouse, [listed(7, 7)])
        second = crawl(spark, warehouse, settings)
        assert (second.statuses, second.placeholders) == ({"no_face": 3, "placeholder": 4}, {})
        [row] = warehouse.read("results").where("photo_id = 7").collect()
        assert (row["error"], row["width"]) == ("a known placeholder picture", None)


def test_tasks_are_told_of_placeholders_beside_those_of_the_settings():
    settings = CrawlSettings(fetch=FetchSettings(placeholder_sha256=(FEW,)))
    told = Placeholders(NO_TABLES, "m", settings, frozenset({FEW, TWICE})).told()
    assert told == CrawlSettings(fetch=FetchSettings(placeholder_sha256=(TWICE, FEW)))


@pytest.mark.parametrize("owners", [None, 20])
def test_a_wave_of_few_photos_is_not_looked_at(owners):
    placeholders = Placeholders(NO_TABLES, "m", CrawlSettings(placeholder_owners=owners), frozenset())
    assert placeholders.learn_of_wave("w", (0, 9), 19) == 0
