"""Every table, in flow order. Delta keeps the comments with the columns."""

from __future__ import annotations

from pyspark.sql.types import (
    ArrayType,
    BinaryType,
    BooleanType,
    DataType,
    DoubleType,
    FloatType,
    IntegerType,
    LongType,
    StringType,
    StructField,
    StructType,
    TimestampType,
)

BUCKETS = 2048  # of photo ids: the unit of a crawl's bookkeeping


def _table(*columns: tuple[str, DataType] | tuple[str, DataType, str]) -> StructType:
    """Columns as (name, type) or (name, type, comment)."""
    fields = []
    for name, kind, *comment in columns:
        fields.append(StructField(name, kind, True, {"comment": comment[0]} if comment else {}))
    return StructType(fields)


TEXT, LONG, INT, FLOAT, DOUBLE, FLAG, TIME = (
    StringType(), LongType(), IntegerType(), FloatType(), DoubleType(), BooleanType(), TimestampType(),
)  # fmt: skip
TEXTS, VECTOR = ArrayType(TEXT), ArrayType(FLOAT)

PHOTOS = _table(
    ("photo_id", LONG, "Flickr's number of the photo; unique in this table"),
    ("bucket", INT, "pmod(xxhash64(photo_id), 2048)"),
    ("excluded", TEXT, "why it is not downloaded: video or not_image_url; null: it is"),
    ("source_file", TEXT, "the photo list it was read from"),
    ("owner", TEXT, "NSID"),
    ("owner_name", TEXT, "nickname, decoded"),
    ("download_url", TEXT),
    ("page_url", TEXT),
    ("extension", TEXT, "of the original photo"),
    ("licence", TEXT),
    ("licence_url", TEXT),
    ("latitude", DOUBLE, "degrees, WGS 84; null: not located"),
    ("longitude", DOUBLE, "degrees, WGS 84"),
    ("accuracy", INT, "1 world … 16 street"),
    ("taken", TIME, "camera's clock, read as UTC; null where missing or outside 1826 … 2100"),
    ("uploaded", TIME),
    ("device", TEXT),
    ("title", TEXT),
    ("description", TEXT, "may hold HTML: untrusted"),
    ("tags", TEXTS),
    ("machine_tags", TEXTS),
)

QUARANTINE = _table(
    ("source_file", TEXT),
    ("line", BinaryType(), "the line's bytes as they were, without the line feed"),
    ("reason", TEXT, "empty, not_utf8, columns, photo_id, duplicate"),
)

FACE = _table(
    ("box", VECTOR, "x1, y1, x2, y2 in pixels of the decoded, upright photo"),
    ("landmarks", VECTOR, "x, y of both eyes, nose and both mouth corners, in pixels"),
    ("score", FLOAT, "detector's probability"),
    ("size", FLOAT, "shorter side of the box, in pixels"),
    ("sharpness", FLOAT, "variance of the aligned crop's Laplacian, in grey levels²"),
    ("yaw", FLOAT, "degrees, positive when it looks to the right side of the photo; estimated, as the next two"),
    ("pitch", FLOAT, "degrees, positive when it looks up"),
    ("roll", FLOAT, "degrees, positive when it is turned clockwise"),
    ("embedding", VECTOR, "length 1"),
)

EXIF = _table(
    ("make", TEXT, "the camera's maker; texts are untrusted, in one line, cut after 128 bytes, null where not UTF-8"),
    ("model", TEXT, "the camera's"),
    ("lens", TEXT, "its model; of a phone it often says which of its cameras"),
    ("software", TEXT, "that wrote the file: the camera's own, or an editor"),
    ("taken", TIME, "camera's clock, read as UTC as in photos: DateTimeOriginal, where that is none DateTimeDigitized"),
)

RESULTS = _table(
    ("photo_id", LONG),
    ("bucket", INT, "as in photos"),
    ("model_version", TEXT, "networks, weights and settings that made this row"),
    ("attempt", INT, "1, 2 …: the highest one counts"),
    ("status", TEXT, "one word of the outcome vocabulary"),
    ("http_status", INT),
    ("error", TEXT),
    ("bytes", LONG),
    ("sha256", TEXT, "of the downloaded bytes"),
    ("width", INT, "pixels of the decoded photo, upright"),
    ("height", INT),
    ("exif", EXIF, "from the file; null: it says none of this, or was not decoded. The rest of its EXIF is not kept"),
    ("wave", TEXT, "the commit that wrote it: its buckets, and a random name"),
    ("seconds", _table(("download", FLOAT), ("decode", FLOAT), ("detect", FLOAT), ("embed", FLOAT))),
    ("crawled_at", TIME),
    ("faces", ArrayType(FACE)),
)

PLACEHOLDERS = _table(
    ("sha256", TEXT, "of a file that photos of many owners have: what a server sends in place of those that are gone"),
    ("owners", LONG, "whose photos had it when it was learnt"),
    ("photos", LONG, "that had it then"),
    ("learnt_at", TIME),
)

REFERENCES = _table(
    ("gallery", TEXT, "digest of the gallery model"),
    ("person", TEXT),
    ("file", TEXT, "person/file, below the gallery folder"),
    ("sha256", TEXT, "of the file"),
    ("verdict", TEXT, "used, or why not: no_face, several_faces, too_small, mislabelled, duplicate, corrupt …"),
    ("detail", TEXT, "why it is not used; of a used one, what the audit found"),
    ("size", FLOAT, "shorter side of the face, in pixels"),
    ("score", FLOAT, "detector's probability"),
    ("sharpness", FLOAT, "as in results.faces, like the next three"),
    ("yaw", FLOAT, "degrees"),
    ("pitch", FLOAT, "degrees"),
    ("roll", FLOAT, "degrees"),
    ("embedding", VECTOR, "null where not used"),
)

PEOPLE = _table(
    ("gallery", TEXT, "digest of the gallery model"),
    ("person", TEXT),
    ("profile_picture", TEXT, "person/file of the reference nearest to the person's mean"),
    ("references", INT, "how many are used"),
)

GALLERY_MODELS = _table(
    ("gallery", TEXT, "digest of references, kind and settings"),
    ("kind", TEXT, "as in EnrollSettings"),
    ("model_version", TEXT, "of the vectors it can score"),
    ("parameters", TEXT, "JSON: people, threshold, calibration"),
    ("arrays", BinaryType(), "NumPy's npz, without pickled objects"),
    ("classifier", BinaryType(), "skops file; null where a cosine decides"),
    ("trained_at", TIME),
)

MATCHES = _table(
    ("gallery", TEXT, "digest of the gallery model"),
    ("photo_id", LONG),
    ("face", INT, "position in results.faces"),
    ("person", TEXT),
    ("confidence", DOUBLE, "probability that the face is the person's, given match.share; a classifier's is its own"),
    ("similarity", DOUBLE, "cosine with the person's mean vector, of a centred gallery off its centre"),
    ("threshold", DOUBLE, "of the score that this kind of gallery decides by"),
    ("nearest_reference", TEXT, "person/file"),
    ("nearest_similarity", DOUBLE),
    ("runner_up", TEXT, "the best other person; null in a gallery of one"),
    ("runner_up_confidence", DOUBLE, "the larger one where that person is another face of the photo"),
    ("box", VECTOR),
)

RUNS = _table(
    ("job", TEXT),
    ("unit", TEXT, "what was done: a photo list, a wave, a gallery"),
    ("inputs", TEXT, "fingerprint: with the same one there is nothing to do"),
    ("finished_at", TIME),
    ("seconds", DOUBLE),
    ("report", TEXT, "JSON"),
)

SUPPRESSED = _table(
    ("kind", TEXT, "photo, owner or person"),
    ("value", TEXT, "sha256: and the hash of photo id, NSID or name; plain where an older version wrote it"),
    ("reason", TEXT, "as it was given: it must not name who asked out"),
    ("asked_at", TIME),
)

LEASES = _table(
    ("job", TEXT),
    ("unit", TEXT, "what is worked on: a wave …"),
    ("holder", TEXT, "a random name, and the host and process that have it"),
    ("since", TIME),
    ("beat", TIME, "when it was renewed last; null: let go"),
    ("until", TIME, "when it runs out, unless it is renewed"),
)

PAUSE = _table(
    ("host", TEXT, "or the first pattern of a group that shares a budget"),
    ("until", TIME, "when it may be asked again, as known by then"),
)

USE = (
    ("workers", INT, "Python workers that had a task"),
    ("busy", DOUBLE, "cores that they kept busy, on average"),
    ("memory_mean", DOUBLE, "bytes of a worker and the processes that it started"),
    ("memory_max", LONG, "of the largest one"),
)

LOAD = _table(
    ("at", TIME, "the end of a period of crawl.load_seconds"),
    ("seconds", DOUBLE, "that it had"),
    ("crawl", TEXT, "a random name of the crawl, as in its reports in runs"),
    ("cores", INT, "that the crawl had, busy or not"),
    *USE,
    ("waves", ArrayType(_table(("wave", TEXT, "as in results"), *USE)), "the same by wave"),
    ("paused", ArrayType(PAUSE), "hosts that pause or are left alone; the longest of many"),
)

TABLES = {
    "photos": PHOTOS,
    "quarantine": QUARANTINE,
    "results": RESULTS,
    "placeholders": PLACEHOLDERS,
    "references": REFERENCES,
    "people": PEOPLE,
    "gallery_models": GALLERY_MODELS,
    "matches": MATCHES,
    "runs": RUNS,
    "suppressed": SUPPRESSED,
    "leases": LEASES,
    "load": LOAD,
}

CLUSTERED_BY = {"photos": "bucket", "results": "bucket"}
# Statistics stay in Delta's log for weeks after a row is erased, so they are kept of these columns alone.
STATISTICS = {
    "photos": ("bucket",),
    "quarantine": ("reason",),
    "results": ("bucket", "model_version", "attempt", "status"),
    "placeholders": ("learnt_at",),
    "references": ("gallery",),
    "people": ("gallery",),
    "gallery_models": ("gallery",),
    "matches": ("gallery",),
    "runs": ("job",),
    "suppressed": ("kind",),
    "load": ("at",),
}
# Rows know which commit wrote them: claims are ordered by it. Every few minutes there is one: their log is kept short.
PROPERTIES = {
    "leases": {
        "delta.enableRowTracking": "true",
        "delta.logRetentionDuration": "interval 1 day",
        "delta.deletedFileRetentionDuration": "interval 1 hour",
    },
    "load": {"delta.autoOptimize.autoCompact": "true"},  # a few rows a commit, for weeks
}
CONSTRAINTS = {"matches": {"confidence_range": "confidence BETWEEN 0 AND 1"}}
