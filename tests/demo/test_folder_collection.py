"""A collection of one's own photos: half of each known person enrolled, the rest served."""

from collections import Counter

import pytest

from facejoin.conf.settings import SettingsError
from facejoin.demo.folder_collection import make_collection_of

PORT = 8123


@pytest.fixture
def photos(tmp_path, make_photo):
    """Ada with five photos, Bo with two, two strangers with three in all."""
    for person, number in {"known/Ada": 5, "known/Bo": 2, "unknown/Cy": 2, "unknown/Di": 1}.items():
        for index in range(number):
            make_photo(tmp_path / "photos" / person / f"{index}.jpg", seed=index)
    return tmp_path / "photos"


def people(collection):
    return Counter(name for names in collection.truth.values() for name in names)


def enrolled(collection):
    return Counter(path.parent.name for path in collection.gallery.rglob("*.jpg"))


def test_half_of_each_known_person_is_enrolled_the_larger_half_of_an_odd_number(photos, tmp_path):
    collection = make_collection_of(photos, tmp_path / "out", PORT)
    assert enrolled(collection) == {"Ada": 3, "Bo": 1}
    assert people(collection) == {"Ada": 2, "Bo": 1}
    assert len(collection.unknown) == 3


def test_no_enrolled_photo_is_in_the_collection(photos, tmp_path, listed):
    collection = make_collection_of(photos, tmp_path / "out", PORT)
    files = listed(collection)
    for photo_id, (name,) in collection.truth.items():
        assert not any(files[photo_id][2].samefile(path) for path in (collection.gallery / name).iterdir())


def test_photos_are_hard_links_not_copies(photos, tmp_path, listed):
    collection = make_collection_of(photos, tmp_path / "out", PORT)
    files = listed(collection)
    assert all(files[photo_id][2].stat().st_nlink > 1 for photo_id in [*collection.truth, *collection.unknown])


def test_every_photo_of_the_lists_is_of_someone_of_nobody_or_a_fault(photos, tmp_path, listed):
    collection = make_collection_of(photos, tmp_path / "out", PORT)
    assert sorted(listed(collection)) == sorted([*collection.truth, *collection.unknown, *collection.fault_statuses])


def test_limits_take_the_first_people_by_name(photos, tmp_path):
    collection = make_collection_of(photos, tmp_path / "out", PORT, known=1, unknown=1)
    assert (set(enrolled(collection)), len(collection.unknown)) == ({"Ada"}, 2)


def test_another_seed_draws_other_halves(photos, tmp_path):
    drawn = set()
    for seed in range(5):
        collection = make_collection_of(photos, tmp_path / str(seed), PORT, seed=seed)
        drawn.add(tuple(sorted(path.name for path in (collection.gallery / "Ada").iterdir())))
    assert len(drawn) > 1


def test_the_same_seed_gives_the_same_lists(photos, tmp_path):
    first, second = (make_collection_of(photos, tmp_path / name, PORT) for name in "ab")
    assert [path.read_bytes() for path in first.lists] == [path.read_bytes() for path in second.lists]


def test_a_second_call_takes_the_collection_as_it_is(photos, tmp_path):
    first = make_collection_of(photos, tmp_path / "out", PORT)
    assert make_collection_of(photos, tmp_path / "out", PORT + 1) == first


def test_a_collection_of_other_photos_is_not_mixed_in(photos, tmp_path):
    make_collection_of(photos, tmp_path / "out", PORT)
    with pytest.raises(SettingsError, match="holds a collection made from 2 known and 2 unknown people"):
        make_collection_of(photos, tmp_path / "out", PORT, known=1)


def test_faults_are_injected_without_unknown_people_too(photos, tmp_path):
    collection = make_collection_of(photos, tmp_path / "out", PORT, unknown=0)
    assert collection.unknown == []
    assert sum(collection.expected_statuses.values()) == 24


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda photos: (photos / "known").rename(photos / "people"), "expected a folder .*known with one folder"),
        (lambda photos: (photos / "known" / "Eve").mkdir(), r"no photo \(.*\) in .*Eve"),
        (lambda photos: (photos / "known" / "Bo" / "0.jpg").unlink(), "one photo of Bo in .*known: expected two"),
    ],
)
def test_a_folder_that_cannot_work_is_one_clear_error(photos, tmp_path, spoil, message):
    spoil(photos)
    with pytest.raises(SettingsError, match=message):
        make_collection_of(photos, tmp_path / "out", PORT)
    assert not (tmp_path / "out").exists()


def test_no_known_people_at_all_is_an_error(photos, tmp_path):
    with pytest.raises(SettingsError, match=r"no person in .*known"):
        make_collection_of(photos, tmp_path / "out", PORT, known=0)


def test_lfw_is_such_a_folder(tmp_path, listed, research_data):
    collection = make_collection_of(research_data("lfw"), tmp_path / "out", PORT, known=20, unknown=100)
    assert len(enrolled(collection)) == 20
    assert all(0 <= enrolled(collection)[name] - found <= 1 for name, found in people(collection).items())
    assert len(listed(collection)) == len(collection.truth) + len(collection.unknown) + 24
