import copy
import io
import json
import pickle
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import pytest
import skops.io
from sklearn.tree import DecisionTreeClassifier
from skops.io.exceptions import UntrustedTypesFoundException

from facejoin.udfs.recognition.calibration import Curve
from facejoin.udfs.recognition.gallery import Gallery, Parameters, load_gallery
from facejoin.udfs.recognition.impostors import Impostors
from facejoin.udfs.recognition.nonface_filter import NonfaceFilter
from facejoin.udfs.recognition.score import Scores
from facejoin.udfs.recognition.training.kinds import CLASSIFIERS, KINDS


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
    assert (loaded.scorer.classifier is not None) == (gallery.parameters.kind in CLASSIFIERS)


def test_a_loaded_gallery_knows_the_same_strangers(gallery: Gallery, loaded: Gallery) -> None:
    for name in ("evidence", "people", "groups"):
        assert np.array_equal(getattr(loaded.impostors, name), getattr(gallery.impostors, name)), name


def test_a_filter_of_no_faces_is_stored_with_its_gallery(gallery: Gallery, make_crowd: Callable) -> None:
    faces, scores = make_crowd(30, seed=7).photos(2, seed=2)[0], np.full(60, 0.9)
    nonfaces = NonfaceFilter(faces[::6].copy(), np.full(10, 0.5, np.float32))
    filtering = replace(gallery, nonfaces=nonfaces)
    loaded = load_gallery(filtering.parameters_json(), filtering.arrays(), filtering.classifier_file())
    assert filtering.digest == loaded.digest != gallery.digest
    assert loaded.nonfaces is not None
    assert gallery.nonfaces is None
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
    off = replace(gallery.scorer, centre=gallery.scorer.centre + 0.1)
    others += [replace(gallery, scorer=off), replace(gallery, impostors=fewer(gallery.impostors))]
    digests = {gallery.digest, *(other.digest for other in others)}
    assert len(digests) == len(others) + 1


def test_another_classifier_is_another_digest_and_the_older_name_without_it_stands(
    gallery: Gallery, loaded: Gallery
) -> None:
    plain = replace(gallery, scorer=replace(gallery.scorer, classifier=None))
    assert loaded.is_named(gallery.digest)
    assert loaded.is_named(plain.digest)
    assert not loaded.is_named("0" * 16)
    if gallery.scorer.classifier is None:
        assert gallery.digest == plain.digest
        return
    other = copy.deepcopy(gallery.scorer.classifier)
    other.classes_ = other.classes_[::-1].copy()
    assert replace(gallery, scorer=replace(gallery.scorer, classifier=other)).digest != gallery.digest != plain.digest


def fewer(impostors: Impostors) -> Impostors:
    return Impostors(impostors.evidence[1:], impostors.people[1:], impostors.groups[1:])


def test_arrays_with_a_pickled_object_are_refused(gallery: Gallery) -> None:
    buffer = io.BytesIO()
    objects = np.array([{"code": "anything"}], dtype=object)
    with np.load(io.BytesIO(gallery.arrays())) as stored:
        np.savez(buffer, **dict(stored) | {"means": objects})
    with pytest.raises(ValueError, match="allow_pickle=False"):
        load_gallery(gallery.parameters_json(), buffer.getvalue(), None)


class Untrusted(DecisionTreeClassifier):  # type: ignore[misc]  # scikit-learn has no types
    """Any class that is not on the list."""


def test_a_classifier_of_a_type_that_is_not_trusted_is_refused(gallery: Gallery) -> None:
    with pytest.raises(UntrustedTypesFoundException, match="Untrusted"):
        load_gallery(gallery.parameters_json(), gallery.arrays(), skops.io.dumps(Untrusted()))


# A gallery as 0.1.0 stored it: what was written then is read, and has the name that it had.
JSON = (
    '{"curve": {"midpoint": 0.363, "origin": "made up", "slope": 20.0}, '
    '"files": ["Ann/1.jpg", "Ann/2.jpg", "Bob/1.jpg"], "impostors_from": "2 faces made up", '
    '"kind": "centred_cosine", "model_version": "mtcnn-1+sface-2", "people": ["Ann", "Bob"], '
    '"threshold": 0.375, "threshold_from": "as made up"}'
)
ARRAYS = {
    "centre": np.array([0.25, 0], np.float32),
    "means": np.array([[1, 0], [0, 1]], np.float32),
    "references": np.array([[1, 0], [0.8, 0.6], [0, 1]], np.float32),
    "owners": np.array([0, 0, 1]),
    "impostor_scores": np.array([0.5, 0.25]),
    "impostor_people": np.array([1, 0]),
    "impostor_groups": np.array([0, 1]),
}
NONFACES = {
    "nonface_centroids": np.array([[0.6, 0.8]], np.float32),
    "nonface_radii": np.array([0.875], np.float32),
}
DIGEST, DIGEST_WITH_NONFACES = "2a55c9266b9b8c15", "6f35e2974417b9f1"


def npz(arrays: Mapping[str, np.ndarray]) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def test_a_gallery_in_the_stored_format_is_loaded_as_what_it_was() -> None:
    loaded = load_gallery(JSON, npz(ARRAYS | NONFACES), None)
    assert loaded.parameters == Parameters(
        kind="centred_cosine",
        model_version="mtcnn-1+sface-2",
        people=("Ann", "Bob"),
        files=("Ann/1.jpg", "Ann/2.jpg", "Bob/1.jpg"),
        threshold=0.375,
        threshold_from="as made up",
        impostors_from="2 faces made up",
        curve=Curve(20.0, 0.363, "made up"),
    )
    assert loaded.nonfaces is not None
    held = (
        loaded.scorer.centre, loaded.scorer.means, loaded.references, loaded.owners, loaded.impostors.evidence,
        loaded.impostors.people, loaded.impostors.groups, loaded.nonfaces.centroids, loaded.nonfaces.radii,
    )  # fmt: skip
    for array, stored in zip(held, (ARRAYS | NONFACES).values(), strict=True):
        assert np.array_equal(array, stored)
        assert array.dtype == stored.dtype
    assert loaded.scorer.classifier is None


@pytest.mark.parametrize(("nonfaces", "digest"), [({}, DIGEST), (NONFACES, DIGEST_WITH_NONFACES)])
def test_a_gallery_is_stored_byte_for_byte_and_named_as_ever(nonfaces: dict[str, np.ndarray], digest: str) -> None:
    loaded = load_gallery(JSON, npz(ARRAYS | nonfaces), None)
    assert loaded.digest == digest
    assert loaded.parameters_json() == JSON
    assert loaded.arrays() == npz(ARRAYS | nonfaces)
