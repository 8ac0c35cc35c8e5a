"""Photo lists as files: every line ends up in `photos` or in `quarantine`, once."""

import bz2
import gzip
import json
import shutil
from collections import Counter
from random import Random

import pytest
from delta import DeltaTable
from pyspark.sql import functions as F

from facejoin.conf.schemas import SUPPRESSED
from facejoin.conf.settings import ManifestSettings, SettingsError
from facejoin.demo.photo_metadata import invent_row
from facejoin.jobs.manifest import manifest, read_lines
from facejoin.jobs.store.errors import JobError
from facejoin.jobs.store.list_report import ListReport
from facejoin.jobs.store.warehouse import Warehouse

WRITTEN = ("photos", "quarantine", "runs")
SETTINGS = ManifestSettings()


@pytest.fixture(scope="module")
def folder(tmp_path_factory, photo_row, list_lines):
    """Four lists: bzip2 and gzip in one folder, which has a folder with a plain one; and one elsewhere."""
    folder = tmp_path_factory.mktemp("lists")
    rows = [photo_row(1), photo_row(2, title="", latitude=None), photo_row(3, marker=1), photo_row(1, title="again")]
    good = list_lines(rows)
    good[0] = good[0].replace("Fog+%26+light", '"Fog+%26\rlight')
    bad = [good[0].rpartition("\t")[0], good[0] + "\tmore", "", good[0].replace("1\t", "one\t", 1)]
    not_utf8 = good[1].replace("NIKON", "\x00").encode().replace(b"\x00", b"\xff\xfe")
    lines = [*(line.encode() for line in good + bad), not_utf8]
    (folder / "a.bz2").write_bytes(bz2.compress(b"\n".join(lines) + b"\n"))
    of_25 = list_lines([photo_row(n) for n in (11, 12, 2)], 25)
    (folder / "b.gz").write_bytes(gzip.compress("\n".join(of_25).encode()))  # without a line feed at its end
    (folder / "deep").mkdir()
    (folder / "deep" / "c.tsv").write_text("\n".join(list_lines([photo_row(21), photo_row(31)])) + "\n")
    (folder / "d.txt").write_text("\n".join(list_lines([photo_row(31)])) + "\n")
    return folder


@pytest.fixture(scope="module")
def read(spark, tmp_path_factory):
    warehouse = Warehouse(spark, str(tmp_path_factory.mktemp("manifest")))
    return lambda sources, into=warehouse: (manifest(spark, into, SETTINGS, [str(s) for s in sources]), into)


@pytest.fixture(scope="module")
def read_once(read, folder):
    """A glob, a folder and a file of their own."""
    return read([folder / "*.bz2", folder / "b.gz", folder / "deep", folder / "d.txt"])


@pytest.fixture(scope="module")
def reports(read_once):
    return {report.file.rpartition("/")[2]: report for report in read_once[0]}


def rows_of(warehouse, name, file):
    return warehouse.read(name).where(F.col("source_file").endswith(f"/{file}"))


def test_every_line_is_a_photo_or_in_quarantine(read_once, reports):
    _, warehouse = read_once
    lines = {"a.bz2": 9, "b.gz": 3, "c.tsv": 2, "d.txt": 1}
    assert {name: report.lines for name, report in reports.items()} == lines
    for name, report in reports.items():
        assert rows_of(warehouse, "photos", name).count() == report.photos
        assert rows_of(warehouse, "quarantine", name).count() == sum(report.quarantined.values())
        assert report.lines == report.photos + sum(report.quarantined.values())


def test_the_reasons_are_reported_by_file(reports):
    bad = {"columns": 2, "empty": 1, "photo_id": 1, "not_utf8": 1, "duplicate": 1}
    assert reports["a.bz2"].quarantined == bad
    assert reports["a.bz2"].excluded == {"video": 1}
    assert reports["b.gz"].quarantined == {"duplicate": 1}
    assert reports["d.txt"].quarantined == {}


def test_of_photos_with_one_id_the_first_counts_across_files_too(read_once, reports):
    _, warehouse = read_once
    assert reports["c.tsv"].quarantined == {"duplicate": 1}  # "d.txt" comes before "deep/c.tsv"
    ids = [row["photo_id"] for row in warehouse.read("photos").select("photo_id").collect()]
    assert sorted(ids) == [1, 2, 3, 11, 12, 21, 31]
    assert rows_of(warehouse, "photos", "a.bz2").where("photo_id = 1").first()["title"] == '"Fog &\rlight'


def test_a_quarantined_line_is_kept_as_it_was(read_once, folder):
    _, warehouse = read_once
    written = Counter(bz2.decompress((folder / "a.bz2").read_bytes()).split(b"\n"))
    kept = [bytes(row["line"]) for row in rows_of(warehouse, "quarantine", "a.bz2").select("line").collect()]
    assert not Counter(kept) - written
    assert b"" in kept
    assert any(b"\xff\xfe" in line for line in kept)


def test_reading_again_adds_nothing(read, read_once, folder, versions):
    before, warehouse = read_once
    seen = versions(warehouse, WRITTEN)
    again, _ = read([folder])  # the same lists, named otherwise
    assert all(report.already_read for report in again)
    assert [vars(r) | {"already_read": False} for r in again] == [vars(r) for r in before]
    assert versions(warehouse, WRITTEN) == seen


def test_a_run_that_was_cut_short_is_made_good(spark, tmp_path, read, read_once, folder, reports):
    _, whole = read_once
    cut = Warehouse(spark, str(shutil.copytree(whole.folder, tmp_path / "warehouse")))
    DeltaTable.forPath(spark, cut.path("runs")).delete(F.col("unit").endswith("a.bz2"))
    DeltaTable.forPath(spark, cut.path("photos")).delete("photo_id = 3")
    again, _ = read([folder], into=cut)
    assert {r.file.rpartition("/")[2]: r.already_read for r in again} == {
        "a.bz2": False, "b.gz": True, "c.tsv": True, "d.txt": True,
    }  # fmt: skip
    assert vars(again[0]) == vars(reports["a.bz2"])
    for name in ("photos", "quarantine"):
        assert sorted(cut.read(name).collect(), key=str) == sorted(whole.read(name).collect(), key=str)


def test_a_list_that_grew_is_read_again_in_place_of_what_it_was(read, warehouse, tmp_path, list_lines, photo_row):
    path = tmp_path / "it's a+b, 100%25.tsv"
    path.write_text("\n".join(list_lines([photo_row(1), photo_row(2)])) + "\n")
    read([path], into=warehouse)
    path.write_text("\n".join(list_lines([photo_row(2, title="changed"), photo_row(3), photo_row(3)])) + "\n")
    [report], _ = read([path], into=warehouse)
    assert (report.lines, report.photos, report.quarantined) == (3, 2, {"duplicate": 1})
    titles = {row["photo_id"]: row["title"] for row in warehouse.read("photos").collect()}
    assert titles == {2: "changed", 3: photo_row().title}
    assert warehouse.read("runs").count() == 2


def test_the_report_is_kept_in_runs(read_once, reports):
    _, warehouse = read_once
    kept = {
        row["unit"]: json.loads(row["report"]) for row in warehouse.read("runs").where("job = 'manifest'").collect()
    }
    assert kept == {report.file: vars(report) | {"version": ListReport.VERSION} for report in reports.values()}


def test_one_bzip2_file_is_read_by_several_tasks_without_losing_or_doubling_a_line(spark, tmp_path, list_lines):
    rng = Random(5)
    counts = {}
    for number, level in enumerate((1, 1, 1, 9)):  # blocks of 100,000 bytes and of 900,000
        rows = [invent_row(rng, number * 10**6 + n + 1, "http://127.0.0.1:1", ".jpg") for n in range(4000)]
        path = tmp_path / f"{number}.bz2"
        path.write_bytes(bz2.compress("\n".join(list_lines(rows)).encode() + b"\n", level))
        counts[f"file:{path}"] = len(rows)
    usual = spark.conf.get("spark.sql.files.maxPartitionBytes")
    spark.conf.set("spark.sql.files.maxPartitionBytes", "40000")
    try:
        lines = read_lines(spark, [str(tmp_path / f"{number}.bz2") for number in range(4)])
        task, photo_id = F.spark_partition_id().alias("task"), F.split("value", "\t")[0].alias("photo_id")
        of_files = lines.select("source_file", "value", task, photo_id).groupBy("source_file")
        found = of_files.agg(
            F.count("*").alias("lines"),
            F.countDistinct("photo_id").alias("ids"),
            F.countDistinct("task").alias("tasks"),
        ).collect()
    finally:
        spark.conf.set("spark.sql.files.maxPartitionBytes", usual)
    assert {row["source_file"]: (row["lines"], row["ids"]) for row in found} == {
        file: (count, count) for file, count in counts.items()
    }
    assert all(row["tasks"] > 1 for row in found)


@pytest.fixture(scope="module")
def unread(spark, tmp_path_factory):
    """A warehouse in which nothing must ever be."""
    return Warehouse(spark, str(tmp_path_factory.mktemp("unread")))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("plain.bz2", lambda of_23, of_25: of_23, "holds no line at all: .* not what its name ends in"),
        ("cut.bz2", lambda of_23, of_25: bz2.compress(of_23)[:-40], "cannot read the photo lists"),
        ("plain.gz", lambda of_23, of_25: of_23, "cannot read the photo lists: .*gzip"),
        ("words.txt", lambda of_23, of_25: b"id,url\n1,http://127.0.0.1\n", "2 of 1 columns"),
        ("mixed.tsv", lambda of_23, of_25: of_23 + of_25, "mixes the layouts: 40 lines of 23 .*, 40 lines of 25"),
        ("empty.tsv", lambda of_23, of_25: b"", "holds no line at all"),
        ("empty.bz2", lambda of_23, of_25: bz2.compress(b""), "holds no line at all"),
    ],
    ids=lambda value: value if isinstance(value, str) and "." in value[-5:] else "",
)
def test_a_list_that_is_none_is_one_clear_error_and_leaves_nothing(
    read, unread, tmp_path, list_lines, photo_row, name, content, message
):
    of_23, of_25 = (
        "".join(f"{line}\n" for line in list_lines([photo_row(base + n) for n in range(40)], layout)).encode()
        for layout, base in ((23, 1000), (25, 2000))
    )
    (tmp_path / name).write_bytes(content(of_23, of_25))
    (tmp_path / "good.tsv").write_bytes(of_23)
    with pytest.raises(JobError, match=message) as raised:
        read([tmp_path], into=unread)
    assert name in str(raised.value)
    assert "\n" not in str(raised.value)
    assert all(unread.read(table).isEmpty() for table in WRITTEN)


@pytest.mark.parametrize("source", ["missing.bz2", "*.bz2", "."])
def test_a_source_without_a_list_is_a_setting_that_cannot_work(read, unread, tmp_path, source):
    with pytest.raises(SettingsError, match="no photo list at"):
        read([tmp_path / source], into=unread)


def test_a_report_whose_lines_do_not_add_up_is_refused():
    with pytest.raises(JobError, match=r"a: 3 lines, but 1 photos, .* quarantined and 0 erased"):
        ListReport("a", lines=3, photos=1, quarantined={"empty": 1}).check()


def test_a_list_that_is_read_again_does_not_bring_back_what_was_erased(
    read, spark, warehouse, tmp_path, photo_row, list_lines
):
    """Nor a line that cannot be read in which a number of it stands; the books say how many lines that are."""
    mine, others, hers = photo_row(1, owner="a@N01"), photo_row(2, owner="b@N02"), photo_row(3, owner="b@N03")
    lines = [*list_lines([mine, others, hers, mine]), "1\tshort", "b@N02\tshort too", "3\tkept"]
    (tmp_path / "list.tsv").write_text("\n".join(lines) + "\n")
    asked = spark.createDataFrame([("photo", "1", None, None), ("owner", "b@N02", None, None)], SUPPRESSED)
    warehouse.append("suppressed", asked)
    [report], _ = read([tmp_path / "list.tsv"], into=warehouse)
    assert (report.lines, report.photos, report.quarantined, report.erased) == (7, 1, {"columns": 1}, 5)
    assert [row["photo_id"] for row in warehouse.read("photos").collect()] == [3]
    assert [bytes(row["line"]) for row in warehouse.read("quarantine").collect()] == [b"3\tkept"]
