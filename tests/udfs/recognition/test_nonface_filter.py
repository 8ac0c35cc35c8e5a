"""The filter of false faces, on vectors made here: clusters of no faces in one half of space, faces in the other."""

import numpy as np
import pytest

from facejoin.udfs.recognition.nonface_filter import CLUSTERS, SURE, NonfaceError, fit_nonfaces, load_nonfaces

D = 64
SAME_PERSON = 0.363
UNSURE = SURE - 0.01


def unit(rows):
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def around(middles, count, spread, seed):
    """`count` unit rows, each near one of the middles."""
    rng = np.random.default_rng(seed)
    return unit(middles[rng.integers(0, len(middles), count)] + spread * rng.normal(size=(count, D)))


MIDDLES = np.eye(D)[:CLUSTERS]


@pytest.fixture
def crops():
    return around(MIDDLES, 600, 0.08, seed=1)


@pytest.fixture
def faces():
    return unit(np.random.default_rng(2).normal(size=(2000, D)))


def scores(vectors, value=UNSURE):
    return np.full(len(vectors), value)


def test_what_lies_in_a_cluster_of_no_faces_is_dropped(crops, faces):
    nonfaces = fit_nonfaces(crops, faces, SAME_PERSON)
    alarms = around(MIDDLES, 500, 0.08, seed=3)
    assert nonfaces.is_nonface(alarms, scores(alarms)).mean() > 0.95


def test_of_faces_no_more_than_the_accepted_share_is_dropped(crops, faces):
    nonfaces = fit_nonfaces(crops, faces, SAME_PERSON)
    others = unit(np.random.default_rng(4).normal(size=(20_000, D)))
    assert nonfaces.is_nonface(others, scores(others)).mean() < 0.01


def test_faces_that_come_near_a_cluster_keep_its_radius_small(crops, faces):
    near = around(MIDDLES[:1], 200, 0.12, seed=5)
    alone = fit_nonfaces(crops, faces, SAME_PERSON)
    beside = fit_nonfaces(crops, np.concatenate([faces, near]), SAME_PERSON)
    first = np.argmax(beside.centroids @ MIDDLES[0])
    assert beside.radii[first] > alone.radii[first] + 0.1
    assert np.allclose(np.delete(beside.radii, first), np.delete(alone.radii, first), atol=0.1)
    assert beside.is_nonface(near, scores(near)).mean() < 0.05 < alone.is_nonface(near, scores(near)).mean()


def test_what_the_detector_is_sure_of_is_a_face_wherever_it_lies(crops, faces):
    nonfaces = fit_nonfaces(crops, faces, SAME_PERSON)
    assert nonfaces.is_nonface(crops, scores(crops)).any()
    assert not nonfaces.is_nonface(crops, scores(crops, SURE)).any()


def test_few_faces_set_a_radius_of_what_is_published_and_never_lie_within_it(crops):
    few = around(MIDDLES, 10, 0.15, seed=6)
    nonfaces = fit_nonfaces(crops, few, SAME_PERSON)
    likeness = few @ nonfaces.centroids.T
    assert np.allclose(nonfaces.radii, np.maximum(likeness.max(axis=0), SAME_PERSON))
    assert np.allclose(fit_nonfaces(crops, few[:0], SAME_PERSON).radii, SAME_PERSON)


def test_the_same_crops_and_faces_give_the_same_filter(crops, faces):
    one, two = (fit_nonfaces(crops, faces, SAME_PERSON) for _ in range(2))
    shuffled = fit_nonfaces(crops[::-1], faces[::-1], SAME_PERSON)
    for other in (two, shuffled):
        assert np.array_equal(one.centroids, other.centroids)
        assert np.allclose(one.radii, other.radii, atol=1e-6)


def test_a_filter_has_unit_centroids_a_radius_each_and_the_vectors_own_precision(crops, faces):
    nonfaces = fit_nonfaces(crops, faces, SAME_PERSON)
    assert nonfaces.centroids.shape == (CLUSTERS, D)
    assert nonfaces.radii.shape == (CLUSTERS,)
    assert np.allclose(np.linalg.norm(nonfaces.centroids, axis=1), 1, atol=1e-6)
    assert nonfaces.centroids.dtype == nonfaces.radii.dtype == np.float32


def test_a_filter_is_read_back_from_plain_arrays_as_it_was_written(crops, faces, tmp_path):
    nonfaces = fit_nonfaces(crops, faces, SAME_PERSON)
    np.savez(tmp_path / "gallery.npz", allow_pickle=False, means=faces, **nonfaces.arrays())
    with np.load(tmp_path / "gallery.npz", allow_pickle=False) as stored:
        loaded = load_nonfaces(stored)
    assert loaded is not None
    assert np.array_equal(loaded.is_nonface(faces, scores(faces)), nonfaces.is_nonface(faces, scores(faces)))
    assert np.array_equal(loaded.centroids, nonfaces.centroids)
    assert np.array_equal(loaded.radii, nonfaces.radii)


def test_arrays_without_a_filter_give_none(faces):
    assert load_nonfaces({"means": faces}) is None


def test_no_vectors_give_no_verdicts_and_one_that_is_not_a_number_no_drop(crops, faces):
    nonfaces = fit_nonfaces(crops, faces, SAME_PERSON)
    assert nonfaces.is_nonface(np.zeros((0, D), np.float32), np.zeros(0)).shape == (0,)
    assert not nonfaces.is_nonface(np.full((1, D), np.nan), np.array([UNSURE])).any()
    assert not nonfaces.is_nonface(crops[:1], np.array([np.nan])).any()


@pytest.mark.parametrize("count", [0, 1, CLUSTERS - 1])
def test_too_few_different_crops_are_refused_with_their_number(crops, faces, count):
    repeated = np.repeat(crops[:count], 30, axis=0)
    with pytest.raises(NonfaceError, match=rf"^{count} different crops are too few for {CLUSTERS} clusters"):
        fit_nonfaces(repeated, faces, SAME_PERSON)


def test_a_filter_is_stored_with_what_its_detector_is_sure_of(crops, faces):
    for sure in (SURE, 0.6):
        stored = fit_nonfaces(crops, faces, SAME_PERSON, sure).arrays()
        loaded = load_nonfaces(stored)
        assert loaded is not None
        assert loaded.sure == sure
        assert not loaded.is_nonface(crops, scores(crops, sure)).any()
        assert loaded.is_nonface(crops, scores(crops, sure - 0.01)).mean() > 0.5
    assert "nonface_sure" not in fit_nonfaces(crops, faces, SAME_PERSON).arrays()  # as filters always were stored
