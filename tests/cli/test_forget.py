"""`facejoin forget`: what it says and writes; what it erases is tested with the job."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from pyspark.sql import SparkSession


def test_who_asks_out_is_in_the_report_even_where_nothing_is_erased(
    spark: SparkSession, facejoin: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    warehouse, out = tmp_path / "warehouse", tmp_path / "report.json"
    options = ("--reason", "by mail", "--warehouse", warehouse, "--out", out)
    status, printed, _ = facejoin("forget", "person", "Ada", *options)
    assert status == 0
    assert "person Ada is suppressed" in printed
    assert "enroll again" not in printed
    assert json.loads(out.read_text()) == {
        "kind": "person", "value": "Ada", "reason": "by mail", "photos": 0, "galleries": 0,
    }  # fmt: skip
