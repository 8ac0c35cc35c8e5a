"""Pictures of many parts → files and JSON in the order that they promise, beside what Python makes of the same rows."""

import json
from datetime import UTC, datetime
from random import Random

import pytest
from pyspark.sql import functions as F

import facejoin.jobs.site.pictures as pictures_module
from facejoin.conf.schemas import TABLES
from facejoin.jobs.site.pages import SHOWN
from facejoin.jobs.site.pictures import by_rank, found_by_part, found_of_people, match_pieces, people_of_page
from facejoin.udfs.places import towns_of
from facejoin.viewer.site import write_site

COLUMNS = {name: TABLES[table][name].dataType.simpleString()
           for table in ("photos", "results", "matches") for name in TABLES[table].names if name in SHOWN}  # fmt: skip
NAMES = ["Zoë", "Ann", "Nobody", "Bob"]


def made_up(count):
    """Rows with equal confidences among them; two thirds are Ann's, none is Nobody's."""
    draw = Random(0)
    for number in range(count):
        placed = number % 3 == 0
        yield {
            "person": draw.choice(["Ann"] * 4 + ["Zoë", "Bob"]),
            "photo_id": number // 2,
            "face": number % 2,
            "confidence": draw.randrange(9) / 7 % 1,
            "similarity": draw.random(),
            "box": [draw.random() * 100 for _ in range(4)],
            "width": 640,
            "height": 480,
            "download_url": f"http://example.org/{number}.jpg",
            "page_url": None,
            "latitude": 48.86 if placed else None,
            "longitude": 2.35 if placed else None,
            "licence": 'By "me" <&>',
            "licence_url": None,
            "owner": "1@N00",
            "owner_name": "Zoë\\n\u2028",
            "title": '"box": [1]',
            "taken": datetime(2009, 5, 1, 10, 0, 0, number % 2, tzinfo=UTC) if number % 5 else None,
        }


def as_python_has_it(rows):
    """(results.json, matches.json) as text."""
    rows = sorted(rows, key=lambda row: (-row["confidence"], row["person"], row["photo_id"], row["face"]))
    matches = [{"url": r["download_url"], "person": r["person"], "conf": round(r["confidence"], 6)} for r in rows]
    found = {name: [row for row in rows if row["person"] == name] for name in sorted(NAMES)}
    results = [
        {
            "name": name,
            "profilePic": own[0]["download_url"] if own else None,
            "foundPics": [a_picture(row, rank) for rank, row in enumerate(own)],
        }
        for name, own in found.items()
    ]
    return tuple(json.dumps(value, ensure_ascii=False, indent=1) + "\n" for value in (results, matches))


def a_picture(row, rank):
    place = (row["latitude"], row["longitude"])
    return {
        "URL": row["download_url"],
        "location": towns_of([place]).get(place),
        "rank": rank,
        "confidence": round(row["confidence"], 6),
        "similarity": round(row["similarity"], 6),
        "pageURL": row["page_url"],
        "latitude": row["latitude"],
        "longitude": row["longitude"],
        "licence": row["licence"],
        "licenceURL": row["licence_url"],
        "owner": row["owner"],
        "ownerName": row["owner_name"],
        "title": row["title"],
        "dateTaken": row["taken"] and row["taken"].replace(tzinfo=None).isoformat(sep=" "),
        "box": [round(side, 1) for side in row["box"]],
        "width": row["width"],
        "height": row["height"],
    }


@pytest.fixture
def written(spark, tmp_path, monkeypatch):
    def written(rows, task_pictures):
        """→ (results.json, matches.json), through tasks of so many pictures, and the people of the page."""
        monkeypatch.setattr(pictures_module, "TASK_PICTURES", task_pictures)
        schema = ", ".join(f"{name} {COLUMNS[name]}" for name in SHOWN)
        frame = spark.createDataFrame([tuple(row[name] for name in SHOWN) for row in rows], schema)
        box = F.transform("box", lambda side: side.cast("float"))
        with by_rank(frame.withColumn("box", box).repartition(3), len(rows)) as pictures:
            parts = found_by_part(pictures)
            people = [*people_of_page(NAMES, pictures, parts, {})]
            write_site(tmp_path, people_of_page(NAMES, pictures, parts, {}), match_pieces(pictures, len(rows)))
        texts = tuple((tmp_path / name).read_text(encoding="utf-8") for name in ("results.json", "matches.json"))
        return texts, people, found_of_people(parts)

    return written


def rounded_to_floats(rows):
    """Boxes as a column of floats holds them."""
    import numpy as np

    return [row | {"box": [float(np.float32(side)) for side in row["box"]]} for row in rows]


def test_results_and_matches_are_what_python_makes_of_all_rows_byte_for_byte(written):
    rows = [*made_up(1_300)]
    texts, people, found = written(rows, task_pictures=170)  # files of 500 lie across several parts
    assert texts == as_python_has_it(rounded_to_floats(rows))
    assert [(person.name, person.matches) for person in people] == [
        (name, sum(row["person"] == name for row in rows)) for name in sorted(NAMES)
    ]
    assert found["Ann"].confidence == pytest.approx(
        sum(row["confidence"] for row in rows if row["person"] == "Ann") / found["Ann"].matches
    )


def test_without_matches_there_are_people_alone(written):
    texts, people, found = written([], task_pictures=170)
    assert texts == as_python_has_it([])
    assert found == {}
    assert [person.matches for person in people] == [0] * len(NAMES)
