import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facejoin.jobs.evaluate.measures.collection import Candidate, PersonResult, by_person, photo_fnir, photo_rank1

# Photos 1 to 3 show people of the gallery, 4 has two of them; 11 to 14 show strangers.
TRUTH = {1: ["ann"], 2: ["ann"], 3: ["bob"], 4: ["ann", "bob"]}
UNKNOWN = [11, 12, 13, 14]
CANDIDATES = [
    Candidate(1, "ann", 0.9),
    Candidate(2, "bob", 0.8),  # a mistake
    Candidate(3, "bob", 0.5),
    Candidate(4, "ann", 0.7),
    Candidate(4, "bob", 0.3),
    Candidate(11, "ann", 0.6),
    Candidate(11, "bob", 0.2),
    Candidate(12, "bob", 0.4),
    Candidate(13, "ann", 0.1),
]  # photo 14 has no face


def test_a_persons_photos_are_found_missed_or_falsely_claimed() -> None:
    matched = {(1, "ann"), (2, "bob"), (3, "bob"), (4, "ann"), (11, "ann")}
    assert by_person(TRUTH, matched, ["ann", "bob", "eve"]) == {
        "ann": PersonResult(truth=3, found=2, false=1, precision=2 / 3, recall=2 / 3),
        "bob": PersonResult(truth=2, found=1, false=1, precision=1 / 2, recall=1 / 2),
        "eve": PersonResult(truth=0, found=0, false=0, precision=None, recall=None),
    }


def test_a_person_nobody_was_matched_to_has_no_precision_and_a_recall_of_zero() -> None:
    assert by_person(TRUTH, set(), ["ann"])["ann"] == PersonResult(3, 0, 0, None, 0.0)


def test_a_person_who_is_in_no_photo_has_a_precision_of_zero_where_matched() -> None:
    assert by_person(TRUTH, {(1, "eve")}, ["eve"])["eve"] == PersonResult(0, 0, 1, 0.0, None)


def test_rank_one_counts_each_person_of_a_photo_whatever_the_score() -> None:
    assert photo_rank1(TRUTH, CANDIDATES) == 4 / 5
    assert photo_rank1(TRUTH, []) == 0
    assert photo_rank1({}, CANDIDATES) is None


@pytest.mark.parametrize(
    ("fpir", "missed"),
    [
        (0.0, 3),  # above 0.6: ann in 1 and in 4
        (0.24, 3),  # a quarter of four photos would be one
        (0.25, 2),  # above 0.4: bob in 3, too
        (0.5, 1),  # above 0.1: bob in 4, too
        (0.75, 1),  # above no score at all: photo 14 has no face
        (1.0, 1),  # photo 2 shows ann and was taken for bob
    ],
)
def test_what_is_missed_at_a_share_of_false_alarms(fpir: float, missed: int) -> None:
    assert photo_fnir(TRUTH, UNKNOWN, CANDIDATES, fpir) == missed / 5


def test_a_photo_of_strangers_counts_once_with_its_best_face() -> None:
    crowd = [Candidate(11, "ann", score) for score in (0.85, 0.84, 0.83)]
    assert photo_fnir({1: ["ann"]}, [11, 12], [*CANDIDATES[:1], *crowd], fpir=0.5) == 0
    assert photo_fnir({1: ["ann"]}, [11, 12], [Candidate(1, "ann", 0.84), *crowd], fpir=0.0) == 1


def test_a_score_that_equals_a_false_alarms_is_missed_with_it() -> None:
    tie = [Candidate(1, "ann", 0.6), Candidate(11, "ann", 0.6), Candidate(12, "ann", 0.6)]
    assert photo_fnir({1: ["ann"]}, [11, 12, 13, 14], tie, fpir=0.25) == 1
    assert photo_fnir({1: ["ann"]}, [11, 12, 13, 14], tie, fpir=0.5) == 0


def test_photos_of_known_people_without_faces_are_missed() -> None:
    assert photo_fnir(TRUTH, UNKNOWN, [], fpir=0.5) == 1


@pytest.mark.parametrize(("truth", "unknown"), [(TRUTH, []), ({}, UNKNOWN), ({1: []}, UNKNOWN), ({}, [])])
def test_without_unknown_or_known_people_there_is_no_rate(truth: dict[int, list[str]], unknown: list[int]) -> None:
    assert photo_fnir(truth, unknown, CANDIDATES, fpir=0.1) is None


SCORES = st.sampled_from([0.0, 0.1, 0.2, 0.3, 0.5, 0.8]) | st.floats(0, 1)
FOUND = st.lists(st.builds(Candidate, st.integers(0, 20), st.sampled_from(["ann", "bob"]), SCORES), max_size=30)


@settings(deadline=None, derandomize=True)
@given(candidates=FOUND, rates=st.lists(st.floats(0, 1), min_size=2, max_size=6))
def test_more_false_alarms_never_miss_more(candidates: list[Candidate], rates: list[float]) -> None:
    truth = {photo: ["ann"] if photo % 2 else ["ann", "bob"] for photo in range(10)}

    def missed_at(fpir: float) -> float:
        share = photo_fnir(truth, range(10, 21), candidates, fpir)
        assert share is not None
        return share

    missed = [missed_at(fpir) for fpir in sorted(rates)]
    assert missed == sorted(missed, reverse=True)


@settings(deadline=None, derandomize=True)
@given(candidates=FOUND, fpir=st.floats(0, 1))
def test_no_more_photos_of_strangers_than_the_share_are_above_the_scores_that_count(
    candidates: list[Candidate], fpir: float
) -> None:
    """A known person's face is found only where at most that share of the strangers' photos has a score as high."""
    unknown = range(10, 21)
    best = [max((c.evidence for c in candidates if c.photo_id == photo), default=-np.inf) for photo in unknown]
    for c in (c for c in candidates if c.photo_id < 10):
        found = (
            photo_fnir({c.photo_id: [c.person]}, unknown, [c, *(x for x in candidates if x.photo_id >= 10)], fpir) == 0
        )
        assert not found or sum(evidence >= c.evidence for evidence in best) <= fpir * len(unknown) + 1e-6
