"""The whole flow, by the command that the README names, with the Spark settings of that command."""

from pathlib import Path

import pytest

FIELDS = {
    "photos", "results", "new_results", "statuses", "expected_statuses", "people", "rank1", "fnir",
    "photos_per_second", "seconds", "site", "warehouse",
}  # fmt: skip
pytestmark = pytest.mark.slow


def commits(out):
    """Tables → how often each was written."""
    logs = (out / "warehouse").glob("*/_delta_log")
    return {log.parent.name: len(list(log.glob("*.json"))) for log in logs}


@pytest.fixture
def out(finished_demo):
    return finished_demo.folder


@pytest.fixture
def first(finished_demo):
    return finished_demo.report, finished_demo.printed


def test_the_report_has_all_its_fields(first, out):
    report, _ = first
    assert {*report} >= FIELDS
    assert {*report["seconds"]} == {"download", "decode", "detect", "embed", "total"}
    assert {*report["fnir"]} == {"0.01", "0.001"}
    for person in report["people"].values():
        assert {*person} == {"truth", "found", "false", "precision", "recall"}
    assert Path(report["site"], "index.html").is_file()
    assert Path(report["warehouse"]) == out / "warehouse"


def test_every_photo_has_one_result_and_every_fault_its_status(first):
    report, _ = first
    assert report["photos"] == report["results"] == report["new_results"] == sum(report["statuses"].values())
    injected = report["expected_statuses"]
    assert injected == {status: count for status, count in report["statuses"].items() if status in injected}
    assert {*report["statuses"]} == {*injected, "faces", "no_face"}


def test_everyone_is_found_and_nobody_else(first):
    report, printed = first
    assert len(report["people"]) == 3
    for name, person in report["people"].items():
        assert (person["precision"], person["false"]) == (1.0, 0), name
        assert person["recall"] >= 0.9, name
        assert name in printed


def test_a_second_run_changes_nothing(first, out, run_demo):
    before = commits(out)
    again = run_demo(out).report
    assert again == first[0] | {"new_results": 0}
    assert commits(out) == before


def test_people_of_lfw_are_told_from_strangers(tmp_path, run_demo, research_data):
    report = run_demo(tmp_path, "--photos", research_data("lfw"), "--known", "20", "--unknown", "100").report
    assert len(report["people"]) == 20
    assert report["rank1"] >= 0.99
    assert report["fnir"]["0.01"] <= 0.02
