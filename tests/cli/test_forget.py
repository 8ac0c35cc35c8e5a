"""`facejoin forget`: what it says and writes; what it erases is tested with the job."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from facejoin.conf.schemas import PEOPLE
from facejoin.conf.settings import SettingsError
from facejoin.jobs.erasure.asked import asked_for
from facejoin.jobs.store.warehouse import Warehouse

Facejoin = Callable[..., tuple[int, str, str]]


def test_who_is_found_is_told_and_who_is_not_ends_it_with_1(
    spark: SparkSession, facejoin: Facejoin, tmp_path: Path
) -> None:
    folder, out, asked = tmp_path / "warehouse", tmp_path / "report.json", tmp_path / "asked.txt"
    rows = [("g", "Ada Lovelace", None, 1), ("g", "Bob", None, 1)]
    Warehouse(spark, str(folder)).append("people", spark.createDataFrame(rows, PEOPLE).coalesce(1))
    asked.write_text("# by mail\n\nperson Ada Lovelace\nperson Adda\n")
    status, printed, told = facejoin("forget", "--file", asked, "--warehouse", folder, "--out", out)
    assert status == 1
    assert "person Ada Lovelace: 1 rows found and erased" in printed
    assert "for what they held: 0 found" in printed
    assert told.splitlines()[-1].startswith("facejoin: nothing found of person Adda: misspelt?")  # below the progress
    report = json.loads(out.read_text())
    assert (report["found"], report["unknown"], report["traces"]) == ({"person Ada Lovelace": 1}, ["person Adda"], {})
    people = {row["person"] for row in Warehouse(spark, str(folder)).read("people").collect()}
    assert people == {"Bob"}
    status, printed, told = facejoin("forget", "--person", "Adda", "--in-advance", "--warehouse", folder)
    assert (status, told.count("facejoin:")) == (0, 0)
    assert "person Adda: 0 rows found" in printed
    assert Warehouse(spark, str(folder)).read("suppressed").count() == 2


def test_a_reason_that_names_who_asks_is_refused(spark: SparkSession, facejoin: Facejoin, tmp_path: Path) -> None:
    options = ("--warehouse", tmp_path / "warehouse", "--reason", "mail of Ada_Lovelace")
    status, _, told = facejoin("forget", "--person", "Ada_Lovelace", *options)
    assert status == 2
    assert "the reason names who asks out" in told


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({}, "nobody is named: expected --photo, --owner, --person or --file"),
        ({"photos": ["abc"]}, "by its number, not by 'abc'"),
        ({"photos": ["0"]}, "by its number"),
        ({"photos": ["-1"]}, "by its number"),
        ({"photos": ["9" * 19]}, "by its number"),
        ({"owners": [" "]}, "expected an NSID"),
        ({"people": ["a\nb"]}, "expected a name"),
        ({"file": Path("missing.txt")}, "cannot read the list missing.txt"),
    ],
)
def test_what_cannot_be_anybody_is_a_setting_that_cannot_work(asked: dict[str, object], told: str) -> None:
    with pytest.raises(SettingsError, match=told):
        asked_for(**asked)  # type: ignore[arg-type]


@pytest.mark.parametrize("line", ["Ada", "person", "people Ada", "photo"])
def test_a_line_of_a_list_says_what_it_is(tmp_path: Path, line: str) -> None:
    (tmp_path / "asked.txt").write_text(f"photo 1\n{line}\n")
    with pytest.raises(SettingsError, match=r"asked\.txt, line 2: expected photo, owner or person"):
        asked_for(file=tmp_path / "asked.txt")


def test_each_is_asked_for_once_in_order() -> None:
    assert asked_for(["007", "7"], ["1@N01"], ["Ada", "Ada"]) == [("photo", "7"), ("owner", "1@N01"), ("person", "Ada")]
