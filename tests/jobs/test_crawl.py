"""Photos from a local server → results: one row a photo, whatever happens to it."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from named_photos import (
    ASKED_OUT,
    CAT,
    FLAKY,
    LISTED,
    NOT_FOUND,
    OBAMA,
    OF_PEOPLE,
    OWNER_ASKED_OUT,
    PLACEHOLDER,
    SERVED,
    SERVER_ERROR,
    SLOW,
    UNLISTED,
    VIDEO,
)
from pyspark.sql import functions as F
from waiting import until

from facejoin.jobs import crawl as crawl_module
from facejoin.jobs.crawl import crawl
from facejoin.jobs.store.errors import SPARK_ERRORS, one_line
from facejoin.jobs.store.leases import held
from facejoin.jobs.store.results import final_results
from facejoin.jobs.store.session import SHORT_RUN
from facejoin.jobs.store.warehouse import Warehouse
from facejoin.jobs.waves.asked import Asked
from facejoin.udfs.find_faces import find_faces
from facejoin.udfs.vision.engines.errors import WeightsError
from facejoin.udfs.web.outcomes import Outcome

ONCE = {photo: [photo.status] for photo in LISTED}
SFACE = 128  # numbers in a vector


def requested(server, before=None):
    """Photos that the server was asked for, and how often, since `before`."""
    times = server.requests - (before or Counter())
    return {photo: times[photo.path] for photo in SERVED if photo.path in times}


def test_every_photo_has_exactly_one_row_with_its_own_status(campaign, crawled, statuses_by_photo):
    assert statuses_by_photo(campaign.warehouse) == ONCE
    assert (crawled.photos, crawled.new_results, crawled.remaining) == (len(LISTED), len(LISTED), 0)
    assert crawled.statuses == Counter(photo.status for photo in LISTED)


def test_faces_lie_in_their_photo_and_have_unit_vectors(campaign, crawled):
    rows = campaign.warehouse.read("results").where("status = 'faces'").orderBy("photo_id").collect()
    assert [len(row["faces"]) for row in rows] == [len(photo.people) for photo in OF_PEOPLE]
    for row in rows:
        for face in row["faces"]:
            left, top, right, bottom = face["box"]
            assert -1 <= left < right <= row["width"] + 1
            assert -1 <= top < bottom <= row["height"] + 1
            assert face["size"] == pytest.approx(min(right - left, bottom - top), rel=1e-4)
            assert len(face["embedding"]) == SFACE
            assert np.linalg.norm(face["embedding"]) == pytest.approx(1, abs=1e-4)
            assert len(face["landmarks"]) == 10
            assert campaign.settings.vision.detect.min_score <= face["score"] <= 1


def test_a_row_says_what_it_comes_from(campaign, crawled):
    rows = {row["photo_id"]: row for row in campaign.warehouse.read("results").collect()}
    assert {row["model_version"] for row in rows.values()} == {crawled.model_version}
    assert {row["attempt"] for row in rows.values()} == {1}
    obama, not_found, video = (rows[photo.photo_id] for photo in (OBAMA, NOT_FOUND, VIDEO))
    assert len(obama["sha256"]) == 64
    assert obama["bytes"] > 3_000
    assert obama["http_status"] == 200
    assert (not_found["http_status"], not_found["faces"], not_found["sha256"]) == (404, None, None)
    assert (video["http_status"], video["seconds"]["download"]) == (None, 0)
    buckets = {row["photo_id"]: row["bucket"] for row in campaign.warehouse.read("photos").collect()}
    assert {photo_id: row["bucket"] for photo_id, row in rows.items()} == buckets


def test_what_must_not_be_downloaded_is_not_asked_for(campaign, crawled):
    assert requested(campaign.server).keys() & {*LISTED} == {photo for photo in LISTED if photo.asked_for}


def test_each_wave_is_one_commit_with_its_own_counts(campaign, crawled):
    waves = campaign.warehouse.read("results").groupBy("wave").count().collect()
    assert len(waves) == 2
    assert campaign.warehouse.version("results") == 2
    reports = _reports(campaign.warehouse)
    assert {wave: report["rows"] for wave, report in reports.items()} == {row["wave"]: row["count"] for row in waves}
    outcomes = {outcome: sum(report[f"status_{outcome}"] for report in reports.values()) for outcome in Outcome}
    assert {outcome: count for outcome, count in outcomes.items() if count} == crawled.statuses


def test_a_finished_crawl_does_nothing(spark, campaign, crawled, versions):
    before, asked = versions(campaign.warehouse, ("results", "runs")), campaign.server.requests
    again = crawl(spark, campaign.warehouse, campaign.settings)
    assert (again.new_results, again.remaining, again.statuses) == (0, 0, crawled.statuses)
    assert versions(campaign.warehouse, ("results", "runs")) == before
    assert campaign.server.requests == asked


def test_photos_added_later_are_crawled_alone(spark, campaign, crawled, copy_of, add_photos, photo_row):
    copy, asked = copy_of(campaign), campaign.server.requests
    add_photos(copy.warehouse, [photo_row(UNLISTED.photo_id, download_url=campaign.server.url(UNLISTED.path))])
    report = crawl(spark, copy.warehouse, copy.settings)
    assert (report.photos, report.new_results, report.remaining) == (len(LISTED) + 1, 1, 0)
    assert requested(campaign.server, asked) == {UNLISTED: 1}


def _reports(warehouse):
    """Of the waves: what `runs` says."""
    runs = warehouse.read("runs").where("job = 'crawl'").collect()
    return {run["unit"]: json.loads(run["report"]) for run in runs}


def test_a_retry_tries_what_failed_in_passing_and_nothing_else(spark, campaign, crawled, copy_of, statuses_by_photo):
    copy, asked = copy_of(campaign), campaign.server.requests
    report = crawl(spark, copy.warehouse, copy.settings, Asked(retry=True))
    assert requested(campaign.server, asked) == {FLAKY: 1, SLOW: 1, SERVER_ERROR: 1}
    expected = ONCE | {
        FLAKY: ["http_error", "faces"],
        SLOW: ["timeout", "timeout"],
        SERVER_ERROR: ["http_error", "http_error"],
    }
    assert statuses_by_photo(copy.warehouse) == expected
    final = final_results(copy.warehouse, crawled.model_version).select("photo_id", "attempt", "status").collect()
    last = [(photo.photo_id, len(statuses), statuses[-1]) for photo, statuses in expected.items()]
    assert sorted(map(tuple, final)) == sorted(last)
    assert (report.new_results, report.remaining) == (3, 0)
    assert report.statuses["faces"] == crawled.statuses["faces"] + 1
    assert report.statuses["http_error"] == 1
    asked = campaign.server.requests
    report = crawl(spark, copy.warehouse, copy.settings, Asked(retry=True, statuses=("gone", "timeout"), attempts=2))
    assert (report.new_results, requested(campaign.server, asked)) == (1, {NOT_FOUND: 1})


@pytest.mark.slow
def test_another_model_version_stands_beside_the_first(spark, campaign, crawled, copy_of, make_settings):
    copy = copy_of(campaign)
    other = make_settings(vision__detect__min_face=60, crawl__wave_photos=1000)
    report = crawl(spark, copy.warehouse, other)
    assert report.model_version != crawled.model_version
    assert report.new_results == len(LISTED)
    rows = copy.warehouse.read("results").groupBy("model_version").count().collect()
    assert dict(rows) == {crawled.model_version: len(LISTED), report.model_version: len(LISTED)}
    assert final_results(copy.warehouse, crawled.model_version).count() == len(LISTED)


def test_a_second_crawl_leaves_a_wave_to_the_first_and_says_who_has_it(
    spark, campaign, warehouse, add_photos, monkeypatch, tmp_path, statuses_by_photo
):
    add_photos(warehouse, [campaign.rows[CAT]])
    gate = Gate(tmp_path)
    monkeypatch.setattr(crawl_module, "find_faces", lambda *given: gate.held(find_faces(*given)))
    outcome, asked = InThread(lambda: crawl(spark, warehouse, campaign.settings)), campaign.server.requests
    gate.wait_until_held()
    second = crawl(spark, Warehouse(spark, warehouse.folder), campaign.settings)
    assert (second.new_results, second.remaining) == (0, 1)
    [holder] = second.held
    assert re.fullmatch(r"crawl \d+-\d+ of .*, held by .* on .*, process \d+ since .*", holder)
    gate.open()
    first = outcome.get()
    assert (first.new_results, first.remaining, first.held, first.doubles) == (1, 0, [], 0)
    assert statuses_by_photo(warehouse) == {CAT: ["no_face"]}
    assert requested(campaign.server, asked) == {CAT: 1}


def test_of_two_rows_for_one_attempt_the_later_one_is_dropped(spark, campaign, crawled, copy_of, statuses_by_photo):
    copy = copy_of(campaign)
    row = copy.warehouse.read("results").where(F.col("photo_id") == CAT.photo_id)
    again = row.withColumns({"wave": F.lit("0000-2047 other"), "crawled_at": F.current_timestamp()})
    copy.warehouse.append("results", again)
    report = crawl(spark, copy.warehouse, copy.settings)
    assert (report.new_results, report.doubles, report.remaining) == (0, 1, 0)
    assert report.statuses == crawled.statuses
    assert statuses_by_photo(copy.warehouse) == ONCE


def test_a_wave_that_was_killed_before_its_row_of_runs_is_put_on_record(spark, campaign, crawled, copy_of):
    copy = copy_of(campaign)
    reports = _reports(copy.warehouse)
    wave = max(reports)
    copy.warehouse.delete("runs", F.col("unit") == wave)
    assert crawl(spark, copy.warehouse, copy.settings).recorded == [wave]
    again = _reports(copy.warehouse)
    assert again.keys() == reports.keys()
    assert {key: again[wave][key] for key in again[wave] if isinstance(again[wave][key], int)} == {
        key: reports[wave][key] for key in again[wave] if isinstance(again[wave][key], int)
    }
    assert crawl(spark, copy.warehouse, copy.settings).recorded == []


def test_a_part_of_a_crawl_is_done_as_asked(spark, campaign, warehouse, add_photos, statuses_by_photo):
    quick = [CAT, NOT_FOUND, PLACEHOLDER, VIDEO]
    add_photos(warehouse, [campaign.rows[photo] for photo in quick])
    one = crawl(spark, warehouse, campaign.settings, Asked(limit=1))
    assert (one.photos, one.new_results, one.remaining) == (4, 1, 3)
    sample = crawl(spark, warehouse, campaign.settings, Asked(sample=2))
    assert (sample.photos, sample.remaining, sum(sample.statuses.values())) == (2, 0, 2)
    again = crawl(spark, warehouse, campaign.settings, Asked(sample=2))
    assert (again.photos, again.new_results, again.statuses) == (2, 0, sample.statuses)
    rest = crawl(spark, warehouse, campaign.settings)
    assert (rest.photos, rest.remaining, rest.new_results) == (4, 0, 3 - sample.new_results)
    assert statuses_by_photo(warehouse) == {photo: [photo.status] for photo in quick}


def test_missing_weights_are_an_error_before_any_work(spark, make_settings, tmp_path):
    with pytest.raises(WeightsError, match="run `facejoin weights sface`"):
        crawl(spark, Warehouse(spark, str(tmp_path / "warehouse")), make_settings(cache=str(tmp_path)))
    assert [*(tmp_path / "warehouse").iterdir()] == []


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without CUDA")
def test_a_gpu_that_is_not_there_is_one_clear_error(spark, campaign, warehouse, add_photos, make_settings):
    add_photos(warehouse, [campaign.rows[CAT]])
    with pytest.raises(SPARK_ERRORS) as raised:
        crawl(spark, warehouse, make_settings(compute__device="cuda"))
    assert "device 'cuda' was asked for, but torch finds no CUDA device" in one_line(raised.value)
    assert warehouse.read("results").isEmpty()


@pytest.mark.slow
@pytest.mark.parametrize("target", ["all of it", "a worker", "nothing, but it is told to stop"])
def test_a_crawl_of_which_something_is_killed_is_completed_by_the_next(
    spark, campaign, warehouse, add_photos, make_settings, statuses_by_photo, tmp_path, target
):
    others = (SLOW, FLAKY, ASKED_OUT, OWNER_ASKED_OUT)  # nobody has asked this warehouse yet
    listed = {photo: row for photo, row in campaign.rows.items() if photo not in others}
    add_photos(warehouse, [*listed.values()])
    settings = make_settings(crawl__wave_photos=3, warehouse=warehouse.folder)
    settings = settings.model_copy(update={"spark": settings.spark | SHORT_RUN})
    config = tmp_path / "config.yaml"
    config.write_text(yaml.safe_dump(settings.model_dump(mode="json")))
    command = [sys.executable, "-m", "facejoin.cli.app", "crawl", "--config", str(config)]
    asked, said = campaign.server.requests, tmp_path / "stderr"
    with said.open("w") as stderr:
        crawler = subprocess.Popen(command, start_new_session=True, stderr=stderr)
    try:
        first_wave = Path(warehouse.path("results"), "_delta_log", f"{1:020}.json")
        until(lambda: first_wave.exists() or crawler.poll() is not None, 300)
        assert crawler.poll() is None, "it ended before it could be killed"
        if target == "a worker":
            os.kill(max(_workers(crawler.pid)), signal.SIGKILL)
            assert crawler.wait(300) in (0, 1)
        elif target != "all of it":
            crawler.terminate()
            assert crawler.wait(300) == 143
            assert re.search(r"^facejoin: stopped by SIGTERM: \d+ waves are kept", said.read_text(), re.MULTILINE)
            assert held(warehouse) == []
    finally:
        _kill_group(crawler)
    there = sum(map(len, statuses_by_photo(warehouse).values()))
    report = crawl(spark, warehouse, campaign.settings)  # in larger waves: it is the same version
    assert report.new_results == report.photos - there
    assert (report.remaining, report.doubles, report.held) == (0, 0, [])
    assert statuses_by_photo(warehouse) == {photo: [photo.status] for photo in listed}
    assert sum(requested(campaign.server, asked).values()) <= len(listed) + 2 * settings.crawl.wave_photos


def _workers(leader):
    """Python workers of the session that a process leads."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended meanwhile
            if os.getsid(int(folder.name)) == leader and b"pyspark.daemon" in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
    return found


def _kill_group(leader):
    with suppress(ProcessLookupError):
        os.killpg(leader.pid, signal.SIGKILL)
    leader.wait()


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
        until(self.reached.exists, 60)

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
