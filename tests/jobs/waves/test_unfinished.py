"""What a wave has to do: read from the files of its own buckets, and counted."""

import pytest

from facejoin.conf.schemas import PHOTOS, RESULTS
from facejoin.jobs.store.errors import JobError
from facejoin.jobs.store.warehouse import Warehouse
from facejoin.jobs.waves.asked import Asked
from facejoin.jobs.waves.books import count_books
from facejoin.jobs.waves.disk import check_disk
from facejoin.jobs.waves.unfinished import remaining, unfinished

DONE = [  # photo (its bucket is a tenth of it), attempt, status
    (10, 1, "faces"),
    (11, 1, "timeout"),
    (11, 2, "gone"),
    (20, 1, "faces"),
    (20, 1, "faces"),  # a double, which a difference of counts would take for photo 21's
    (30, 1, "no_face"),
]
COLUMNS = ("photo_id", "bucket", "model_version", "attempt", "status", "wave")
LISTED = [10, 11, 20, 21, 30, 40, 41]


@pytest.fixture(scope="module")
def warehouse(spark, tmp_path_factory):
    """Each bucket in a file of its own."""
    warehouse = Warehouse(spark, str(tmp_path_factory.mktemp("unfinished")))
    for bucket in (1, 2, 3, 4):
        photos = [{"photo_id": photo, "bucket": bucket} for photo in LISTED if photo // 10 == bucket]
        warehouse.append("photos", spark.createDataFrame(photos, PHOTOS).coalesce(1))
        rows = [
            {
                "photo_id": photo,
                "bucket": bucket,
                "model_version": "m",
                "attempt": attempt,
                "status": status,
                "wave": "w",
            }
            for photo, attempt, status in DONE
            if photo // 10 == bucket
        ]
        warehouse.append("results", spark.createDataFrame(rows, RESULTS).coalesce(1))
    return warehouse


def test_the_files_of_other_buckets_are_not_read(warehouse):
    everything, own = (unfinished(warehouse, "m", Asked(), buckets).inputFiles() for buckets in ((0, 9), (1, 1)))
    assert len(everything) == 7
    assert len(own) == 2


def test_photos_without_a_result_are_to_do_and_those_that_are_asked_for_again(warehouse):
    def todo(asked):
        return sorted(
            row[:] for row in unfinished(warehouse, "m", asked, (0, 9)).select("photo_id", "attempt").collect()
        )

    assert todo(Asked()) == [(21, 1), (40, 1), (41, 1)]
    assert todo(Asked(retry=True, statuses=("gone",))) == [(11, 3), (21, 1), (40, 1), (41, 1)]
    assert todo(Asked(retry=True, statuses=("gone",), attempts=2)) == [(21, 1), (40, 1), (41, 1)]


def test_what_remains_is_counted_although_a_double_hides_it(warehouse):
    books = count_books(warehouse, "m", Asked())
    assert remaining(warehouse, "m", Asked(), books) == 3
    assert [bucket for bucket in (1, 2, 3, 4) if books.missing(bucket)] == [2, 4]
    assert books.statuses == {"faces": 3, "gone": 1, "no_face": 1}


def test_a_full_disk_is_told_before_a_wave(warehouse):
    check_disk(warehouse, 1)
    with pytest.raises(JobError, match=r"has [\d,]+ MB free; a wave of 10{15} photos needs up to .* MB: make room, or"):
        check_disk(warehouse, 10**15)
