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

from facejoin.udfs.recognition.gallery import Gallery, load_gallery, mean_vectors
from facejoin.udfs.recognition.score import Scores, score

KINDS = ["cosine", "svm_rbf", "svm_linear"]


@pytest.fixture(scope="module", params=KINDS)
def gallery(request: pytest.FixtureRequest, make_crowd: Callable, make_gallery: Callable) -> Gallery:
    return make_gallery(*make_crowd(4).photos(5, seed=1), kind=request.param)


@pytest.fixture(scope="module")
def loaded(gallery: Gallery) -> Gallery:
    return load_gallery(gallery.parameters_json(), gallery.arrays(), gallery.classifier_file())


def test_a_loaded_gallery_scores_exactly_as_the_stored_one(
    gallery: Gallery, loaded: Gallery, make_crowd: Callable
) -> None:
    faces, _ = make_crowd(30, seed=7).photos(2, seed=2)
    before, after = score(gallery, faces), score(loaded, faces)
    for name in Scores.__dataclass_fields__:
        assert np.array_equal(getattr(before, name), getattr(after, name)), name


def test_a_loaded_gallery_has_the_same_parameters_and_digest(gallery: Gallery, loaded: Gallery) -> None:
    assert loaded.parameters == gallery.parameters
    assert loaded.digest == gallery.digest
    assert (loaded.classifier is None) == (gallery.parameters.kind == "cosine")


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
    digests = {gallery.digest, *(other.digest for other in others)}
    assert len(digests) == len(others) + 1


def test_arrays_with_a_pickled_object_are_refused(gallery: Gallery) -> None:
    buffer = io.BytesIO()
    objects = np.array([{"code": "anything"}], dtype=object)
    np.savez(buffer, means=objects, references=gallery.references, owners=gallery.owners)
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
