"""Cores and memory over time, drawn from reports in which something is recorded, a little, or nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from made_up_status import KNOWN, UNKNOWN
from PIL import Image

from facejoin.conf.settings import SettingsError
from facejoin.jobs.watch.plot import draw_load

SVG = "{http://www.w3.org/2000/svg}"
ONE_POINT = replace(KNOWN, load=KNOWN.load[:1], wave_load=[])


def texts(file: Path) -> list[str]:
    return ["".join(text.itertext()) for text in ElementTree.parse(file).iter(f"{SVG}text")]


@pytest.mark.parametrize(("report", "nothing"), [(KNOWN, 0), (ONE_POINT, 1), (UNKNOWN, 3)])
def test_what_is_recorded_is_drawn_and_where_nothing_is_that_is_said(report, nothing, tmp_path):
    draw_load(report, tmp_path / "new" / "load.svg")
    drawn = texts(tmp_path / "new" / "load.svg")
    assert drawn.count("nothing is recorded") == nothing
    assert {"Cores", "Memory of a worker", "time (UTC)"} <= {*drawn}
    assert ("kept busy by workers" in drawn) == bool(report.load)


def test_the_same_report_is_the_same_drawing(tmp_path):
    for name in ("one.svg", "two.svg"):
        draw_load(KNOWN, tmp_path / name)
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()


def test_a_picture_is_drawn_too(tmp_path):
    draw_load(KNOWN, tmp_path / "load.png")
    with Image.open(tmp_path / "load.png") as picture:
        assert picture.format == "PNG"


def test_an_unknown_format_is_a_wrong_argument(tmp_path):
    with pytest.raises(SettingsError, match=r"load.txt is of no known format: expected a file ending in \.svg"):
        draw_load(KNOWN, tmp_path / "load.txt")
