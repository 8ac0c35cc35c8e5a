"""What the commands share."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from pathlib import Path

from facejoin.cli.options import typed, write_report


@dataclass
class Report:
    photos: int


def test_a_command_to_type_has_the_options_that_were_given() -> None:
    assert typed("enroll", "GALLERY", config=None, warehouse=None) == "facejoin enroll GALLERY"
    command = typed("enroll", Path("my gallery"), config=Path("a.yaml"), warehouse="hdfs:///w")
    assert shlex.split(command) == [
        *("facejoin", "enroll", "my gallery"), *("--config", "a.yaml"), *("--warehouse", "hdfs:///w"),
    ]  # fmt: skip


def test_a_report_is_written_with_its_folder(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "report.json"
    for report, plain in (
        (Report(1), {"photos": 1}),
        ([Report(1), Report(2)], [{"photos": 1}, {"photos": 2}]),
        ({"manifest": [Report(1)], "crawl": Report(2)}, {"manifest": [{"photos": 1}], "crawl": {"photos": 2}}),
    ):
        write_report(file, report)
        assert json.loads(file.read_text()) == plain


def test_no_report_is_written_where_none_is_asked_for(tmp_path: Path) -> None:
    write_report(None, Report(1))
    assert list(tmp_path.iterdir()) == []
