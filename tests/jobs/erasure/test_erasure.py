"""Who was forgotten is in no file, and the others' tables and pages are as they were."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
from made_up_warehouse import (
    ALICE,
    ANN,
    BOB,
    CAROL,
    COPY,
    LIST,
    OTHER,
    PHOTOS_OF,
    SETTINGS,
    VERSION,
    ZOE,
    all_bytes,
    make_up,
    page,
    url,
)

from facejoin.jobs.erasure.asked import Asked
from facejoin.jobs.erasure.search import search, search_elsewhere
from facejoin.jobs.forget import forget
from facejoin.jobs.publish import publish
from facejoin.jobs.store.galleries import stored_gallery
from facejoin.jobs.store.list_report import ListReport
from facejoin.jobs.store.match_report import MatchReport
from facejoin.jobs.store.once import last_report
from facejoin.udfs.recognition.gallery import load_gallery
from facejoin.udfs.traces.traces import Traces

PHOTO = 4000000001
ASKED: list[Asked] = [("photo", str(PHOTO)), ("owner", CAROL), ("person", ZOE)]
GONE = [PHOTO, *(photo for photo, owner in PHOTOS_OF.items() if owner == CAROL)]
LEFT = [photo for photo in PHOTOS_OF if photo not in GONE]


@pytest.fixture(scope="module")
def forgotten(spark, tmp_path_factory):
    """A photo, an owner and a person, in one pass."""
    folder = tmp_path_factory.mktemp("forgotten")
    made = make_up(spark, folder)
    texts = [ZOE, CAROL, *(text(photo) for photo in GONE for text in (str, url, page))]
    vectors = [made.vectors[photo, place] for photo, place in made.vectors if photo in GONE]
    vectors += [made.vectors[4000000002, 1], made.vectors[4000000005, 0], *made.references[ZOE]]  # matched with Zoë
    vectors += [made.vectors[OTHER, 0]]  # the same face under another model version
    hidden = [
        *(text.encode() for text in texts),
        *(json.dumps(ZOE)[1:-1].encode(), *(vector.tobytes() for vector in vectors)),
    ]
    before = all_bytes(folder)
    report = forget(spark, made.warehouse, SETTINGS, ASKED)
    after = all_bytes(folder)
    return SimpleNamespace(made=made, report=report, hidden=hidden, before=before, after=after, vectors=vectors)


def test_a_search_by_other_means_finds_nothing_where_it_found_all_of_them(forgotten):
    assert [text for text in forgotten.hidden if text not in forgotten.before] == []
    assert [text for text in forgotten.hidden if text in forgotten.after] == []


def test_it_says_what_it_found_and_that_nothing_is_left(forgotten):
    report = forgotten.report
    assert (report.traces, report.traced, report.unknown, report.failure) == ({}, [], [], None)
    assert report.rows == {"matches": 4, "people": 1, "photos": 3, "quarantine": 3, "references": 4, "results": 3}
    assert report.vectors == len(forgotten.vectors)
    assert report.found == {f"photo {PHOTO}": 5, f"owner {CAROL}": 6, f"person {ZOE}": 7}
    assert report.sites == [str(forgotten.made.site)]
    assert report.files > 20


def test_the_others_rows_stay(forgotten):
    warehouse = forgotten.made.warehouse
    assert sorted(row["photo_id"] for row in warehouse.read("photos").collect()) == LEFT
    results = {
        (row["photo_id"], row["model_version"]): [face["embedding"] is None for face in row["faces"]]
        for row in warehouse.read("results").collect()
    }
    assert results == {
        (4000000002, VERSION): [False, True],
        (4000000005, VERSION): [True, False],
        (4000000005, OTHER): [False, True],  # in the other order
        (COPY, VERSION): [True],  # the very vector of the photo that is gone
    }
    assert sorted(bytes(row["line"]) for row in warehouse.read("quarantine").collect()) == [
        b"4000000", f"4000000002\t{ALICE}\t{url(4000000002)}".encode(), b"nothing",
    ]  # fmt: skip
    assert {row["person"] for row in warehouse.read("people").collect()} == {ANN, BOB}
    assert warehouse.read("references").count() == 8


def test_the_books_balance(forgotten):
    report = last_report(forgotten.made.warehouse, "manifest", LIST, ListReport)
    assert report == ListReport(LIST, lines=12, photos=3, quarantined={"columns": 3}, erased=6)
    report.check()


def test_the_gallery_goes_on_and_its_matches_and_reports_with_it(spark, forgotten):
    warehouse = forgotten.made.warehouse
    digest, stored = stored_gallery(warehouse, VERSION)
    gallery = load_gallery(*stored)
    assert (gallery.digest, gallery.parameters.people) == (digest, (ANN, BOB))
    [match] = warehouse.read("matches").collect()
    assert (match["gallery"], match["photo_id"], match["person"], match["runner_up"]) == (digest, 4000000002, BOB, ANN)
    report = last_report(warehouse, "match", digest, MatchReport)
    assert report is not None
    assert report.false_matches is not None
    assert (report.people, report.false_matches.people) == ({ANN: 1, BOB: 2}, {ANN: 0.1, BOB: 0.1})
    assert {row["gallery"] for row in warehouse.read("references").collect()} == {digest}


def test_the_page_is_written_anew_and_publish_goes_on(spark, forgotten, tmp_path):
    made = forgotten.made
    page = json.loads((made.site / "results.json").read_text())
    assert {person["name"]: len(person["foundPics"]) for person in page} == {ANN: 0, BOB: 1}
    report = publish(spark, made.warehouse, SETTINGS, tmp_path / "another")
    assert (report.people, report.pictures) == (2, 1)


def test_asking_again_is_no_mistake_and_finds_nothing(spark, forgotten):
    again = forget(spark, forgotten.made.warehouse, SETTINGS, ASKED)
    assert (again.failure, {*again.found.values()}, again.unknown) == (None, {0}, [])
    assert forgotten.made.warehouse.read("suppressed").count() == 3


def test_a_name_that_is_nobodys_is_told_and_changes_nothing(spark, forgotten, versions):
    warehouse = forgotten.made.warehouse
    before = versions(warehouse)
    report = forget(spark, warehouse, SETTINGS, [("person", "An_Made_Up")])
    assert "nothing found of person An_Made_Up: misspelt?" in str(report.failure)
    assert versions(warehouse) == before
    assert warehouse.read("suppressed").count() == 3


def test_files_that_hadoop_lists_are_searched_alike_hidden_ones_too(spark, forgotten):
    folder, traces = forgotten.made.warehouse.folder, Traces(names=frozenset({ANN}), ids=frozenset(LEFT))
    here, there = search(spark, folder, traces), search_elsewhere(spark, f"file://{folder}", traces)
    assert here.traces == there.traces
    assert {path.removeprefix("file:") for path in there.paths} == here.paths
    assert {*there.traces} == {"id", "name"}
