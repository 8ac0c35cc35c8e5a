"""One face, one person; one person, once a photo: conflicts made by hand, and what always holds."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from facejoin.udfs.recognition.assign import assign

THRESHOLD = 0.5
ONE = np.zeros(2, int)  # both faces are in one photo


def assigned(evidence, photos, threshold=THRESHOLD):
    return assign(np.array(evidence, dtype=float), np.array(photos), threshold).tolist()


def test_a_face_is_the_person_it_is_most_like_if_that_is_enough():
    assert assigned([[0.6, 0.7], [0.5, 0.1], [0.49, 0.3]], [0, 1, 2]) == [1, 0, -1]


def test_of_two_faces_that_claim_a_person_the_likelier_is_and_the_other_nobody():
    assert assigned([[0.7, 0.2], [0.9, 0.3]], ONE) == [-1, 0]


def test_who_loses_a_person_gets_the_runner_up_if_that_is_enough():
    assert assigned([[0.9, 0.3], [0.8, 0.6]], ONE) == [0, 1]


def test_the_evidence_of_the_whole_photo_counts():
    """The first face is likelier to be the first person, but has another one to be; the second has not."""
    assert assigned([[0.90, 0.85], [0.80, 0.2]], ONE) == [1, 0]


def test_just_enough_is_enough_in_a_conflict_too():
    assert assigned([[0.9, 0.0], [0.8, THRESHOLD]], ONE) == [0, 1]
    assert assigned([[THRESHOLD, THRESHOLD], [THRESHOLD, 0.0]], ONE) == [1, 0]


def test_a_person_may_be_in_as_many_photos_as_there_are():
    assert assigned([[0.9, 0.1]] * 3, [0, 1, 2]) == [0, 0, 0]


def test_a_conflict_in_one_photo_changes_no_other():
    evidence = [[0.7, 0.6], [0.9, 0.3], [0.8, 0.75], [0.6, 0.7]]
    assert assigned(evidence, [4, 4, 2, 9]) == [1, 0, 0, 1]


def test_the_order_of_photos_and_their_numbers_do_not_matter():
    evidence = [[0.7, 0.6], [0.8, 0.75], [0.9, 0.3], [0.6, 0.7]]
    assert assigned(evidence, [40, 2, 40, -3]) == [1, 0, 0, 1]


def test_more_faces_than_people_leave_some_without():
    person = assigned([[0.6], [0.9], [0.7]], [0, 0, 0])
    assert person == [-1, 0, -1]


def test_where_everything_is_enough_everybody_gets_somebody_as_long_as_there_are_people():
    person = assigned([[-3.0, -4.0], [-3.5, -9.0], [-2.0, -8.0]], [0, 0, 0], threshold=-np.inf)
    assert sorted(person) == [-1, 0, 1]
    assert person[1] == -1


def test_where_nothing_is_enough_nobody_is_anybody():
    assert assigned([[0.9, 0.8], [0.9, 0.8]], ONE, threshold=np.inf) == [-1, -1]


def test_what_is_out_of_the_question_is_nobody_whatever_is_asked_for():
    out = -np.inf
    assert assigned([[out, out], [0.1, 0.0]], ONE, threshold=out) == [-1, 0]
    assert assigned([[0.9, out], [0.8, out]], ONE) == [0, -1]
    assert assigned([[0.9, out], [0.8, out]], ONE, threshold=out) == [0, -1]


def test_no_faces_are_nobody():
    assert assign(np.zeros((0, 3)), np.zeros(0, int), THRESHOLD).shape == (0,)


EVIDENCE = st.sampled_from([-np.inf, 0.0, 0.3, THRESHOLD, 0.7, 0.9]) | st.floats(-2, 2)


@st.composite
def crowds(draw):
    """(evidence, photos, threshold)"""
    people, faces = draw(st.integers(1, 4)), draw(st.integers(0, 10))
    row = st.lists(EVIDENCE, min_size=people, max_size=people)
    evidence = draw(st.lists(row, min_size=faces, max_size=faces))
    photos = draw(st.lists(st.integers(0, 3), min_size=faces, max_size=faces))
    threshold = draw(st.sampled_from([-np.inf, np.inf, THRESHOLD]) | st.floats(-2, 2))
    return np.array(evidence, dtype=float).reshape(faces, people), np.array(photos, dtype=int), threshold


@settings(deadline=None, derandomize=True)
@given(crowds())
def test_nobody_is_twice_in_a_photo_and_nobody_without_enough_evidence(crowd):
    evidence, photos, threshold = crowd
    person = assign(evidence, photos, threshold)
    given = np.flatnonzero(person >= 0)
    assert len({(photos[face], person[face]) for face in given}) == len(given)
    reached = evidence[given, person[given]]
    assert (reached >= threshold).all()
    assert np.isfinite(reached).all()


@settings(deadline=None, derandomize=True)
@given(crowds())
def test_a_photo_without_a_conflict_keeps_each_faces_best_person(crowd):
    evidence, photos, threshold = crowd
    person = assign(evidence, photos, threshold)
    for photo in np.unique(photos):
        rows = np.flatnonzero(photos == photo)
        best = evidence[rows].argmax(axis=1)
        enough = (evidence[rows, best] >= threshold) & np.isfinite(evidence[rows, best])
        if len(set(best[enough])) == enough.sum():
            assert np.array_equal(person[rows], np.where(enough, best, -1))


@settings(deadline=None, derandomize=True)
@given(crowds())
def test_a_face_that_gets_nobody_in_a_conflict_left_no_one_free_who_would_be_enough(crowd):
    evidence, photos, threshold = crowd
    person = assign(evidence, photos, threshold)
    for face in np.flatnonzero(person < 0):
        there = person[photos == photos[face]]
        free = np.setdiff1d(np.arange(evidence.shape[1]), there)
        assert not ((evidence[face, free] >= threshold) & np.isfinite(evidence[face, free])).any()
