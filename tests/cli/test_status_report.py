"""What `facejoin status` says, once and again; the looks are made up."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict

import pytest
from made_up_status import KNOWN, UNKNOWN
from pyspark.errors import PySparkException

from facejoin.cli import status_report
from facejoin.jobs.watch.report import StatusReport


def test_what_is_known_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    status_report.status(KNOWN)
    said = capsys.readouterr().out
    for part in (
        "photos: 25,000,000 of 100,000,000 done (25.0%), 75,000,000 left",
        "faces 4,700,000 (18.8%)",
        "rate: 100.0 results/s over the last of 500 waves; 8 days, 16:20:00 left at this rate",
        "photos that arrived: 112 kB on average; 18.8% with a face",
        "downloaded: 2.8 TB; 11.2 TB when all photos are done",
        "workers at 2023-11-15 12:00:00 UTC: 8, 7.5 of 8 cores busy, memory 1.2 GB on average, 1.5 GB the largest",
        "core-hours: 1,000.00 so far, 3,000.00 to come",
        "cost: 68.00 euros so far, 204.00 to come",
        "at work: crawl 0000-0003 of networks-1",
        "paused: photos.test until 2023-11-15 12:01:00 UTC",
    ):
        assert part in said
    assert "not known" not in said


def test_what_is_not_known_is_said_to_be(capsys: pytest.CaptureFixture[str]) -> None:
    status_report.status(UNKNOWN)
    said = capsys.readouterr().out
    assert "photos: 0 of 100,000,000 done (0.0%), 100,000,000 left" in said
    assert "at work: nobody" in said
    assert "not known: everything" in said
    assert not {"rate", "cost", "workers at", "core-hours"} & {part.strip().split(":")[0] for part in said.splitlines()}


def test_a_report_is_json() -> None:
    assert json.loads(json.dumps(asdict(KNOWN)))["load"][0]["cores"] == 8


def test_a_single_look_is_told_once() -> None:
    told: list[StatusReport] = []
    status_report.watch(lambda: KNOWN, told.append, None)
    assert told == [KNOWN]


def test_looks_go_on_until_ctrl_c_and_one_that_fails_is_passed_over(caplog: pytest.LogCaptureFixture) -> None:
    looks, told = _looks(), list[StatusReport]()
    status_report.watch(lambda: next(looks)(), told.append, 0.001)
    assert told == [UNKNOWN, KNOWN]
    assert "the status could not be read: the store was away" in caplog.text


def test_a_first_look_that_fails_is_an_error() -> None:
    looks = _looks()
    next(looks)
    with pytest.raises(PySparkException):
        status_report.watch(lambda: next(looks)(), status_report.status, 0.001)


def _looks() -> Iterator:
    def fails():
        raise PySparkException("the store was away")

    def interrupted():
        raise KeyboardInterrupt

    return iter([lambda: UNKNOWN, fails, lambda: KNOWN, interrupted])
