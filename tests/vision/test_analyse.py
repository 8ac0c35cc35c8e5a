import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facejoin.conf.settings import DecodeSettings, DetectSettings, EmbedSettings, VisionSettings
from facejoin.jobs.demo.samples import Samples
from facejoin.udfs.vision import analyse
from facejoin.udfs.vision.analyse import Analyser, Analysis
from facejoin.udfs.vision.errors import DeviceError, WeightsError

Cut = Callable[[str], np.ndarray]


def png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def resized(photo: np.ndarray, side: int) -> np.ndarray:
    return np.asarray(Image.fromarray(photo).resize((side, side)))


@pytest.fixture(scope="module")
def bodies(head: Cut, samples: Samples) -> dict[str, bytes]:
    """Small photos and what only looks like one, by what they should become."""
    one, other = resized(head("astronaut.png"), 160), resized(head("obama2.jpg"), 160)
    return {
        "one face": png(one),
        "a page": b"<html>not found</html>",
        "two faces": png(np.hstack([other, one])),
        "nobody": png(np.full((90, 120, 3), 100, np.uint8)),
        "cut off": png(one)[:4000],
        "one pixel": png(np.zeros((1, 1, 3), np.uint8)),
        "another face": png(other),
        "nothing": b"",
    }


EXPECTED = {
    "one face": ("faces", 1),
    "a page": ("unsupported", 0),
    "two faces": ("faces", 2),
    "nobody": ("no_face", 0),
    "cut off": ("corrupt", 0),
    "one pixel": ("no_face", 0),
    "another face": ("faces", 1),
    "nothing": ("unsupported", 0),
}


@pytest.fixture(scope="module")
def together(bodies: dict[str, bytes], analyser: Analyser) -> dict[str, Analysis]:
    return dict(zip(bodies, analyser.analyse(list(bodies.values())), strict=True))


def test_every_body_is_one_analysis_in_its_place(together: dict[str, Analysis]) -> None:
    assert {what: (found.status, len(found.faces)) for what, found in together.items()} == EXPECTED


def test_a_body_that_is_no_photo_says_why_and_has_no_size(together: dict[str, Analysis]) -> None:
    for what, found in together.items():
        is_photo = found.status in ("faces", "no_face")
        assert (found.error is None) == is_photo, what
        assert (found.width is not None and found.height is not None) == is_photo, what
    assert (together["two faces"].width, together["two faces"].height) == (320, 160)


def test_the_seconds_of_each_step_are_counted_where_it_was_done(together: dict[str, Analysis]) -> None:
    for what, found in together.items():
        assert set(found.seconds) == {"decode", "detect", "embed"}
        assert found.seconds["decode"] > 0
        assert (found.seconds["detect"] > 0) == (found.width is not None), what
        assert (found.seconds["embed"] > 0) == (found.status == "faces"), what


def test_a_photo_gives_the_same_faces_alone_as_in_a_batch(
    bodies: dict[str, bytes], together: dict[str, Analysis], analyser: Analyser
) -> None:
    for what in ("one face", "two faces"):
        (alone,) = analyser.analyse([bodies[what]])
        for mine, batched in zip(alone.faces, together[what].faces, strict=True):
            assert np.abs(mine.box - batched.box).max() <= 1
            assert np.abs(mine.landmarks - batched.landmarks).max() <= 1
            assert mine.embedding @ batched.embedding >= 0.9999


def test_each_of_several_faces_has_its_own_vector(together: dict[str, Analysis]) -> None:
    by_place = sorted(together["two faces"].faces, key=lambda face: face.box[0])
    for found, name in zip(by_place, ("another face", "one face"), strict=True):
        (alone,) = together[name].faces
        assert found.embedding @ alone.embedding > 0.9
    assert by_place[0].embedding @ by_place[1].embedding < 0.363


def test_every_vector_has_length_one_and_every_face_its_size(together: dict[str, Analysis]) -> None:
    for face in (face for found in together.values() for face in found.faces):
        assert face.embedding.shape == (128,) and face.embedding.dtype == np.float32
        assert np.linalg.norm(face.embedding) == pytest.approx(1, abs=1e-5)
        assert face.size == pytest.approx(min(face.box[2] - face.box[0], face.box[3] - face.box[1]))


def test_no_bodies_are_no_analyses(analyser: Analyser) -> None:
    assert analyser.analyse([]) == []


def test_small_files_and_large_photos_are_refused_by_the_settings(
    bodies: dict[str, bytes], sface_weights: Path
) -> None:
    limits = DecodeSettings(min_bytes=1000, max_pixels=200 * 200)
    strict = Analyser(VisionSettings(decode=limits, embed=EmbedSettings(model="sface")), sface_weights, "cpu")
    found = strict.analyse([bodies["one pixel"], bodies["two faces"]])
    assert [analysis.status for analysis in found] == ["too_small", "too_many_pixels"]


def test_the_networks_of_the_same_settings_are_loaded_once(sface_weights: Path) -> None:
    folders = (sface_weights.parent,)
    loaded = analyse.analyser(VisionSettings(embed=EmbedSettings(model="sface")), folders, "cpu")
    assert analyse.analyser(VisionSettings(embed=EmbedSettings(model="sface")), folders, "cpu") is loaded
    larger = VisionSettings(embed=EmbedSettings(model="sface"), detect=DetectSettings(min_face=60))
    assert analyse.analyser(larger, folders, "cpu") is not loaded


def test_weights_that_are_not_there_and_a_device_that_is_not_there_raise(
    tmp_path: Path, sface_weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    settings = VisionSettings(embed=EmbedSettings(model="sface"))
    with pytest.raises(WeightsError):
        analyse.analyser(settings, (tmp_path,), "cpu")
    with pytest.raises(DeviceError):
        analyse.analyser(settings, (sface_weights.parent,), "cuda")
