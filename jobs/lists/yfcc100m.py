"""Lines of YFCC100M photo lists → typed and decoded columns."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from facejoin.conf.schemas import BUCKETS, PHOTOS
from facejoin.conf.settings import YEARS, ManifestSettings

LAYOUTS = (23, 25)  # columns of the two layouts in circulation; the longer one begins with a line number and has a hash
# Reasons to quarantine a line.
EMPTY, NOT_UTF8, COLUMNS, PHOTO_ID, DUPLICATE = "empty", "not_utf8", "columns", "photo_id", "duplicate"


def parsed(lines: DataFrame, settings: ManifestSettings) -> DataFrame:
    """`value`, `source_file`, `line` → the same with `width` (columns of the line), `reason` (null: a photo) and the
    columns of `photos`.

    Each line is read by its own layout; whether a file mixes them is for the caller to judge.
    """
    cells = lines.withColumn("cells", F.split("value", "\t", -1)).withColumn("width", F.size("cells"))
    read = cells.withColumn("reason", _reason()).withColumns(_photo(settings))
    return read.select("line", "width", "reason", "value", *PHOTOS.names)


def _reason() -> Column:
    return (
        F.when(F.col("value") == "", EMPTY)
        .when(~F.is_valid_utf8("value"), NOT_UTF8)
        .when(~F.col("width").isin(*LAYOUTS), COLUMNS)
        .when(_photo_id().isNull() | ~_marker().isin("0", "1"), PHOTO_ID)
    )


def _photo(settings: ManifestSettings) -> dict[str, Column]:
    """The columns of `photos`; numbers of cells are those of the 23-column layout."""
    return {
        "photo_id": _photo_id(),
        "bucket": F.pmod(F.xxhash64(_photo_id()), F.lit(BUCKETS)).cast("int"),
        "excluded": _excluded(settings),
        "owner": _text(1),
        "owner_name": _decoded(_cell(2)),
        "taken": _taken(),
        "uploaded": F.timestamp_seconds(_cell(4).try_cast("bigint")),
        "device": _decoded(_cell(5)),
        "title": _decoded(_cell(6)),
        "description": _decoded(_cell(7)),
        "tags": _tags(8),
        "machine_tags": _tags(9),
        "longitude": _degrees(10, 180),
        "latitude": _degrees(11, 90),
        "accuracy": _cell(12).try_cast("int"),
        "page_url": _text(13),
        "download_url": _text(14),
        "licence": _text(15),
        "licence_url": _text(16),
        "extension": _text(21),
    }


def _cell(number: int) -> Column:
    """Of the 23-column layout; null beyond a short line's end."""
    shift = F.col("width") - LAYOUTS[0]
    place = F.when(shift > 0, 1).otherwise(0) if number == 0 else shift + number
    return F.get("cells", place)


def _text(number: int) -> Column:
    return F.nullif(_cell(number), F.lit(""))


def _decoded(cell: Column) -> Column:
    """Form-URL-decoded; kept as it is where that fails; null where empty."""
    return F.nullif(F.coalesce(F.try_url_decode(cell), cell), F.lit(""))


def _tags(number: int) -> Column:
    """Split at the commas before decoding: a tag may hold an encoded one."""
    return F.when(_cell(number) == "", F.array().cast("array<string>")).otherwise(
        F.transform(F.split(_cell(number), ","), _decoded)
    )


def _photo_id() -> Column:
    identifier = _cell(0).try_cast("bigint")
    return F.when(identifier > 0, identifier)


def _marker() -> Column:
    """0 a photo, 1 a video; lists saved on Windows end in a carriage return."""
    return F.rtrim(_cell(22), F.lit("\r"))


def _excluded(settings: ManifestSettings) -> Column:
    """The original study's filter: photos, not videos, whose address ends like a picture's."""
    extension = F.lower(F.regexp_extract(_cell(14), r"\.([A-Za-z0-9]+)$", 1))
    return F.when(_marker() == "1", "video").when(~extension.isin(*settings.extensions), "not_image_url")


def _taken() -> Column:
    time = F.try_to_timestamp(F.substring(_cell(3), 1, 19), F.lit("yyyy-MM-dd HH:mm:ss"))
    return F.when(F.year(time).between(*YEARS), time)


def _degrees(number: int, limit: int) -> Column:
    degrees = _cell(number).try_cast("double")
    return F.when(degrees.between(-limit, limit), degrees)
