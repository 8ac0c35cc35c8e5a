"""Who asked out is left out: photos by their number or their owner, people by their name."""

import pytest

from facejoin.conf.schemas import PHOTOS, RESULTS, SUPPRESSED
from facejoin.jobs.store.suppressed import (
    Kind,
    hash_list,
    hashed,
    is_suppressed,
    keep_unsuppressed,
    keep_unsuppressed_people,
    plain_list,
    suppress,
    suppressed_among,
    tells_of_suppressed,
)
from facejoin.jobs.store.warehouse import Warehouse

ALICE, CAROL = "11111111@N01", "33333333@N03"
OWNERS = {1: ALICE, 2: ALICE, 3: CAROL, 4: None, 18: ALICE}  # by photo; 1 is asked for, 18 is not
ASKED: list[tuple[Kind, str]] = [
    ("photo", "1"),
    ("owner", CAROL),
    ("person", "Bob"),
    ("person", "Ann"),
    ("person", "Bob"),
    ("photo", ALICE),
]


@pytest.fixture(scope="module", params=["as it is written", "as an older version wrote it"])
def warehouse(spark, tmp_path_factory, request):
    warehouse = Warehouse(spark, str(tmp_path_factory.mktemp("suppressed")))
    if request.param == "as it is written":
        suppress(warehouse, ASKED, "by mail")
    else:
        rows = [(kind, value, None, None) for kind, value in ASKED]
        warehouse.append("suppressed", spark.createDataFrame(rows, SUPPRESSED).coalesce(1))
    photos = [{"photo_id": photo_id, "owner": owner} for photo_id, owner in OWNERS.items()]
    warehouse.append("photos", spark.createDataFrame(photos, PHOTOS).coalesce(1))
    return warehouse


def test_a_photo_is_suppressed_by_its_number_or_its_owner(warehouse):
    rows = warehouse.read("photos").select("photo_id", is_suppressed(warehouse).alias("suppressed")).collect()
    assert dict(map(tuple, rows)) == {1: True, 2: False, 3: True, 4: False, 18: False}


def test_results_of_suppressed_photos_are_dropped_and_those_of_unlisted_ones_kept(spark, warehouse):
    results = spark.createDataFrame([{"photo_id": photo_id} for photo_id in (1, 2, 3, 4, 99)], RESULTS)
    kept = keep_unsuppressed(results, warehouse).select("photo_id").collect()
    assert sorted(row["photo_id"] for row in kept) == [2, 4, 99]


def test_people_are_known_among_names_and_their_rows_dropped(spark, warehouse):
    assert suppressed_among(warehouse, ["Cem", "Bob", "Ann", "Ann", ALICE]) == ["Ann", "Bob"]
    rows = spark.createDataFrame(
        [("Ann", 1), ("Cem", 2), ("Bob", 3), (ALICE, 4), (None, 5)], "person string, number int"
    )
    kept = keep_unsuppressed_people(rows, warehouse).collect()
    assert sorted(row["number"] for row in kept) == [2, 4, 5]


def test_a_line_tells_of_whose_number_stands_in_it(spark, warehouse):
    told = ["1\tx", f"http://x/{CAROL}/9", "9_1.jpg", "id=1"]
    silent = ["18\tx", "44444444@N04", "Bob", "", None]
    rows = spark.createDataFrame([(line,) for line in told + silent], "line string")
    found = rows.where(tells_of_suppressed(warehouse, rows["line"])).collect()
    assert [row["line"] for row in found] == told


def test_asking_twice_is_on_the_list_once_and_no_name_is(spark, tmp_path):
    own = Warehouse(spark, str(tmp_path))
    own.append("suppressed", spark.createDataFrame([("owner", CAROL, "for Carol", None)], SUPPRESSED).coalesce(1))
    suppress(own, [("owner", CAROL), ("person", "Ann")], "by mail")
    suppress(own, [("person", "Ann")], "again")
    assert plain_list(own) == [("owner", CAROL)]
    assert hash_list(own, lambda reason: "Carol" in reason)
    assert not hash_list(own, lambda reason: "Carol" in reason)
    assert plain_list(own) == []
    rows = {(row["kind"], row["value"], row["reason"]) for row in own.read("suppressed").collect()}
    assert rows == {("owner", hashed("owner", CAROL), None), ("person", hashed("person", "Ann"), "by mail")}
    assert all(value.startswith("sha256:") and len(value) == 71 for _, value, _ in rows)


def test_where_nobody_asked_out_everyone_stays(spark, tmp_path):
    empty = Warehouse(spark, str(tmp_path))
    results = spark.createDataFrame([{"photo_id": 1}], RESULTS)
    assert keep_unsuppressed(results, empty).count() == 1
    assert suppressed_among(empty, ["Ann"]) == []
    assert results.where(tells_of_suppressed(empty, results["status"])).isEmpty()
