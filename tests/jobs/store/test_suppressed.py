"""Who asked out is left out: photos by their number or their owner, people by their name."""

import pytest

from facejoin.conf.schemas import PHOTOS, RESULTS, SUPPRESSED
from facejoin.jobs.store.suppressed import (
    is_suppressed,
    keep_unsuppressed,
    keep_unsuppressed_people,
    suppressed_people,
)
from facejoin.jobs.store.warehouse import Warehouse

ALICE, CAROL = "11111111@N01", "33333333@N03"
OWNERS = {1: ALICE, 2: ALICE, 3: CAROL, 4: None, 18: ALICE}  # by photo; 1 is asked for, 18 is not
ASKED = [("photo", "1"), ("owner", CAROL), ("person", "Bob"), ("person", "Ann"), ("person", "Bob"), ("photo", ALICE)]


@pytest.fixture(scope="module")
def warehouse(spark, tmp_path_factory):
    warehouse = Warehouse(spark, str(tmp_path_factory.mktemp("suppressed")))
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


def test_people_are_named_once_in_order_and_their_rows_dropped(spark, warehouse):
    assert suppressed_people(warehouse) == ["Ann", "Bob"]
    rows = spark.createDataFrame([("Ann", 1), ("Cem", 2), ("Bob", 3), (ALICE, 4)], "person string, number int")
    kept = keep_unsuppressed_people(rows, warehouse).collect()
    assert sorted(row["number"] for row in kept) == [2, 4]


def test_where_nobody_asked_out_everyone_stays(spark, tmp_path):
    empty = Warehouse(spark, str(tmp_path))
    results = spark.createDataFrame([{"photo_id": 1}], RESULTS)
    assert keep_unsuppressed(results, empty).count() == 1
    assert suppressed_people(empty) == []
