"""The warehouse: what Delta keeps for us, and what it refuses."""

import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from delta import DeltaTable
from pyspark.testing import assertDataFrameEqual, assertSchemaEqual

from facejoin.conf.schemas import MATCHES, PEOPLE, PHOTOS, STATISTICS, TABLES
from facejoin.conf.settings import SettingsError
from facejoin.jobs.store import races
from facejoin.jobs.store.errors import SPARK_ERRORS, one_line
from facejoin.jobs.store.warehouse import Warehouse, one_spelling


@pytest.fixture(scope="module")
def tables(spark, tmp_path_factory):
    """A warehouse in which no test writes where another one reads."""
    return Warehouse(spark, str(tmp_path_factory.mktemp("tables")))


def people(spark, *rows):
    return spark.createDataFrame(list(rows), PEOPLE)


def test_every_table_reads_as_its_schema_says_before_anything_is_written(tables):
    for name in TABLES:
        assertSchemaEqual(tables.read(name).schema, TABLES[name])
        assert tables.read(name).isEmpty()


def test_the_comments_of_columns_are_kept_with_the_table(tables):
    described = {row["col_name"]: row["comment"] for row in _describe(tables, "photos")}
    for field in PHOTOS:
        assert described[field.name] == field.metadata.get("comment")


def test_statistics_leave_out_what_is_personal(tables):
    assert {*STATISTICS} == {*TABLES} - {"leases"}  # which tell of processes alone
    impersonal = {"bucket", "model_version", "attempt", "status", "reason", "gallery", "job", "kind", "learnt_at", "at"}
    assert {column for columns in STATISTICS.values() for column in columns} <= impersonal
    for name in ("photos", "runs"):
        tables.read(name)
        [[properties]] = DeltaTable.forPath(tables.spark, tables.path(name)).detail().select("properties").collect()
        assert properties["delta.dataSkippingStatsColumns"].split(",") == [*STATISTICS[name]]


def test_a_confidence_above_one_is_refused(spark, tables):
    row = {"gallery": "g", "photo_id": 1, "face": 0, "person": "A", "confidence": 2.0}
    with pytest.raises(SPARK_ERRORS) as refused:
        tables.append("matches", spark.createDataFrame([row], MATCHES))
    assert "confidence_range" in one_line(refused.value)
    assert tables.read("matches").isEmpty()


def test_replacing_touches_its_own_rows_alone(spark, tables):
    old, other, new = ("a", "Ann", "Ann/1.jpg", 1), ("b", "Bob", None, 2), ("a", "Cem", "Cem/1.jpg", 3)
    tables.append("people", people(spark, old, other))
    tables.replace("people", people(spark, new), "gallery = 'a'")
    assertDataFrameEqual(tables.read("people").where("gallery <= 'b'"), people(spark, other, new))


def test_a_version_moves_with_each_commit_and_only_then(spark, tables):
    before = tables.version("people")
    assert tables.version("people") == before
    tables.append("people", people(spark, ("c", "Dee", None, 1)))
    assert tables.version("people") == before + 1


def test_two_jobs_that_make_a_table_at_once_both_have_it(spark, tmp_path):
    together = threading.Barrier(2)

    def make(_):
        own = Warehouse(spark, str(tmp_path))
        together.wait(60)
        return own.read("leases").count()

    with ThreadPoolExecutor(2) as pool:
        assert [*pool.map(make, range(2))] == [0, 0]


def test_a_table_that_another_job_is_still_making_is_waited_for(spark, tmp_path, monkeypatch):
    made = Warehouse(spark, str(tmp_path / "made"))
    made.append("people", people(spark, ("a", "Ann", None, 1)))
    own = Warehouse(spark, str(tmp_path / "own"))
    log = Path(own.path("people")) / "_delta_log"
    log.mkdir(parents=True)  # which is there before its first commit

    def finished():
        shutil.copytree(made.path("people"), own.path("people"), dirs_exist_ok=True)

    monkeypatch.setattr(races, "pause", finished)
    assert own.read("people").count() == 1


def test_a_folder_of_something_else_is_no_table_however_long_one_waits(spark, tmp_path, monkeypatch):
    (tmp_path / "people").mkdir()
    (tmp_path / "people" / "letter.txt").write_text("Dear Ann")
    pauses = []
    monkeypatch.setattr(races, "pause", lambda: pauses.append(1))
    with pytest.raises(SPARK_ERRORS, match="people"):
        Warehouse(spark, str(tmp_path)).read("people")
    assert len(pauses) == races.TRIES - 1


def test_a_warehouse_below_a_file_is_refused_at_once(spark, tmp_path):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(SettingsError, match=r"the warehouse .*file/warehouse cannot be written: Not a directory"):
        Warehouse(spark, str(tmp_path / "file" / "warehouse"))


@pytest.mark.parametrize("scheme", ["file:", "file://"])
def test_a_folder_is_the_same_however_it_is_spelt(spark, tmp_path, scheme):
    spelt = Warehouse(spark, f"{scheme}{tmp_path / 'warehouse'}")
    spelt.append("people", people(spark, ("a", "Ann", None, 1)))
    assert Warehouse(spark, str(tmp_path / "warehouse")).read("people").count() == 1
    assert spelt.version("people") == 1


@pytest.mark.parametrize(
    ("given", "place"),
    [
        ("hdfs:///facejoin/warehouse", "hdfs:/facejoin/warehouse"),
        ("hdfs:/facejoin/warehouse", "hdfs:/facejoin/warehouse"),
        ("hdfs://name-node:8020/facejoin", "hdfs://name-node:8020/facejoin"),
        ("s3a://bucket/facejoin", "s3a://bucket/facejoin"),
        ("dbfs:///facejoin", "dbfs:/facejoin"),
        ("/facejoin", "/facejoin"),
        ("facejoin", "facejoin"),
    ],
)
def test_a_place_without_a_host_is_named_in_one_way(given, place):
    """To Delta `hdfs:///facejoin` and `hdfs:/facejoin` are two places."""
    assert one_spelling(given) == place


def test_executors_on_other_machines_get_one_place_too(spark, tmp_path, monkeypatch):
    """Delta itself takes it: on a cluster the folder goes to it as it is."""
    monkeypatch.setattr("facejoin.jobs.store.warehouse.runs_locally", lambda spark: False)
    elsewhere = Warehouse(spark, (tmp_path / "warehouse").as_uri())
    assert elsewhere.folder == f"file:{tmp_path / 'warehouse'}"
    assert elsewhere.read("people").isEmpty()


def _describe(tables, name):
    tables.read(name)
    return tables.spark.sql(f"DESCRIBE TABLE delta.`{tables.path(name)}`").collect()
