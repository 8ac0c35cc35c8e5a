"""Photo lists: both layouts of YFCC100M, column by column."""

import bz2
from dataclasses import replace
from random import Random
from urllib.parse import unquote_plus

from facejoin.demo.photo_list import PhotoRow, write_photo_list
from facejoin.demo.photo_metadata import invent_row

ROW = PhotoRow(
    photo_id=6325727670,
    owner="61048402@N08",
    nickname="Zoë + Co",
    taken="2011-11-07 07:20:22.0",
    uploaded=1320751886,
    device="NIKON D90",
    title="Fog & light",
    description="First line\n\tsecond, 100%",
    tags=("black and white", "b&w", "washington, d.c."),
    machine_tags=(),
    longitude=144.87957,
    latitude=-37.155665,
    accuracy=11,
    download_url="http://127.0.0.1:8000/6097/6325727670_5192fe3be9.jpg",
    licence="Attribution License",
    licence_url="http://creativecommons.org/licenses/by/2.0/",
    server=6097,
    farm=7,
    secret="5192fe3be9",
    original_secret="0f11b3c88a",
    extension="jpg",
)
COLUMNS = [
    *("6325727670", "61048402@N08", "Zo%C3%AB+%2B+Co", "2011-11-07 07:20:22.0", "1320751886", "NIKON+D90"),
    *("Fog+%26+light", "First+line%0A%09second%2C+100%25", "black+and+white,b%26w,washington%2C+d.c.", ""),
    *("144.879570", "-37.155665", "11", "http://www.flickr.com/photos/61048402@N08/6325727670/"),
    *("http://127.0.0.1:8000/6097/6325727670_5192fe3be9.jpg", "Attribution License"),
    *("http://creativecommons.org/licenses/by/2.0/", "6097", "7", "5192fe3be9", "0f11b3c88a", "jpg", "0"),
]


def written(path, rows, layout):
    """The list's lines, split into columns."""
    write_photo_list(path, rows, layout)
    text = bz2.decompress(path.read_bytes()).decode()
    assert text.endswith("\n")
    return [line.split("\t") for line in text[:-1].split("\n")]


def test_the_23_columns_are_those_of_the_first_layout(tmp_path):
    assert written(tmp_path / "list.bz2", [ROW], 23) == [COLUMNS]


def test_the_25_columns_add_a_line_number_and_a_hash_around_the_id(tmp_path):
    lines = written(tmp_path / "list.bz2", [ROW, ROW], 25)
    assert [line[0] for line in lines] == ["0", "1"]
    assert lines[0][1] == COLUMNS[0]
    assert len(lines[0][2]) == 32
    assert int(lines[0][2], 16)
    assert lines[0][3:] == COLUMNS[1:]


def test_an_unknown_place_is_three_empty_columns(tmp_path):
    nowhere = replace(ROW, longitude=None, latitude=None, accuracy=None)
    assert written(tmp_path / "list.bz2", [nowhere], 23)[0][10:13] == ["", "", ""]


def test_a_video_has_marker_1(tmp_path):
    assert written(tmp_path / "list.bz2", [replace(ROW, marker=1)], 25)[0][24] == "1"


def test_tags_split_on_commas_before_they_are_decoded(tmp_path):
    tags = written(tmp_path / "list.bz2", [ROW], 23)[0][8].split(",")
    assert tuple(map(unquote_plus, tags)) == ROW.tags


def test_the_same_rows_give_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        write_photo_list(tmp_path / name, [ROW], 23)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_no_invented_text_breaks_a_line(tmp_path):
    rng = Random(0)
    rows = [invent_row(rng, number, "http://127.0.0.1:8000", ".jpg") for number in range(1, 501)]
    lines = written(tmp_path / "list.bz2", rows, 23)
    assert {len(line) for line in lines} == {23}
    assert [unquote_plus(line[2]) for line in lines] == [row.nickname for row in rows]
    assert [unquote_plus(line[7]) for line in lines] == [row.description for row in rows]


def test_invented_places_are_on_earth_and_some_are_unknown(tmp_path):
    rng = Random(0)
    rows = [invent_row(rng, number, "http://127.0.0.1:8000", ".jpg") for number in range(1, 501)]
    placed = [(row.latitude, row.longitude) for row in rows if row.latitude is not None and row.longitude is not None]
    assert 0 < len(rows) - len(placed) < 150
    assert all(-90 <= latitude <= 90 and -180 <= longitude <= 180 for latitude, longitude in placed)
    assert {north > 0 for north, _ in placed} == {east > 0 for _, east in placed} == {True, False}
