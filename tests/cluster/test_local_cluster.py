"""local-cluster: a master and two executors, each a process of its own that gets the weights from the driver."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from submitting import submit

from facejoin.conf.settings import load_settings
from facejoin.demo.samples import fetch_samples


@pytest.fixture
def portraits(tmp_path: Path) -> Path:
    """Photos of a known person and of a stranger, as `demo --photos` wants them."""
    samples = fetch_samples(Path(load_settings().cache))
    of_people = {"known/Barack_Obama": ("obama.jpg", "obama2.jpg", "obama3.jpg"), "unknown/Eileen": ("astronaut.png",)}
    for person, names in of_people.items():
        (tmp_path / "photos" / person).mkdir(parents=True)
        for name in names:
            shutil.copy(samples.path(name), tmp_path / "photos" / person)
    return tmp_path / "photos"


def test_the_whole_flow_runs_on_executors_of_their_own(portraits: Path, tmp_path: Path) -> None:
    done = submit({"spark.master": "local-cluster[2,1,1024]"}, "demo", "--photos", portraits, "--out", tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["photos"] == report["results"] == report["new_results"]
    assert report["rank1"] == 1.0
    assert {status: report["statuses"].get(status) for status in report["expected_statuses"]} == report[
        "expected_statuses"
    ]
