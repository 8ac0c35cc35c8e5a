"""Photos from a local server → results: one row a photo, whatever happens to it."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from delta.exceptions import ConcurrentAppendException

from facejoin.jobs import crawl as crawl_module
from facejoin.jobs.crawl import crawl, final_results, worth_another_try
from facejoin.jobs.errors import SPARK_ERRORS, one_line
from facejoin.jobs.tables import Warehouse
from facejoin.udfs.vision.errors import WeightsError
from facejoin.udfs.web.outcomes import Outcome, is_retryable

EXPECTED = {  # photo id → what must become of it
    1: "faces", 2: "faces", 3: "faces", 4: "no_face", 5: "http_error", 6: "gone", 7: "placeholder", 8: "corrupt",
    9: "unsupported", 10: "timeout", 11: "http_error", 12: "opted_out", 13: "robots", 14: "too_small", 15: "video",
    16: "not_image_url", 17: "blocked_address", 18: "suppressed", 19: "suppressed",
}  # fmt: skip
NEVER_REQUESTED = ("/private/13.jpg", "/1/15.jpg", "/1/16.tif", "/1/17.jpg", "/1/18.jpg", "/1/19.jpg")
SFACE = 128  # numbers in a vector


def requested(server, before=None):
    """Photo ids that the server was asked for, and how often, since `before`."""
    paths = server.requests - (before or {})
    return {int(Path(path).stem): times for path, times in paths.items() if Path(path).stem.isdecimal()}


def test_every_photo_has_exactly_one_row_with_its_own_status(campaign, crawled, statuses_by_photo):
    assert statuses_by_photo(campaign.warehouse) == {photo_id: [status] for photo_id, status in EXPECTED.items()}
    assert (crawled.photos, crawled.new_results, crawled.remaining) == (len(EXPECTED), len(EXPECTED), 0)
    assert sum(crawled.statuses.values()) == len(EXPECTED)


def test_faces_lie_in_their_photo_and_have_unit_vectors(campaign, crawled):
    rows = campaign.warehouse.read("results").where("status = 'faces'").orderBy("photo_id").collect()
    assert [len(row["faces"]) for row in rows] == [1, 2, 1]
    for row in rows:
        for face in row["faces"]:
            left, top, right, bottom = face["box"]
            assert -1 <= left < right <= row["width"] + 1 and -1 <= top < bottom <= row["height"] + 1
            assert face["size"] == pytest.approx(min(right - left, bottom - top), rel=1e-4)
            assert len(face["embedding"]) == SFACE and np.linalg.norm(face["embedding"]) == pytest.approx(1, abs=1e-4)
            assert len(face["landmarks"]) == 10 and 0.9 <= face["score"] <= 1


def test_a_row_says_what_it_comes_from(campaign, crawled):
    rows = {row["photo_id"]: row for row in campaign.warehouse.read("results").collect()}
    assert {row["model_version"] for row in rows.values()} == {crawled.model_version}
    assert {row["attempt"] for row in rows.values()} == {1}
    assert len(rows[1]["sha256"]) == 64 and rows[1]["bytes"] > 3_000 and rows[1]["http_status"] == 200
    assert rows[6]["http_status"] == 404 and rows[6]["faces"] is None and rows[6]["sha256"] is None
    assert rows[15]["http_status"] is None and rows[15]["seconds"]["download"] == 0
    buckets = {row["photo_id"]: row["bucket"] for row in campaign.warehouse.read("photos").collect()}
    assert {photo_id: row["bucket"] for photo_id, row in rows.items()} == buckets


def test_what_must_not_be_downloaded_is_not_asked_for(campaign, crawled):
    assert not {*NEVER_REQUESTED} & {*campaign.server.requests}


def test_each_wave_is_one_commit_with_its_own_counts(campaign, crawled):
    waves = campaign.warehouse.read("results").groupBy("wave").count().collect()
    assert len(waves) == 2 and campaign.warehouse.version("results") == 2  # made, then two waves
    runs = campaign.warehouse.read("runs").where("job = 'crawl'").collect()
    reports = {run["unit"]: json.loads(run["report"]) for run in runs}
    assert {wave: report["rows"] for wave, report in reports.items()} == {row["wave"]: row["count"] for row in waves}
    outcomes = {outcome: sum(report[f"status_{outcome}"] for report in reports.values()) for outcome in Outcome}
    assert {outcome: count for outcome, count in outcomes.items() if count} == crawled.statuses


def test_a_finished_crawl_does_nothing(spark, campaign, crawled, versions):
    before, asked = versions(campaign.warehouse, ("results", "runs")), campaign.server.requests
    again = crawl(spark, campaign.warehouse, campaign.settings)
    assert (again.new_results, again.remaining, again.statuses) == (0, 0, crawled.statuses)
    assert versions(campaign.warehouse, ("results", "runs")) == before and campaign.server.requests == asked


def test_photos_added_later_are_crawled_alone(spark, campaign, crawled, copy_of, add_photos, photo_row):
    copy, asked = copy_of(campaign), campaign.server.requests
    add_photos(copy.warehouse, [photo_row(20, download_url=campaign.server.url("/1/20.jpg"))])
    report = crawl(spark, copy.warehouse, copy.settings)
    assert (report.photos, report.new_results, report.remaining) == (len(EXPECTED) + 1, 1, 0)
    assert requested(campaign.server, asked) == {20: 1}


def test_a_retry_tries_what_failed_in_passing_and_nothing_else(spark, campaign, crawled, copy_of, statuses_by_photo):
    copy, asked = copy_of(campaign), campaign.server.requests
    report = crawl(spark, copy.warehouse, copy.settings, retry=True)
    assert requested(campaign.server, asked) == {5: 1, 10: 1, 11: 1}
    expected = {photo_id: [status] for photo_id, status in EXPECTED.items()} | {
        5: ["http_error", "faces"], 10: ["timeout", "timeout"], 11: ["http_error", "http_error"],
    }  # fmt: skip
    assert statuses_by_photo(copy.warehouse) == expected
    final = final_results(copy.warehouse, crawled.model_version).select("photo_id", "attempt", "status").collect()
    assert sorted(final) == sorted((n, len(statuses), statuses[-1]) for n, statuses in expected.items())
    assert (report.new_results, report.remaining) == (3, 0)
    assert report.statuses["faces"] == 4 and report.statuses["http_error"] == 1


@pytest.mark.slow
def test_another_model_version_stands_beside_the_first(spark, campaign, crawled, copy_of, make_settings):
    copy = copy_of(campaign)
    other = make_settings(vision__detect__min_face=60, crawl__wave_photos=1000)
    report = crawl(spark, copy.warehouse, other)
    assert report.model_version != crawled.model_version and report.new_results == len(EXPECTED)
    rows = copy.warehouse.read("results").groupBy("model_version").count().collect()
    assert dict(rows) == {crawled.model_version: len(EXPECTED), report.model_version: len(EXPECTED)}
    assert final_results(copy.warehouse, crawled.model_version).count() == len(EXPECTED)


@pytest.mark.parametrize(
    "moment", [pytest.param("before the wave's tasks", marks=pytest.mark.slow), "during the wave's tasks"]
)
def test_another_crawl_that_was_faster_is_not_counted_twice(
    spark, campaign, warehouse, add_photos, monkeypatch, tmp_path, statuses_by_photo, moment
):
    add_photos(warehouse, [campaign.rows[4]])
    gate, find_faces = Gate(tmp_path), crawl_module.find_faces

    def slower(*arguments):
        monkeypatch.setattr(crawl_module, "find_faces", find_faces)  # the other one is not held up
        if moment.startswith("before"):
            crawl(spark, Warehouse(spark, warehouse.folder), campaign.settings)
        return gate.held(find_faces(*arguments)) if moment.startswith("during") else find_faces(*arguments)

    monkeypatch.setattr(crawl_module, "find_faces", slower)
    outcome = InThread(lambda: crawl(spark, warehouse, campaign.settings))
    if moment.startswith("during"):
        gate.wait_until_held()
        crawl(spark, Warehouse(spark, warehouse.folder), campaign.settings)
        gate.open()
        assert isinstance(outcome.get(), ConcurrentAppendException)
    else:
        assert outcome.get().new_results == 0
    assert statuses_by_photo(warehouse) == {4: ["no_face"]}


def test_missing_weights_are_an_error_before_any_work(spark, campaign, warehouse, add_photos, make_settings, tmp_path):
    add_photos(warehouse, [campaign.rows[4]])
    with pytest.raises(WeightsError, match="run `facejoin weights sface`"):
        crawl(spark, warehouse, make_settings(cache=str(tmp_path)))
    assert not Path(warehouse.path("results")).exists()


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without CUDA")
def test_a_gpu_that_is_not_there_is_one_clear_error(spark, campaign, warehouse, add_photos, make_settings):
    add_photos(warehouse, [campaign.rows[4]])
    with pytest.raises(SPARK_ERRORS) as raised:
        crawl(spark, warehouse, make_settings(compute__device="cuda"))
    assert "device 'cuda' was asked for, but torch finds no CUDA device" in one_line(raised.value)
    assert warehouse.read("results").isEmpty()


def test_the_column_and_the_vocabulary_agree_on_what_is_worth_another_try(spark):
    cases = [(outcome.value, status) for outcome in Outcome for status in (None, 404, 500, 503)]
    rows = spark.createDataFrame(cases, "status string, http_status int").withColumn("again", worth_another_try())
    found = {(row["status"], row["http_status"]): row["again"] for row in rows.collect()}
    assert found == {(outcome, status): is_retryable(Outcome(outcome), status) for outcome, status in cases}


@pytest.mark.slow
def test_a_killed_crawl_is_completed_by_the_next(
    spark, campaign, warehouse, add_photos, make_settings, statuses_by_photo, tmp_path
):
    add_photos(warehouse, [row for row in campaign.rows.values() if row.photo_id != 10])
    settings = make_settings(crawl__wave_photos=3, warehouse=warehouse.folder)
    config = tmp_path / "config.yaml"
    config.write_text(yaml.safe_dump(settings.model_dump(mode="json", exclude_defaults=True)))
    command = [sys.executable, "-m", "facejoin.jobs.cli", "crawl", "--config", str(config)]
    crawler = subprocess.Popen(command, start_new_session=True, stderr=subprocess.DEVNULL)
    try:
        first_wave = Path(warehouse.path("results"), "_delta_log", f"{1:020}.json")
        _wait_until(first_wave.exists, 120)
    finally:
        os.killpg(crawler.pid, signal.SIGKILL)
        crawler.wait()
    held = sum(map(len, statuses_by_photo(warehouse).values()))
    report = crawl(spark, warehouse, campaign.settings)  # in larger waves: it is the same version
    assert 0 < held < report.photos and report.new_results == report.photos - held and report.remaining == 0
    assert {photo_id: len(statuses) for photo_id, statuses in statuses_by_photo(warehouse).items()} == {
        photo_id: 1 for photo_id in EXPECTED if photo_id != 10
    }


class Gate:
    """Holds a stage in its task until it is opened; the two are in different processes."""

    def __init__(self, folder):
        self.reached, self.opened = folder / "reached", folder / "opened"

    def held(self, stage):
        reached, opened = self.reached, self.opened

        def waiting(batches):
            for batch in batches:
                reached.touch()
                while not opened.exists():
                    time.sleep(0.05)
                yield batch

        return lambda batches: stage(waiting(batches))

    def wait_until_held(self):
        _wait_until(self.reached.exists, 60)

    def open(self):
        self.opened.touch()


class InThread:
    def __init__(self, work):
        self.outcome = None
        self.thread = threading.Thread(target=self._run, args=(work,), daemon=True)
        self.thread.start()

    def _run(self, work):
        try:
            self.outcome = work()
        except SPARK_ERRORS as error:
            self.outcome = error

    def get(self):
        self.thread.join(60)
        return self.outcome


def _wait_until(true, seconds):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"not within {seconds} seconds"
        time.sleep(0.05)
