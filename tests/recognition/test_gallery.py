import io
import json
import pickle
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import skops.io
from sklearn.tree import DecisionTreeClassifier
from skops.io.exceptions import UntrustedTypesFoundException

from facejoin.udfs.recognition.gallery import SUREST, Gallery, load_gallery, log_odds, mean_vectors, off_centre
from facejoin.udfs.recognition.impostors import Impostors
from facejoin.udfs.recognition.kinds import CLASSIFIERS, KINDS
from facejoin.udfs.recognition.nonfaces import NonfaceFilter
from facejoin.udfs.recognition.score import Scores


@pytest.fixture(scope="module", params=KINDS)
def gallery(request: pytest.FixtureRequest, make_crowd: Callable, make_gallery: Callable) -> Gallery:
    return make_gallery(*make_crowd(4).photos(5, seed=1), kind=request.param)


@pytest.fixture(scope="module")
def loaded(gallery: Gallery) -> Gallery:
    return load_gallery(gallery.parameters_json(), gallery.arrays(), gallery.classifier_file())


def test_a_loaded_gallery_scores_exactly_as_the_stored_one(
    gallery: Gallery, loaded: Gallery, make_crowd: Callable, recognise: Callable
) -> None:
    faces, _ = make_crowd(30, seed=7).photos(2, seed=2)
    before, after = recognise(gallery, faces), recognise(loaded, faces)
    for name in Scores.__dataclass_fields__:
        assert np.array_equal(getattr(before, name), getattr(after, name)), name


def test_a_loaded_gallery_has_the_same_parameters_and_digest(gallery: Gallery, loaded: Gallery) -> None:
    assert loaded.parameters == gallery.parameters
    assert loaded.digest == gallery.digest
    assert (loaded.classifier is not None) == (gallery.parameters.kind in CLASSIFIERS)


def test_a_loaded_gallery_knows_the_same_strangers(gallery: Gallery, loaded: Gallery) -> None:
    for name in ("scores", "people", "groups"):
        assert np.array_equal(getattr(loaded.impostors, name), getattr(gallery.impostors, name)), name


def test_a_filter_of_no_faces_is_stored_with_its_gallery(gallery: Gallery, make_crowd: Callable) -> None:
    faces, scores = make_crowd(30, seed=7).photos(2, seed=2)[0], np.full(60, 0.9)
    nonfaces = NonfaceFilter(faces[::6].copy(), np.full(10, 0.5, np.float32))
    filtering = replace(gallery, nonfaces=nonfaces)
    loaded = load_gallery(filtering.parameters_json(), filtering.arrays(), filtering.classifier_file())
    assert filtering.digest == loaded.digest != gallery.digest
    assert loaded.nonfaces is not None and gallery.nonfaces is None
    assert np.array_equal(loaded.nonfaces.is_nonface(faces, scores), nonfaces.is_nonface(faces, scores))


def test_nothing_of_a_gallery_is_pickled(gallery: Gallery) -> None:
    json.loads(gallery.parameters_json())
    with np.load(io.BytesIO(gallery.arrays()), allow_pickle=False) as stored:
        assert all(stored[name].dtype.kind in "if" for name in stored.files)
    classifier = gallery.classifier_file()
    if classifier is not None:
        with pytest.raises(pickle.UnpicklingError):
            pickle.loads(classifier)


def test_another_kind_threshold_person_or_reference_is_another_digest(gallery: Gallery) -> None:
    given = gallery.parameters
    other_parameters = [
        replace(given, threshold=given.threshold + 1e-6),
        replace(given, people=("z", *given.people[1:])),
        replace(given, files=("z-0", *given.files[1:])),
        replace(given, model_version="another"),
        replace(given, kind="another"),
    ]
    others = [replace(gallery, parameters=parameters) for parameters in other_parameters]
    moved = gallery.references.copy()
    moved[0, 0] += 1e-4
    others += [replace(gallery, references=moved), replace(gallery, owners=gallery.owners[::-1].copy())]
    others += [replace(gallery, centre=gallery.centre + 0.1), replace(gallery, impostors=fewer(gallery.impostors))]
    digests = {gallery.digest, *(other.digest for other in others)}
    assert len(digests) == len(others) + 1


def fewer(impostors: Impostors) -> Impostors:
    return Impostors(impostors.scores[1:], impostors.people[1:], impostors.groups[1:])


def test_arrays_with_a_pickled_object_are_refused(gallery: Gallery) -> None:
    buffer = io.BytesIO()
    objects = np.array([{"code": "anything"}], dtype=object)
    with np.load(io.BytesIO(gallery.arrays())) as stored:
        np.savez(buffer, **dict(stored) | {"means": objects})
    with pytest.raises(ValueError, match="allow_pickle=False"):
        load_gallery(gallery.parameters_json(), buffer.getvalue(), None)


class Untrusted(DecisionTreeClassifier):
    """Any class that is not on the list."""


def test_a_classifier_of_a_type_that_is_not_trusted_is_refused(gallery: Gallery) -> None:
    with pytest.raises(UntrustedTypesFoundException, match="Untrusted"):
        load_gallery(gallery.parameters_json(), gallery.arrays(), skops.io.dumps(Untrusted()))


def test_mean_vectors_are_the_directions_of_each_persons_mean() -> None:
    references = np.array([[1, 0], [0, 1], [0.6, 0.8]], np.float32)
    means = mean_vectors(references, np.array([1, 1, 0]), 2)
    assert np.allclose(means, [[0.6, 0.8], [2**-0.5, 2**-0.5]])
    assert means.dtype == np.float32


def test_off_centre_vectors_are_directions_from_the_centre() -> None:
    vectors = np.array([[1, 0], [0, 1]], np.float32)
    moved = off_centre(vectors, np.array([0, 0.5], np.float32))
    assert np.allclose(moved, [[0.8**0.5, -(0.2**0.5)], [0, 1]])
    assert np.array_equal(off_centre(vectors, np.zeros(2)), vectors)


def test_a_vector_that_is_the_centre_itself_is_like_nobody_and_no_number_is_lost() -> None:
    centre = np.array([0.6, 0.8], np.float32)
    assert np.array_equal(off_centre(centre[None], centre), [[0, 0]])


def test_a_gallerys_threshold_and_evidence_are_two_names_of_one_level(gallery: Gallery) -> None:
    for threshold in (1e-6, 0.3, 0.9, 0.999999):
        assert gallery.threshold(gallery.least(threshold)) == pytest.approx(threshold, rel=1e-9)
    assert gallery.least(-np.inf) == -np.inf and gallery.least(np.inf) == np.inf


def test_the_odds_of_the_surest_confidence_are_finite_in_every_precision() -> None:
    for precision in (np.float32, np.float64):
        odds = log_odds(np.array([0, 0.5, 1], precision))
        assert np.allclose(odds, [-np.log(SUREST / (1 - SUREST)), 0, np.log(SUREST / (1 - SUREST))])
