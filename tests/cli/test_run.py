"""`facejoin run`: every job in turn, and one report of all of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from facejoin.cli import app

Facejoin = Callable[..., tuple[int, str, str]]
JOBS = ("manifest", "crawl", "enroll", "match", "publish")


@dataclass
class Done:
    job: str


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The jobs that ran, in order; each only says so."""
    ran: list[str] = []

    def stand_in(job: str) -> Callable[..., Done]:
        def run(*arguments: object, **options: object) -> Done:
            ran.append(job)
            return Done(job)

        return run

    for job in JOBS:
        monkeypatch.setattr(app, job, stand_in(job))
    return ran


def test_the_jobs_run_in_the_order_that_the_help_names(facejoin: Facejoin, done: list[str]) -> None:
    assert facejoin("run", "lists", "--gallery", "gallery")[0] == 0
    assert sorted(done) == sorted(JOBS)
    assert ", ".join(done) in " ".join(facejoin("run", "--help")[1].split())


def test_a_gallery_is_enrolled_before_anything_is_downloaded(facejoin: Facejoin, done: list[str]) -> None:
    facejoin("run", "lists", "--gallery", "gallery")
    assert done.index("enroll") < done.index("crawl")


def test_its_report_has_that_of_every_job(facejoin: Facejoin, done: list[str], tmp_path: Path) -> None:
    facejoin("run", "lists", "--gallery", "gallery", "--out", tmp_path / "report.json")
    report = json.loads((tmp_path / "report.json").read_text())
    assert report == {job: {"job": job} for job in done}
