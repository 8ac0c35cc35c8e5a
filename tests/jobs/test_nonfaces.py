"""Photos without faces → vectors, through Spark; and what the filter made of the samples does on real photos."""

import os
import shutil
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facejoin.conf.settings import DecodeSettings, SettingsError, load_settings
from facejoin.jobs.demo.sample_collection import SCENES
from facejoin.jobs.errors import JobError
from facejoin.jobs.nonfaces import NonfaceCrops, nonface_crops, nonface_filter
from facejoin.udfs.recognition.nonfaces import CLUSTERS, SURE
from facejoin.udfs.vision.analyse import analyser
from facejoin.udfs.vision.runtime import choose_runtime

SETTINGS = load_settings()
DATA = Path(os.environ.get("FACEJOIN_DATA", Path(__file__).parents[3] / "shared" / "data"))
BATCH = 32
LOST = 0.001  # of true faces, at most


@pytest.fixture(scope="module")
def default(spark):
    return nonface_crops(spark, SETTINGS, None)


@pytest.fixture
def folder(samples, tmp_path):
    """Photos at two depths: one without faces, one with, one broken, one grey, and a file that is no picture."""
    (tmp_path / "deep").mkdir()
    for name in ("grass.png", "astronaut.png"):
        shutil.copy(samples.path(name), tmp_path / "deep" / name)
    (tmp_path / "broken.JPG").write_bytes(b"no photo")
    Image.new("RGB", (64, 64), "grey").save(tmp_path / "grey.png")
    (tmp_path / "notes.txt").write_text("no picture")
    return tmp_path


def test_without_a_folder_the_samples_without_faces_are_used(default):
    assert default.photos == len(SCENES) == 12 and default.unused == []
    assert len(default.vectors) >= 20 * CLUSTERS and default.vectors.shape[1] == 128
    assert np.allclose(np.linalg.norm(default.vectors, axis=1), 1, atol=1e-5)


def test_the_vectors_are_the_same_each_time(spark, default):
    assert np.array_equal(nonface_crops(spark, SETTINGS, None).vectors, default.vectors)


def test_photos_of_no_use_are_named_with_their_reason_and_the_others_used(spark, folder):
    crops = nonface_crops(spark, SETTINGS, str(folder))
    reasons = {Path(photo["file"]).name: photo["verdict"] for photo in crops.unused}
    assert crops.photos == 2 and len(crops.vectors) >= 20
    assert reasons.pop("broken.JPG") in ("corrupt", "unsupported") and reasons == {"astronaut.png": "faces"}


def test_a_folder_that_is_missing_or_without_pictures_is_a_wrong_setting(spark, tmp_path):
    with pytest.raises(SettingsError, match="there is no folder"):
        nonface_crops(spark, SETTINGS, str(tmp_path / "missing"))
    (tmp_path / "notes.txt").write_text("no picture")
    with pytest.raises(SettingsError, match="is empty: expected pictures without faces"):
        nonface_crops(spark, SETTINGS, str(tmp_path))


def test_photos_that_all_show_faces_cannot_serve(spark, samples, tmp_path):
    shutil.copy(samples.path("astronaut.png"), tmp_path)
    with pytest.raises(JobError, match=r"none of the 1 photos in .* is of use against false faces: faces$"):
        nonface_crops(spark, SETTINGS, str(tmp_path))


def test_the_filter_fits_the_gallery_and_the_crops_it_is_made_of(default):
    references = np.roll(default.vectors[:3], 1, axis=1)
    nonfaces = nonface_filter(default, references, SETTINGS)
    assert nonfaces.centroids.shape == (CLUSTERS, 128)
    assert nonfaces.is_nonface(default.vectors, np.full(len(default.vectors), 0.9)).mean() > 0.5
    few = NonfaceCrops(default.vectors[:3], photos=1, unused=[])
    with pytest.raises(JobError, match=r"^cannot learn what is no face from 1 photos: 3 different crops are too few"):
        nonface_filter(few, references, SETTINGS)


def found(files):
    """path → its faces, at the settings of local.yaml but for the least number of bytes."""
    networks = analyser(SETTINGS.vision, (Path(SETTINGS.cache).expanduser(),), choose_runtime(SETTINGS.compute))
    any_size = DecodeSettings(min_bytes=0)
    faces = {}
    for start in range(0, len(files), BATCH):
        part = files[start : start + BATCH]
        analyses = networks.analyse([path.read_bytes() for path in part], any_size)
        faces |= {path: analysis.faces for path, analysis in zip(part, analyses, strict=True)}
    return faces


def vectors_and_scores(faces):
    return np.array([face.embedding for face in faces]), np.array([face.score for face in faces])


@pytest.mark.slow
@pytest.mark.skipif(
    not DATA.is_dir(), reason="the photos that this is measured on are not here; FACEJOIN_DATA names them"
)
def test_half_the_false_alarms_go_and_hardly_a_face(default, lfw):
    """Every other person of LFW is the gallery; each third photo of the others is one of the faces not to be lost."""
    alarms = [face for faces in found(sorted((DATA / "nonface").iterdir())).values() for face in faces]
    photos = defaultdict(list)
    for portrait in (*lfw.known, *lfw.unknown):
        photos[portrait.file.parent].append(portrait.found.faces)
    people = [photos[folder] for folder in sorted(photos)]
    gallery = [own[0] for own in people[::2]]
    others = [faces for own in people[1::2] for faces in own][::3]
    references, faces = ([max(own, key=lambda face: face.size) for own in shown if own] for shown in (gallery, others))
    nonfaces = nonface_filter(default, vectors_and_scores(references)[0], SETTINGS)
    assert len(alarms) >= 4 and len(faces) > 900
    assert nonfaces.is_nonface(*vectors_and_scores(alarms)).sum() * 2 >= len(alarms)
    assert nonfaces.is_nonface(*vectors_and_scores(faces)).sum() <= LOST * len(faces)
    assert max(face.score for face in alarms) < SURE


def test_the_samples_are_none_of_the_photos_that_it_is_measured_on(samples):
    measured = {path.read_bytes() for path in (DATA / "nonface").glob("*")}
    assert not measured & {samples.path(name).read_bytes() for name in SCENES}
