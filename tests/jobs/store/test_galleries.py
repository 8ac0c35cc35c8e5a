"""Galleries as tables: read back as they were trained, the last one first."""

import numpy as np
import pytest

from facejoin.jobs.store.errors import JobError
from facejoin.jobs.store.galleries import stored_gallery, write_gallery
from facejoin.jobs.store.warehouse import Warehouse
from facejoin.udfs.recognition.gallery import load_gallery
from facejoin.udfs.recognition.training.train import TrainingSet, train

TABLES = ("references", "people", "gallery_models")


def gallery_of(*vectors, version="a version"):
    """Ann has all references but the last, which is Bob's; Ann/1 lies between the others."""
    owners = np.array([0] * (len(vectors) - 1) + [1])
    rows = np.array([vector / np.linalg.norm(vector) for vector in vectors], np.float32)
    files = tuple(f"{('Ann', 'Bob')[owner]}/{number}.jpg" for number, owner in enumerate(owners))
    references = TrainingSet(rows, rows, owners, ("Ann", "Bob"), files)
    return train(references, "cosine", fpir=0.001, same_person=0.363, model_version=version)


FIRST = gallery_of([1, 0.5, 0], [1, 0, 0], [1, -0.5, 0], [0, 0, 1])
SECOND = gallery_of([1, 0, 0], [0, 1, 0])


def written(warehouse, gallery):
    rows = [
        {"person": file.partition("/")[0], "file": file, "verdict": "used", "embedding": vector.tolist()}
        for file, vector in zip(gallery.parameters.files, gallery.references, strict=True)
    ]
    write_gallery(warehouse, gallery, rows)


@pytest.fixture(scope="module")
def warehouse(spark, tmp_path_factory):
    """FIRST and SECOND, and one of other vectors."""
    warehouse = Warehouse(spark, str(tmp_path_factory.mktemp("galleries")))
    for gallery in (FIRST, SECOND, gallery_of([1, 0], [0, 1], version="another version")):
        written(warehouse, gallery)
    return warehouse


def test_the_gallery_that_was_written_last_is_read_back_as_it_was(warehouse):
    digest, stored = stored_gallery(warehouse, "a version")
    assert digest == SECOND.digest == load_gallery(*stored).digest
    assert stored == (SECOND.parameters_json(), SECOND.arrays(), None)


def test_a_gallery_that_is_written_again_is_there_once_and_the_last(spark, warehouse, tmp_path):
    own = Warehouse(spark, str(tmp_path))
    for gallery in (FIRST, SECOND, FIRST):
        written(own, gallery)
    assert stored_gallery(own, "a version")[0] == FIRST.digest
    counts = {name: dict(map(tuple, own.read(name).groupBy("gallery").count().collect())) for name in TABLES}
    assert counts == {
        "references": {FIRST.digest: 4, SECOND.digest: 2},
        "people": {FIRST.digest: 2, SECOND.digest: 2},
        "gallery_models": {FIRST.digest: 1, SECOND.digest: 1},
    }


def test_a_persons_picture_is_the_reference_nearest_to_the_mean(warehouse):
    people = warehouse.read("people").where(f"gallery = '{FIRST.digest}'").orderBy("person").collect()
    assert [tuple(row)[1:] for row in people] == [("Ann", "Ann/1.jpg", 3), ("Bob", "Bob/3.jpg", 1)]


def test_nobody_is_matched_before_anyone_is_enrolled_for_these_vectors(warehouse):
    with pytest.raises(
        JobError, match=r"^no gallery is enrolled for the model version a third: run `facejoin enroll` first$"
    ):
        stored_gallery(warehouse, "a third")
