import io
from collections.abc import Callable
from dataclasses import astuple
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageFilter

from facejoin.conf.settings import ComputeSettings, DecodeSettings, EmbedSettings, MtcnnSettings, VisionSettings
from facejoin.demo.samples import Samples
from facejoin.udfs.vision import analyse
from facejoin.udfs.vision.analyse import Analyser, Analysis
from facejoin.udfs.vision.detection.detector import DetectedFaces
from facejoin.udfs.vision.engines.errors import WeightsError
from facejoin.udfs.vision.engines.runtime import Runtime, Runtimes, TorchNetwork, choose_runtimes

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
        assert (found.seconds["embed"] > 0) == (found.width is not None), what


def test_a_photo_gives_the_same_faces_alone_as_in_a_batch(
    bodies: dict[str, bytes], together: dict[str, Analysis], analyser: Analyser
) -> None:
    for what in ("one face", "two faces"):
        (alone,) = analyser.analyse([bodies[what]])
        for mine, batched in zip(alone.faces, together[what].faces, strict=True):
            assert np.abs(mine.box - batched.box).max() <= 1
            assert np.abs(mine.landmarks - batched.landmarks).max() <= 1
            assert mine.embedding @ batched.embedding >= 0.9999


def assert_same_faces(found: Analysis, expected: Analysis) -> None:
    assert (found.status, found.width, found.height) == (expected.status, expected.width, expected.height)
    for mine, other in zip(found.faces, expected.faces, strict=True):
        assert np.abs(mine.box - other.box).max() <= 1
        assert mine.score == pytest.approx(other.score, abs=1e-3)
        assert astuple(mine.quality) == pytest.approx(astuple(other.quality), rel=1e-2, abs=0.1)
        assert mine.embedding @ other.embedding >= 0.9999


@pytest.mark.parametrize("pixels", [1, 160 * 160, 60_000])
def test_photos_in_groups_of_any_size_have_the_same_faces(
    pixels: int,
    bodies: dict[str, bytes],
    together: dict[str, Analysis],
    analyser: Analyser,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """That many pixels at a time: each photo alone, or a few."""
    groups, detect = [], analyser.detector.detect

    def counting(photos: list[np.ndarray]) -> list[DetectedFaces]:
        groups.append(sum(photo.shape[0] * photo.shape[1] for photo in photos) if len(photos) > 1 else 0)
        return detect(photos)

    monkeypatch.setattr(analyse, "GROUP_PIXELS", pixels)
    monkeypatch.setattr(analyser.detector, "detect", counting)
    found = analyser.analyse(list(bodies.values()))
    assert len(groups) > 1
    assert max(groups) <= pixels
    for mine, expected in zip(found, together.values(), strict=True):
        assert_same_faces(mine, expected)
        assert set(mine.seconds) == {"decode", "detect", "embed"}
        assert min(mine.seconds.values()) >= 0


def test_every_face_has_its_quality(together: dict[str, Analysis]) -> None:
    (one,) = together["one face"].faces
    assert one.quality.sharpness > 0
    assert all(abs(angle) < 45 for angle in (one.quality.yaw, one.quality.pitch, one.quality.roll))


def test_a_blurred_photo_has_less_sharp_faces(head: Cut, analyser: Analyser) -> None:
    photo = resized(head("astronaut.png"), 160)
    blurred = np.asarray(Image.fromarray(photo).filter(ImageFilter.GaussianBlur(2)))
    sharp, soft = (found.faces[0].quality.sharpness for found in analyser.analyse([png(photo), png(blurred)]))
    assert soft < sharp / 2


def test_each_of_several_faces_has_its_own_vector(together: dict[str, Analysis]) -> None:
    by_place = sorted(together["two faces"].faces, key=lambda face: face.box[0])
    for found, name in zip(by_place, ("another face", "one face"), strict=True):
        (alone,) = together[name].faces
        assert found.embedding @ alone.embedding > 0.9
    assert by_place[0].embedding @ by_place[1].embedding < 0.363


def test_every_vector_has_length_one_and_every_face_its_size(together: dict[str, Analysis]) -> None:
    for face in (face for found in together.values() for face in found.faces):
        assert face.embedding.shape == (128,)
        assert face.embedding.dtype == np.float32
        assert np.linalg.norm(face.embedding) == pytest.approx(1, abs=1e-5)
        assert face.size == pytest.approx(min(face.box[2] - face.box[0], face.box[3] - face.box[1]))


def test_no_bodies_are_no_analyses(analyser: Analyser) -> None:
    assert analyser.analyse([]) == []


ANY_SIZE = VisionSettings(decode=DecodeSettings(min_bytes=0), embed=EmbedSettings(model="sface"))


def assert_the_same_faces(found: list[Analysis], expected: list[Analysis], cosine: float) -> None:
    for one, other in zip(found, expected, strict=True):
        assert (one.status, len(one.faces)) == (other.status, len(other.faces))
        for face, known in zip(one.faces, other.faces, strict=True):
            assert np.array_equal(face.box, known.box)  # by the same detector on the same device
            assert face.embedding @ known.embedding >= cosine


def test_each_network_runs_on_what_is_its_own(
    bodies: dict[str, bytes], together: dict[str, Analysis], runtime: Runtime, sface_weights: Path
) -> None:
    """Torch stands for a GPU here."""
    apart = Analyser(
        ANY_SIZE, [sface_weights.parent], Runtimes(runtime, Runtime(torch.device("cpu"), "torch", torch.float32))
    )
    assert isinstance(apart.embedder.network, TorchNetwork)
    assert_the_same_faces(apart.analyse([*bodies.values()]), [*together.values()], cosine=0.99)


@pytest.mark.skipif(
    not torch.cuda.is_available(),
    reason="NO CUDA ON THIS MACHINE: that a GPU embeds what a processor found is NOT TESTED",
)
def test_a_gpu_embeds_the_faces_that_the_processor_found(
    bodies: dict[str, bytes], together: dict[str, Analysis], sface_weights: Path
) -> None:
    compute = ComputeSettings.model_validate({"detect": {"device": "cpu"}, "embed": {"device": "cuda"}})
    apart = Analyser(ANY_SIZE, [sface_weights.parent], choose_runtimes(compute))
    assert apart.embedder.device.type == "cuda"
    assert_the_same_faces(apart.analyse([*bodies.values()]), [*together.values()], cosine=0.99)


def test_small_files_and_large_photos_are_refused_by_the_settings(
    bodies: dict[str, bytes], sface_weights: Path, runtimes: Runtimes
) -> None:
    limits = DecodeSettings(min_bytes=1000, max_pixels=200 * 200)
    strict = Analyser(
        VisionSettings(decode=limits, embed=EmbedSettings(model="sface")), [sface_weights.parent], runtimes
    )
    found = strict.analyse([bodies["one pixel"], bodies["two faces"]])
    assert [analysis.status for analysis in found] == ["too_small", "too_many_pixels"]


def test_the_networks_of_the_same_settings_are_loaded_once(sface_weights: Path, runtimes: Runtimes) -> None:
    folders = (sface_weights.parent,)
    loaded = analyse.analyser(VisionSettings(embed=EmbedSettings(model="sface")), folders, runtimes)
    assert analyse.analyser(VisionSettings(embed=EmbedSettings(model="sface")), folders, runtimes) is loaded
    larger = VisionSettings(embed=EmbedSettings(model="sface"), detect=MtcnnSettings(min_face=60))
    assert analyse.analyser(larger, folders, runtimes) is not loaded


def test_weights_that_are_not_there_raise(tmp_path: Path, runtimes: Runtimes) -> None:
    with pytest.raises(WeightsError):
        analyse.analyser(VisionSettings(embed=EmbedSettings(model="sface")), (tmp_path,), runtimes)
