"""Lines of photo lists as columns, in both layouts; no table is written."""

from dataclasses import replace
from datetime import datetime

import pytest
from pyspark.sql import functions as F
from pyspark.testing import assertSchemaEqual

from facejoin.conf.schemas import BUCKETS, PHOTOS
from facejoin.conf.settings import ManifestSettings
from facejoin.jobs.lists.yfcc100m import parsed

MISSING = {
    "nickname": "", "taken": "", "device": "", "title": "", "description": "", "tags": (), "machine_tags": (),
    "longitude": None, "latitude": None, "accuracy": None, "licence": "", "licence_url": "",
}  # fmt: skip


@pytest.fixture(scope="module")
def read(spark, list_lines):
    """Lines by name → rows by name, all read in one go."""

    def read(lines, settings=ManifestSettings()):  # noqa: B008
        values = [(line if isinstance(line, bytes) else line.encode(), name, 0) for name, line in lines.items()]
        frame = spark.createDataFrame(values, "value binary, source_file string, line bigint")
        rows = parsed(frame.withColumn("value", F.col("value").cast("string")), settings)
        return {row["source_file"]: row for row in rows.withColumn("value", F.col("value").cast("binary")).collect()}

    return read


@pytest.fixture(scope="module")
def line_of(photo_row, list_lines):
    """One line; `cells` replaces columns of the 23, as they stand in the file."""

    def line(layout=23, cells=None, **changes):
        columns = list_lines([photo_row(**changes)], layout)[0].split("\t")
        shift = layout - 23
        for number, text in (cells or {}).items():
            columns[shift + number if number else min(shift, 1)] = text
        return "\t".join(columns)

    return line


@pytest.fixture(scope="module")
def rows(read, line_of):
    """Everything below that only differs in its line."""
    url = "http://127.0.0.1:8000/1/1"
    whole = line_of()
    lines = {
        "23": whole,
        "25": line_of(25),
        "missing": line_of(**MISSING),
        "missing in 25": line_of(25, **MISSING),
        "plus": line_of(cells={6: "a+b%2Bc"}),
        "line feed": line_of(cells={7: "one%0Atwo%09%22"}),
        "tags": line_of(cells={8: "washington%2C+d.c.,%C3%A9t%C3%A9,b%26w"}),
        "malformed": line_of(cells={6: "100%+sure+%zz"}),
        "accents": line_of(nickname="Łukasz_Ż 明日香", title="Früh & spät"),
        "quote": line_of(cells={6: 'half+a+"quote', 7: '"'}),
        "carriage return": line_of(cells={7: "one\rtwo"}),
        "windows": line_of() + "\r",
        "null date": line_of(taken="null"),
        "absurd date": line_of(taken="4501-01-01 00:00:00.0"),
        "impossible date": line_of(taken="2011-02-30 00:00:00.0"),
        "upload": line_of(cells={4: "soon"}),
        "far east": line_of(cells={10: "180.5", 11: "-90.5"}),
        "not a number": line_of(cells={10: "NaN", 11: "north"}),
        "edge": line_of(cells={10: "-180.0", 11: "90"}),
        "video": line_of(marker=1),
        "upper case": line_of(download_url=f"{url}.JPG"),
        "tiff": line_of(download_url=f"{url}.tif"),
        "query": line_of(download_url=f"{url}.jpg?zz=1"),
        "no url": line_of(download_url=""),
        "video of no image": line_of(marker=1, download_url=f"{url}.avi"),
        "short": whole.rpartition("\t")[0],
        "long": whole + "\tmore",
        "empty": "",
        "not utf8": whole.encode() + b"\xff",
        "odd id": line_of(cells={0: "6.3e9"}),
        "no id": line_of(cells={0: ""}),
        "negative id": line_of(25, cells={0: "-5"}),
        "huge id": line_of(cells={0: "99999999999999999999"}),
        "odd marker": line_of(cells={22: "2"}),
    }
    return read(lines)


def photo(row):
    """The columns of `photos` that do not depend on the file."""
    return {name: row[name] for name in PHOTOS.names if name != "source_file"}


def test_the_columns_have_the_types_of_the_photos_table(spark):
    lines = spark.createDataFrame([], "value string, source_file string, line bigint")
    columns = parsed(lines, ManifestSettings()).select(*PHOTOS.names).schema
    assertSchemaEqual(columns, PHOTOS, ignoreNullable=True)


@pytest.mark.parametrize("name", ["", "missing"])
def test_both_layouts_give_the_same_photo(rows, name):
    of_23, of_25 = (rows[f"{name} in 25"], rows[name]) if name else (rows["25"], rows["23"])
    assert photo(of_23) == photo(of_25)
    assert of_23["reason"] is None


def test_a_photo_keeps_what_its_line_says(rows, photo_row):
    row, written = rows["23"], photo_row()
    assert row["photo_id"] == written.photo_id
    assert 0 <= row["bucket"] < BUCKETS
    assert row["excluded"] is None
    assert (row["owner"], row["owner_name"], row["device"]) == (written.owner, written.nickname, written.device)
    assert (row["title"], row["description"]) == (written.title, None)
    assert (tuple(row["tags"]), row["machine_tags"]) == (written.tags, [])
    assert (row["longitude"], row["latitude"], row["accuracy"]) == (2.2945, 48.8584, 16)
    assert (row["page_url"], row["download_url"]) == (written.page_url, written.download_url)
    assert (row["licence"], row["licence_url"], row["extension"]) == (written.licence, written.licence_url, "jpg")
    assert row["taken"] == datetime(2011, 11, 7, 7, 20, 22)
    assert row["uploaded"] == datetime(2011, 11, 8, 11, 31, 26)


def test_missing_fields_are_null_and_missing_tags_are_none(rows):
    row = rows["missing"]
    for name in ("owner_name", "taken", "device", "title", "description", "longitude", "latitude", "accuracy"):
        assert row[name] is None
    assert row["licence"] is None
    assert row["licence_url"] is None
    assert row["tags"] == []
    assert row["machine_tags"] == []


def test_text_is_form_decoded(rows):
    assert rows["plus"]["title"] == "a b+c"
    assert rows["line feed"]["description"] == 'one\ntwo\t"'
    assert (rows["accents"]["owner_name"], rows["accents"]["title"]) == ("Łukasz_Ż 明日香", "Früh & spät")


def test_a_comma_inside_a_tag_does_not_split_it(rows):
    assert rows["tags"]["tags"] == ["washington, d.c.", "été", "b&w"]


def test_text_that_cannot_be_decoded_stays_as_it_is(rows):
    assert rows["malformed"]["title"] == "100%+sure+%zz"


def test_quotes_and_carriage_returns_are_text(rows):
    assert (rows["quote"]["title"], rows["quote"]["description"]) == ('half a "quote', '"')
    assert rows["carriage return"]["description"] == "one\rtwo"
    assert rows["windows"]["reason"] is None
    assert rows["windows"]["excluded"] is None


@pytest.mark.parametrize("name", ["null date", "absurd date", "impossible date"])
def test_a_date_that_cannot_be_is_null(rows, name):
    assert rows[name]["taken"] is None
    assert rows[name]["reason"] is None


def test_an_upload_time_that_is_none_is_null(rows):
    assert rows["upload"]["uploaded"] is None
    assert rows["upload"]["reason"] is None


@pytest.mark.parametrize("name", ["far east", "not a number"])
def test_coordinates_off_the_globe_are_null(rows, name):
    assert (rows[name]["longitude"], rows[name]["latitude"]) == (None, None)


def test_coordinates_at_the_edge_are_kept(rows):
    assert (rows["edge"]["longitude"], rows["edge"]["latitude"]) == (-180.0, 90.0)


@pytest.mark.parametrize(
    ("name", "excluded"),
    [
        ("23", None),
        ("upper case", None),
        ("video", "video"),
        ("video of no image", "video"),
        ("tiff", "not_image_url"),
        ("query", "not_image_url"),
        ("no url", "not_image_url"),
    ],
)
def test_what_is_not_downloaded_is_a_photo_with_a_reason(rows, name, excluded):
    assert rows[name]["excluded"] == excluded
    assert rows[name]["reason"] is None


def test_the_extensions_are_a_setting(read, line_of):
    lines = {"jpg": line_of(), "tif": line_of(download_url="http://127.0.0.1/1.TIF")}
    found = read(lines, ManifestSettings(extensions=("tif",)))
    assert [found[name]["excluded"] for name in ("jpg", "tif")] == ["not_image_url", None]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("short", "columns"),
        ("long", "columns"),
        ("empty", "empty"),
        ("not utf8", "not_utf8"),
        ("odd id", "photo_id"),
        ("no id", "photo_id"),
        ("negative id", "photo_id"),
        ("huge id", "photo_id"),
        ("odd marker", "photo_id"),
    ],
)
def test_a_line_that_is_no_photo_has_a_reason(rows, name, reason):
    assert rows[name]["reason"] == reason


def test_equal_ids_have_equal_buckets_in_both_layouts(read, list_lines, photo_row):
    ids = [1, 2**31, 13_926_105_843]
    of_23 = list_lines([photo_row(photo_id) for photo_id in ids])
    of_25 = list_lines([replace(photo_row(photo_id), title="") for photo_id in ids], 25)
    found = read({f"{n}{layout}": line for layout, own in (("a", of_23), ("b", of_25)) for n, line in enumerate(own)})
    assert [found[f"{n}a"]["bucket"] for n in range(3)] == [found[f"{n}b"]["bucket"] for n in range(3)]
