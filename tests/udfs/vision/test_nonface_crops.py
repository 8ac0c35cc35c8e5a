"""What an eager detector takes for faces in photos without any, on the demo's real photos."""

from functools import cache

import numpy as np
import pytest

from facejoin.conf.settings import DecodeSettings, EmbedSettings, MtcnnSettings, VisionSettings, YunetSettings
from facejoin.udfs.vision.analyse import Analyser
from facejoin.udfs.vision.nonface_crops import EAGER_MTCNN, EAGER_YUNET, MOST, eager, nonface_crops

ANY_SIZE = DecodeSettings(min_bytes=0)


@pytest.fixture(scope="module")
def search(eager_analyser, samples):
    return lambda name, most=MOST: nonface_crops(samples.path(name).read_bytes(), eager_analyser, ANY_SIZE, most)


@pytest.fixture(scope="module")
def found(search):
    """As `search`, but each photo is searched once."""
    return cache(search)


def test_a_photo_of_grass_gives_many_crops_as_unit_vectors(found):
    grass = found("grass.png")
    assert grass.status == "used"
    assert grass.detail is None
    assert 20 <= len(grass.vectors) <= MOST
    assert grass.vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(grass.vectors, axis=1), 1, atol=1e-5)


def test_the_vectors_are_the_same_each_time(search, found):
    again = search("coins.png")
    assert len(again.vectors) > 0
    assert np.array_equal(again.vectors, found("coins.png").vectors)


def test_no_more_than_so_many_crops_are_taken_the_best_first(found):
    assert np.allclose(found("grass.png", 5).vectors, found("grass.png").vectors[:5], atol=1e-4)


def test_a_photo_with_a_face_after_all_gives_none(found):
    astronaut = found("astronaut.png")
    assert astronaut.status == "faces"
    assert astronaut.vectors.shape == (0, 128)
    assert astronaut.detail.startswith("shows a face, to a score of ")


def test_a_photo_in_which_nothing_looks_like_a_face_is_used_all_the_same(found):
    assert found("brick.png").status == "used"
    assert len(found("brick.png").vectors) == 0


def test_a_file_that_is_no_photo_is_an_outcome(eager_analyser):
    broken = nonface_crops(b"no photo", eager_analyser, ANY_SIZE)
    assert broken.status in ("corrupt", "unsupported")
    assert broken.detail
    assert len(broken.vectors) == 0


def test_crops_of_no_faces_are_like_one_another_and_unlike_faces(found, analyses):
    crops = np.concatenate([found(name).vectors for name in ("grass.png", "coins.png", "rocket.jpg")])
    faces = np.array([analysis.faces[0].embedding for analysis in analyses.values()])
    likeness = crops @ crops.T
    np.fill_diagonal(likeness, -1)
    assert np.median(likeness.max(axis=1)) > 0.5 > (faces @ crops.T).max()


def test_an_eager_detector_is_never_stricter_than_the_one_given():
    lowered = eager(MtcnnSettings(thresholds=(0.1, 0.7, 0.02), min_face=40))
    assert isinstance(lowered, MtcnnSettings)
    assert lowered.thresholds == (0.1, EAGER_MTCNN[1], 0.02)
    assert lowered.min_score == 0
    assert lowered.min_face == 40
    doubting = YunetSettings(min_score=0.5, second_opinion=0.9, landmarks="own")
    assert eager(doubting) == YunetSettings(min_score=EAGER_YUNET, landmarks="own")
    assert eager(YunetSettings(min_score=EAGER_YUNET / 2)).min_score == EAGER_YUNET / 2


def test_an_eager_yunet_finds_windows_too_and_knows_a_face(samples, sface_weights, yunet_weights, runtimes):
    folders = [sface_weights.parent, yunet_weights.parent]
    vision = VisionSettings(decode=ANY_SIZE, detect=eager(YunetSettings()), embed=EmbedSettings(model="sface"))
    networks = Analyser(vision, folders, runtimes)
    scenes = [nonface_crops(samples.path(name).read_bytes(), networks, ANY_SIZE) for name in ("grass.png", "coins.png")]
    assert [found.status for found in scenes] == ["used", "used"]
    assert sum(len(found.vectors) for found in scenes) > 0
    assert nonface_crops(samples.path("biden.jpg").read_bytes(), networks, ANY_SIZE).status == "faces"
