"""Vectors of what looks like faces in photos without any: of a folder, of a file, of the one that is delivered; and
what the filter that is made of the last one does on real photos."""

import hashlib
import io
import shutil
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facejoin.conf.settings import DecodeSettings, SettingsError, load_settings
from facejoin.demo.samples import SCENES, copy_scenes
from facejoin.jobs.gallery import nonface_vectors as module
from facejoin.jobs.gallery.nonface_vectors import DELIVERED, NonfaceVectors, nonface_filter, nonface_vectors
from facejoin.jobs.store.errors import JobError
from facejoin.udfs.recognition.nonface_filter import CLUSTERS
from facejoin.udfs.vision.analyse import Face, analyser, networks_version
from facejoin.udfs.vision.engines.runtime import choose_runtimes

SETTINGS = load_settings()
NETWORKS = networks_version(SETTINGS.vision)
MADE_IN = {"mtcnn": "bfloat16", "yunet": "float32"}  # what each detector's file was computed in
BATCH = 32
LOST = 0.001  # of true faces, at most


def of_file(nonfaces, settings=SETTINGS):
    """What the setting stands for, where it is no folder."""
    return nonface_vectors(None, settings.networks, str(nonfaces))  # type: ignore[arg-type]  # it needs no Spark


@pytest.fixture(scope="module")
def delivered():
    return of_file("delivered")


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


def test_what_is_delivered_comes_from_the_samples_without_faces(delivered):
    assert delivered.photos == len(SCENES) == 12
    assert delivered.unused == []
    assert len(delivered.vectors) >= 20 * CLUSTERS
    assert delivered.vectors.shape[1] == 128
    assert np.allclose(np.linalg.norm(delivered.vectors, axis=1), 1, atol=1e-5)


def test_there_is_no_filter_where_none_is_asked_for_or_none_is_delivered_for_the_embedder(make_settings):
    assert of_file("none") is None
    other = make_settings(vision__embed__model="inception_resnet_v1", vision__embed__weights=None)
    assert of_file("delivered", other) is None


def test_a_file_gives_back_what_was_written(delivered, tmp_path):
    some = NonfaceVectors(delivered.vectors[:20], 3, delivered.embedder)
    (tmp_path / "some.npz").write_bytes(some.to_file())
    read = of_file(tmp_path / "some.npz")
    assert np.array_equal(read.vectors, some.vectors)
    assert (read.photos, read.embedder, read.unused) == (3, delivered.embedder, [])


def test_the_same_vectors_make_the_same_file(delivered):
    assert delivered.to_file() == delivered.to_file()
    assert hashlib.sha256(delivered.to_file()).hexdigest() == DELIVERED[NETWORKS]


def test_a_file_of_another_embedder_is_refused(delivered, tmp_path):
    (tmp_path / "other.npz").write_bytes(replace(delivered, embedder="sface-00000000").to_file())
    with pytest.raises(
        SettingsError, match=f"^the vectors of no faces are of sface-00000000, not of {delivered.embedder}$"
    ):
        of_file(tmp_path / "other.npz")


def npz(**arrays):
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "damaged",
    [
        pytest.param(lambda whole: b"", id="empty"),
        pytest.param(lambda whole: b"no npz", id="something else"),
        pytest.param(lambda whole: whole[: len(whole) // 2], id="half"),
        pytest.param(lambda whole: whole[:2000] + bytes(500) + whole[2500:], id="overwritten"),
        pytest.param(lambda whole: npz(vectors=np.eye(3)), id="without its origin"),
        pytest.param(lambda whole: npz(vectors=np.eye(3), made=np.array("{")), id="with no JSON"),
        pytest.param(lambda whole: npz(vectors=np.eye(3), made=np.array("{}")), id="with an empty origin"),
        pytest.param(lambda whole: npz(vectors=np.eye(3), made=np.array("[]")), id="with another origin"),
        pytest.param(lambda whole: npz(vectors=np.array([None]), made=np.array("{}")), id="with pickled objects"),
    ],
)
def test_a_damaged_file_is_one_clear_error(delivered, tmp_path, damaged):
    (tmp_path / "damaged.npz").write_bytes(damaged(delivered.to_file()))
    with pytest.raises(SettingsError, match="is none that `facejoin nonfaces` wrote"):
        of_file(tmp_path / "damaged.npz")


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(SettingsError, match=r"^cannot read the vectors of no faces .*nowhere\.npz: No such file"):
        of_file(tmp_path / "nowhere.npz")


def test_a_delivered_file_that_is_not_the_pinned_one_is_refused(monkeypatch):
    monkeypatch.setitem(module.DELIVERED, NETWORKS, "0" * 64)
    with pytest.raises(SettingsError, match=f"delivered for {NETWORKS} are damaged: install the package again"):
        of_file("delivered")


@pytest.mark.slow
@pytest.mark.parametrize("detector", MADE_IN)
def test_what_is_delivered_is_what_the_samples_give_today(spark, samples, make_settings, detector, tmp_path):
    """In the precision that they were made in. Processors round otherwise, so a few windows of nearly the same score
    take each other's places, or are others."""
    copy_scenes(samples, tmp_path)
    own = make_settings(vision__detect={"model": detector}, compute__device="cpu", compute__precision=MADE_IN[detector])
    then, today = of_file("delivered", own), nonface_vectors(spark, own.networks, str(tmp_path))
    assert then is not None
    assert today is not None
    assert (today.photos, today.embedder, today.vectors.shape) == (12, then.embedder, then.vectors.shape)
    alike = today.vectors @ then.vectors.T
    for nearest in (alike.max(axis=0), alike.max(axis=1)):
        assert np.mean(nearest >= 0.999) >= 0.95


def test_photos_of_no_use_are_named_with_their_reason_and_the_others_used(spark, folder):
    crops = nonface_vectors(spark, SETTINGS.networks, str(folder))
    assert crops is not None
    reasons = {Path(str(photo["file"])).name: photo["verdict"] for photo in crops.unused}
    assert crops.photos == 2
    assert len(crops.vectors) >= 20
    assert reasons.pop("broken.JPG") in ("corrupt", "unsupported")
    assert reasons == {"astronaut.png": "faces"}


def test_a_folder_that_is_missing_or_without_pictures_is_a_wrong_setting(spark, tmp_path):
    with pytest.raises(SettingsError, match="there is no folder"):
        nonface_vectors(spark, SETTINGS.networks, str(tmp_path / "missing"))
    (tmp_path / "notes.txt").write_text("no picture")
    with pytest.raises(SettingsError, match="is empty: expected pictures without faces"):
        nonface_vectors(spark, SETTINGS.networks, str(tmp_path))


def test_photos_that_all_show_faces_cannot_serve(spark, samples, tmp_path):
    shutil.copy(samples.path("astronaut.png"), tmp_path)
    with pytest.raises(JobError, match=r"none of the 1 photos in .* is of use against false faces: faces$"):
        nonface_vectors(spark, SETTINGS.networks, str(tmp_path))


def test_the_filter_fits_the_gallery_and_the_crops_it_is_made_of(delivered):
    references = np.roll(delivered.vectors[:3], 1, axis=1)
    nonfaces = nonface_filter(delivered, references, SETTINGS.vision)
    assert nonfaces.centroids.shape == (CLUSTERS, 128)
    assert nonfaces.is_nonface(delivered.vectors, np.full(len(delivered.vectors), 0.6)).mean() > 0.5
    few = NonfaceVectors(delivered.vectors[:3], 1, delivered.embedder)
    with pytest.raises(JobError, match=r"^cannot learn what is no face from 1 photos: 3 different crops are too few"):
        nonface_filter(few, references, SETTINGS.vision)


def found(files):
    """path → its faces, at the settings of local.yaml but for the least number of bytes."""
    networks = analyser(SETTINGS.vision, (Path(SETTINGS.cache).expanduser(),), choose_runtimes(SETTINGS.compute))
    any_size = DecodeSettings(min_bytes=0)
    faces: dict[Path, list[Face]] = {}
    for start in range(0, len(files), BATCH):
        part = files[start : start + BATCH]
        analyses = networks.analyse([path.read_bytes() for path in part], any_size)
        faces |= {path: analysis.faces for path, analysis in zip(part, analyses, strict=True)}
    return faces


def vectors_and_scores(faces):
    return np.array([face.embedding for face in faces]), np.array([face.score for face in faces])


@pytest.mark.slow
def test_half_the_false_alarms_go_and_hardly_a_face(delivered, lfw, research_data):
    """Every other person of LFW is the gallery; each third photo of the others is one of the faces not to be lost."""
    alarms = [face for faces in found(sorted(research_data("nonface").iterdir())).values() for face in faces]
    photos = defaultdict(list)
    for portrait in (*lfw.known, *lfw.unknown):
        photos[portrait.file.parent].append(portrait.found.faces)
    people = [photos[folder] for folder in sorted(photos)]
    gallery = [own[0] for own in people[::2]]
    others = [faces for own in people[1::2] for faces in own][::3]
    references, faces = ([max(own, key=lambda face: face.size) for own in shown if own] for shown in (gallery, others))
    nonfaces = nonface_filter(delivered, vectors_and_scores(references)[0], SETTINGS.vision)
    assert len(alarms) >= 4
    assert len(faces) > 900
    assert nonfaces.is_nonface(*vectors_and_scores(alarms)).sum() * 2 >= len(alarms)
    assert nonfaces.is_nonface(*vectors_and_scores(faces)).sum() <= LOST * len(faces)
    assert max(face.score for face in alarms) < nonfaces.sure


def test_the_samples_are_none_of_the_photos_that_it_is_measured_on(samples, research_data):
    measured = {path.read_bytes() for path in research_data("nonface").iterdir()}
    assert measured
    assert not measured & {samples.path(name).read_bytes() for name in SCENES}
