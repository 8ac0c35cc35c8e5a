"""A gallery without somebody: as it would be if that person had never been in it."""

from __future__ import annotations

import json

import numpy as np
import pytest

from facejoin.udfs.recognition.gallery import load_gallery
from facejoin.udfs.recognition.training.kinds import TrainingError
from facejoin.udfs.recognition.training.train import Cohort
from facejoin.udfs.recognition.training.without import without

LEFT_OUT = 1  # the person b


@pytest.fixture
def photos(make_crowd):
    return make_crowd(6).photos(5, seed=1)


@pytest.mark.parametrize("kind", ["cosine", "centred_cosine"])
def test_it_compares_as_if_it_had_been_trained_without_the_person(make_gallery, photos, kind: str) -> None:
    vectors, owners = photos
    others = owners != LEFT_OUT
    left = without(make_gallery(vectors, owners, kind), {"b"})
    # The mirrored faces, which a mean is made of too, are drawn for all people at once.
    shared = make_gallery(vectors, owners, kind)
    renumbered = np.unique(owners[others], return_inverse=True)[1]
    assert left.parameters.people == ("a", "c", "d", "e", "f")
    assert left.parameters.files == tuple(file for file in shared.parameters.files if not file.startswith("b"))
    np.testing.assert_array_equal(left.owners, renumbered)
    np.testing.assert_array_equal(left.references, vectors[others])
    if kind == "cosine":
        fresh = make_gallery(vectors[others], renumbered, kind)
        np.testing.assert_array_equal(left.scorer.means, fresh.scorer.means)
    assert left.impostors.people.max() < 5
    assert left.impostors.groups.tolist() == sorted(left.impostors.groups.tolist())


def test_what_all_have_in_common_is_computed_without_the_person(make_crowd, make_gallery) -> None:
    crowd = make_crowd(6)
    crowd.directions[:] += 0.3  # something in common
    vectors, owners = crowd.photos(5, seed=1)
    whole = make_gallery(vectors, owners, "centred_cosine")
    strange = vectors.copy()
    strange[owners == LEFT_OUT] *= -1
    other = make_gallery(strange, owners, "centred_cosine")
    assert np.abs(whole.scorer.centre - other.scorer.centre).max() > 0.01
    one, two = without(whole, {"b"}), without(other, {"b"})
    np.testing.assert_allclose(one.scorer.centre, two.scorer.centre, atol=1e-6)
    np.testing.assert_allclose(one.scorer.means, two.scorer.means, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(one.scorer.means, axis=1), 1, atol=1e-6)


def test_neither_name_nor_vectors_are_in_what_is_stored_and_it_is_read_again(make_gallery, photos) -> None:
    vectors, owners = photos
    left = without(make_gallery(vectors, owners, "centred_cosine"), {"b"})
    arrays = left.arrays()
    assert "b" not in json.loads(left.parameters_json())["people"]
    assert not [vector for vector in vectors[owners == LEFT_OUT] if vector.tobytes() in arrays]
    assert load_gallery(left.parameters_json(), arrays, None).digest == left.digest


def test_a_cohorts_strangers_stay_who_were_most_like_the_others(make_crowd, make_gallery, photos) -> None:
    strangers, groups = make_crowd(40, seed=9).photos(2, seed=2)
    whole = make_gallery(*photos, "centred_cosine", cohort=Cohort(strangers, groups))
    left = without(whole, {"b"})
    stay = whole.impostors.people != LEFT_OUT
    np.testing.assert_array_equal(left.impostors.evidence, whole.impostors.evidence[stay])
    assert 0 < len(left.impostors) < len(strangers)


@pytest.mark.parametrize(
    ("kind", "people", "told"), [("gaussian_nb", {"b"}, "gaussian_nb"), ("cosine", {*"abcdef"}, "nobody is left")]
)
def test_what_cannot_be_taken_apart_is_refused(make_gallery, photos, kind: str, people: set[str], told: str) -> None:
    with pytest.raises(TrainingError, match=told):
        without(make_gallery(*photos, kind), people)
