"""The `facejoin` command: what it prints, what it leaves, and how it ends."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException

from facejoin.cli import app
from facejoin.conf.settings import Settings
from facejoin.jobs.crawl import CrawlReport
from facejoin.jobs.enroll import EnrollReport
from facejoin.jobs.store.errors import one_line
from facejoin.jobs.store.match_report import MatchReport
from facejoin.jobs.waves.asked import Asked

FACEJOIN = Path(sys.executable).with_name("facejoin")


@pytest.fixture
def lines(tmp_path, list_lines, photo_row):
    """A photo list of two lines, one of them bad."""
    path = tmp_path / "list.tsv"
    path.write_text("\n".join([*list_lines([photo_row(1)]), "short"]) + "\n")
    return path


def last_line(err):
    return [line for line in err.splitlines() if line][-1]


def test_the_command_ends_with_2_and_one_line_where_a_setting_is_unknown(tmp_path):
    """As a shell runs it."""
    (tmp_path / "unknown.yaml").write_text("crawl:\n  waves: 3\n")
    command = [str(FACEJOIN), "crawl", "--config", "unknown.yaml"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "facejoin: unknown.yaml: crawl.waves: Extra inputs are not permitted (given: 3)\n"
    assert [path.name for path in tmp_path.iterdir()] == ["unknown.yaml"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["crawl", "--config", "missing.yaml"], "cannot read the settings file missing.yaml"),
        (["match", "--config", "range.yaml"], "range.yaml: vision.detect.min_face: Input should be greater than"),
        (
            ["enroll", "gallery", "--kind", "knn"],
            "command line: enroll.kind: Input should be 'centred_cosine', ",
        ),
        (
            ["match", "--threshold", "0.5", "--max-false-matches", "3"],
            "command line: match: Value error, threshold and max_false_matches were given; expected one of them",
        ),
        (
            ["match", "--config", "two.yaml"],
            "two.yaml: match: Value error, threshold and fpir were given; expected one of them",
        ),
        (["match", "--fpir", "1"], "command line: match.fpir: Input should be less than 1"),
        (
            ["match", "--max-false-matches", "0"],
            "command line: match.max_false_matches: Input should be greater",
        ),
        (["weights", "resnet"], "no weights are called 'resnet'; known are sface"),
        (["crawl", "--attempts", "3"], "--attempts 3 was given without --retry"),
        (["crawl", "gone"], "gone was given without --retry"),
        (["crawl", "--retry", "lost"], "lost is no outcome of a photo; expected some of faces, "),
    ],
)
def test_what_cannot_work_ends_with_2_and_one_line(facejoin, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "range.yaml").write_text("vision:\n  detect:\n    min_face: 3\n")
    (tmp_path / "two.yaml").write_text("match:\n  threshold: 0.5\n  fpir: 0.01\n")
    status, out, err = facejoin(*arguments)
    assert (status, out) == (2, "")
    assert err.startswith(f"facejoin: {message}")
    assert err.count("\n") == 1


def test_a_wrong_option_value_ends_with_2(facejoin):
    status, _, err = facejoin("match", "--threshold", "high")
    assert status == 2
    assert "Invalid value for '--threshold'" in err


def test_an_unwritable_warehouse_ends_with_2(spark, facejoin, lines, tmp_path):
    status, _, err = facejoin("manifest", lines, "--warehouse", lines / "warehouse")
    assert status == 2
    assert last_line(err).endswith("warehouse cannot be written: Not a directory")


def test_a_broken_list_ends_with_1_and_leaves_nothing(spark, facejoin, tmp_path):
    (tmp_path / "broken.bz2").write_bytes(b"BZh9 and then nothing of the kind")
    out = tmp_path / "report.json"
    warehouse = tmp_path / "warehouse"
    status, _, err = facejoin("manifest", tmp_path / "broken.bz2", "--warehouse", warehouse, "--out", out)
    assert status == 1
    assert last_line(err).startswith("facejoin: ")
    assert "broken.bz2" in last_line(err)
    assert not out.exists()
    assert [path for path in warehouse.rglob("*.parquet") if path.parent.name != "leases"] == []


def test_a_job_says_what_it_did_and_writes_its_report(spark, facejoin, lines, tmp_path):
    warehouse, out = tmp_path / "warehouse", tmp_path / "deep" / "report.json"
    status, printed, _ = facejoin("manifest", lines, "--warehouse", warehouse, "--out", out)
    assert status == 0
    assert f"{lines}: 2 lines = 1 photos + 1 quarantined\n  quarantined: columns 1\n" in printed
    [report] = json.loads(out.read_text())
    assert (report["lines"], report["photos"], report["quarantined"]) == (2, 1, {"columns": 1})


def test_matching_without_a_gallery_ends_with_1(spark, facejoin, tmp_path):
    status, _, err = facejoin("match", "--warehouse", tmp_path / "warehouse")
    assert status == 1
    assert last_line(err).endswith("run `facejoin enroll` first")


@pytest.fixture
def settings_of(facejoin, monkeypatch, tmp_path):
    """(job, its report, settings file, arguments) → the settings that the job is given, without doing anything."""

    def settings_of(job, report, text, *arguments):
        given: list[Settings] = []

        def only_reports(_spark, _warehouse, settings, *_):
            given.append(settings)
            return report

        monkeypatch.setattr(app, "_session", lambda settings: (None, None))
        monkeypatch.setattr(f"facejoin.jobs.{job}.{job}", only_reports)
        (tmp_path / "config.yaml").write_text(text)
        status, _, err = facejoin(job, *arguments, "--config", tmp_path / "config.yaml")
        assert (status, err) == (0, "")
        return given[0]

    return settings_of


@pytest.mark.parametrize(
    ("options", "asked"),
    [
        ([], {"threshold": 0.5}),
        (["--threshold", "0.4"], {"threshold": 0.4}),
        (["--threshold", "0"], {"threshold": 0.0}),
        (["--fpir", "0.01"], {"fpir": 0.01}),
        (["--max-false-matches", "3"], {"max_false_matches": 3.0}),
    ],
)
def test_what_is_enough_on_the_command_line_replaces_whatever_the_file_says_of_it(settings_of, options, asked):
    nothing = MatchReport("g", 0.5, "as given", 0, 0, 0, 0, 0)
    settings = settings_of("match", nothing, "match:\n  threshold: 0.5\n  min_face: 33\n", *options).match
    given = {name: getattr(settings, name) for name in ("threshold", "fpir", "max_false_matches")}
    assert given == {"threshold": None, "fpir": None, "max_false_matches": None} | asked
    assert settings.min_face == 33


@pytest.mark.parametrize(
    ("options", "asked"),
    [
        ([], {"kind": "cosine", "strict": True, "cohort": "theirs"}),
        (["--kind", "svm_rbf"], {"kind": "svm_rbf", "strict": True, "cohort": "theirs"}),
        (["--no-strict", "--cohort", "mine"], {"kind": "cosine", "strict": False, "cohort": "mine"}),
    ],
)
def test_options_of_enroll_replace_their_own_setting_alone(settings_of, options, asked):
    nothing = EnrollReport("g", "cosine", 0, 0, 0.5, "nowhere", [], [], 0, [])
    text = "enroll:\n  kind: cosine\n  strict: true\n  cohort: theirs\n"
    settings = settings_of("enroll", nothing, text, "gallery", *options).enroll
    assert {name: getattr(settings, name) for name in asked} == asked


@pytest.mark.parametrize(
    ("options", "asked"),
    [
        ([], Asked()),
        (["--limit", "5", "--sample", "9"], Asked(limit=5, sample=9)),
        (["--waves", "2"], Asked(waves=2)),
        (
            ["--retry", "gone", "timeout", "--attempts", "3"],
            Asked(retry=True, statuses=("gone", "timeout"), attempts=3),
        ),
    ],
)
def test_options_of_crawl_say_what_part_of_it_is_asked_for(facejoin, monkeypatch, options, asked):
    given = []

    def only_reports(_spark, _warehouse, _settings, part):
        given.append(part)
        return CrawlReport("version")

    monkeypatch.setattr(app, "_session", lambda settings: (None, None))
    monkeypatch.setattr("facejoin.jobs.crawl.crawl", only_reports)
    status, _, err = facejoin("crawl", *options)
    assert (status, err, given) == (0, "", [asked])


def test_weights_without_a_name_are_all_that_the_settings_need(facejoin):
    status, out, _ = facejoin("weights")
    assert status == 0
    assert ["yunet" in line or "sface" in line for line in out.split("SHA-256 right")[:-1]] == [True, True]


def test_a_hash_without_a_name_is_a_wrong_argument(facejoin):
    status, _, err = facejoin("weights", "--sha256", "0" * 64)
    assert status == 2
    assert "--sha256 was given without a name" in last_line(err)


def test_missing_weights_end_with_1(spark, facejoin, tmp_path):
    config = tmp_path / "config.yaml"
    config.write_text(yaml.safe_dump({"cache": str(tmp_path), "vision": {"embed": {"model": "sface"}}}))
    status, _, err = facejoin("crawl", "--config", config, "--warehouse", tmp_path / "warehouse")
    assert status == 1
    assert "run `facejoin weights sface`" in last_line(err)


def test_sparks_errors_become_one_line(spark):
    with pytest.raises(PySparkException) as of_a_column:
        spark.range(1).select("nothing_of_that_name").collect()
    assert "nothing_of_that_name" in one_line(of_a_column.value)
    assert "\n" not in one_line(of_a_column.value)
    with pytest.raises(Py4JJavaError) as of_java:
        spark._jvm.java.util.ArrayList().get(1)
    assert one_line(of_java.value) == "Index 1 out of bounds for length 0"


def test_a_workers_exception_is_the_line_that_counts(spark):
    def fail(batches):
        yield from batches
        raise ValueError("the photo of row 7\nis upside down")

    with pytest.raises(PySparkException) as raised:
        spark.range(1).mapInArrow(fail, "id long").collect()
    assert one_line(raised.value).startswith("ValueError: the photo of row 7")
