"""The `facejoin` command: what it prints, what it leaves, and how it ends."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException

from facejoin.jobs import cli
from facejoin.jobs.errors import one_line

FACEJOIN = Path(sys.executable).with_name("facejoin")


@pytest.fixture
def facejoin(monkeypatch, capsys):
    """Runs the command here, on the session that is there → (exit status, stdout, stderr)."""

    def facejoin(*arguments):
        monkeypatch.setattr(sys, "argv", ["facejoin", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        out, err = capsys.readouterr()
        return ended.value.code, out, err

    return facejoin


@pytest.fixture
def lines(tmp_path, list_lines, photo_row):
    """A photo list of two lines, one of them bad."""
    path = tmp_path / "list.tsv"
    path.write_text("\n".join([*list_lines([photo_row(1)]), "short"]) + "\n")
    return path


def last_line(err):
    return [line for line in err.splitlines() if line][-1]


def test_wrong_settings_and_options_end_with_2_and_one_line(tmp_path):
    """The command itself, as a shell runs it; Spark is not started for any of these."""
    (tmp_path / "unknown.yaml").write_text("crawl:\n  waves: 3\n")
    (tmp_path / "range.yaml").write_text("vision:\n  detect:\n    min_face: 3\n")
    cases = [
        (["crawl", "--config", "unknown.yaml"], "facejoin: unknown.yaml: crawl.waves: Extra inputs are not permitted"),
        (["match", "--config", "range.yaml"], "range.yaml: vision.detect.min_face: Input should be greater than"),
        (["crawl", "--config", "missing.yaml"], "facejoin: cannot read the settings file missing.yaml"),
        (["enroll", "gallery", "--kind", "knn"], "facejoin: command line: enroll.kind: Input should be 'cosine'"),
        (["weights", "resnet"], "facejoin: no weights are called 'resnet'; known are sface"),
    ]
    running = [
        (subprocess.Popen([FACEJOIN, *arguments], cwd=tmp_path, stderr=subprocess.PIPE, text=True), message)
        for arguments, message in cases
    ]
    for process, message in running:
        _, err = process.communicate(timeout=120)
        assert process.returncode == 2 and message in err and len(err.strip().splitlines()) == 1, err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["range.yaml", "unknown.yaml"]


def test_a_wrong_option_value_ends_with_2(facejoin):
    status, _, err = facejoin("match", "--threshold", "high")
    assert status == 2 and "--threshold" in err and "high" in err


def test_an_unwritable_warehouse_ends_with_2(spark, facejoin, lines, tmp_path):
    status, _, err = facejoin("manifest", lines, "--warehouse", lines / "warehouse")
    assert status == 2 and last_line(err).endswith("warehouse cannot be written: Not a directory")


def test_a_broken_list_ends_with_1_and_leaves_nothing(spark, facejoin, tmp_path):
    (tmp_path / "broken.bz2").write_bytes(b"BZh9 and then nothing of the kind")
    out = tmp_path / "report.json"
    warehouse = tmp_path / "warehouse"
    status, _, err = facejoin("manifest", tmp_path / "broken.bz2", "--warehouse", warehouse, "--out", out)
    assert status == 1 and last_line(err).startswith("facejoin: ") and "broken.bz2" in last_line(err)
    assert not out.exists() and not list(warehouse.rglob("*.parquet"))


def test_a_job_says_what_it_did_and_writes_its_report(spark, facejoin, lines, tmp_path):
    warehouse, out = tmp_path / "warehouse", tmp_path / "deep" / "report.json"
    status, printed, _ = facejoin("manifest", lines, "--warehouse", warehouse, "--out", out)
    assert status == 0
    assert f"{lines}: 2 lines = 1 photos + 1 quarantined\n  quarantined: columns 1\n" in printed
    [report] = json.loads(out.read_text())
    assert (report["lines"], report["photos"], report["quarantined"]) == (2, 1, {"columns": 1})


def test_matching_without_a_gallery_ends_with_1(spark, facejoin, tmp_path):
    status, _, err = facejoin("match", "--warehouse", tmp_path / "warehouse")
    assert status == 1 and last_line(err).endswith("run `facejoin enroll` first")


def test_missing_weights_end_with_1(spark, facejoin, tmp_path):
    config = tmp_path / "config.yaml"
    config.write_text(yaml.safe_dump({"cache": str(tmp_path), "vision": {"embed": {"model": "sface"}}}))
    status, _, err = facejoin("crawl", "--config", config, "--warehouse", tmp_path / "warehouse")
    assert status == 1 and "run `facejoin weights sface`" in last_line(err)


def test_sparks_errors_become_one_line(spark):
    with pytest.raises(PySparkException) as of_a_column:
        spark.range(1).select("nothing_of_that_name").collect()
    assert "nothing_of_that_name" in one_line(of_a_column.value) and "\n" not in one_line(of_a_column.value)
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
