"""Which buckets make a wave, and what is asked for."""

from collections import Counter, defaultdict

import pytest

from facejoin.conf.settings import SettingsError
from facejoin.jobs.waves.asked import Asked
from facejoin.jobs.waves.books import Books, Ids, Results
from facejoin.jobs.waves.plan import Wave, overlap, planned, wave_unit


def books(photos, results=None):
    """Bucket → photos, and → (results, of them to be tried again)."""
    done = {b: Results(Ids(count, count), again, Counter(faces=count)) for b, (count, again) in (results or {}).items()}
    return Books({bucket: Ids(count, count) for bucket, count in photos.items()}, defaultdict(Results, done), Asked())


def plan(books, asked=Asked(), wave_photos=10):  # noqa: B008 (frozen)
    return [(wave.first, wave.last, wave.photos, wave.most) for wave in planned(books, asked, wave_photos)]


def test_waves_are_neighbouring_buckets_with_about_as_many_photos():
    assert plan(books({0: 4, 3: 5, 4: 6, 2000: 1})) == [(0, 4, 15, None), (2000, 2000, 1, None)]


def test_what_is_done_is_not_planned_and_what_is_tried_again_is():
    collection = books({0: 4, 1: 4, 2: 4, 3: 4}, {0: (4, 0), 1: (3, 0), 2: (4, 2)})
    assert plan(collection, wave_photos=3) == [(1, 2, 3, None), (3, 3, 4, None)]


def test_a_bucket_with_as_many_results_of_other_photos_is_looked_at():
    collection = books({7: 4}, {7: (4, 0)})
    collection.results[7].ids.hashes = 0  # one photo twice, one not at all
    assert plan(collection) == [(7, 7, 1, None)]


def test_a_limit_ends_the_plan_in_the_middle_of_a_wave():
    collection = books(dict.fromkeys(range(5), 10))
    assert plan(collection, Asked(limit=25)) == [(0, 0, 10, 10), (1, 1, 10, 10), (2, 2, 5, 5)]
    assert plan(collection, Asked(waves=2)) == [(0, 0, 10, None), (1, 1, 10, None)]
    assert plan(collection, Asked(waves=2, limit=3)) == [(0, 0, 3, 3)]


def test_waves_that_share_a_bucket_overlap_unless_their_model_is_another():
    one, other, apart = Wave(0, 5, 1), Wave(5, 9, 1), Wave(6, 9, 1)
    assert overlap(wave_unit(one, "m"), wave_unit(other, "m"))
    assert not overlap(wave_unit(one, "m"), wave_unit(apart, "m"))
    assert not overlap(wave_unit(one, "m"), wave_unit(other, "n"))
    assert wave_unit(str(one), "m") == wave_unit(one, "m") == "0000-0005 of m"


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (Asked(retry=True, statuses=("timeuot",)), "timeuot is no outcome of a photo; expected some of faces, "),
        (Asked(statuses=("timeout",)), "timeout was given without --retry"),
        (Asked(attempts=3), "--attempts 3 was given without --retry"),
    ],
)
def test_what_cannot_be_asked_for_is_refused(asked, message):
    with pytest.raises(SettingsError, match=message):
        asked.check()
