"""Faces that match nobody lose their vectors when everything is crawled and matched, and the others keep theirs."""

from made_up_warehouse import ALICE, COPY, SEEN, VERSION, all_bytes, make_up
from pyspark.sql import functions as F

from facejoin.conf.schemas import PHOTOS
from facejoin.jobs.store.unmatched import drop_unmatched


def test_vectors_of_unmatched_faces_go_when_no_photo_is_left_to_crawl(spark, tmp_path):
    made = make_up(spark, tmp_path)
    warehouse = made.warehouse
    new = {"photo_id": 4000000009, "owner": ALICE}
    warehouse.append("photos", spark.createDataFrame([new], PHOTOS).coalesce(1))
    assert drop_unmatched(warehouse, VERSION) == 0
    warehouse.delete("photos", F.col("photo_id") == new["photo_id"])
    assert drop_unmatched(warehouse, VERSION) == 3
    assert drop_unmatched(warehouse, VERSION) == 0
    rows = {
        row["photo_id"]: row["faces"]
        for row in warehouse.read("results").where(f"model_version = '{VERSION}'").collect()
    }
    kept = {photo: [face["embedding"] is not None for face in faces] for photo, faces in rows.items()}
    assert kept == {photo: [person is not None for person in seen] for photo, seen in SEEN.items()} | {COPY: [False]}
    assert [face["size"] for face in rows[4000000004]] == [50.0]
    left = all_bytes(tmp_path / "warehouse")
    assert made.vectors[4000000004, 0].tobytes() not in left
    assert made.vectors[4000000001, 0].tobytes() in left
