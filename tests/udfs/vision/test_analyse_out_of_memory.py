"""Memory that does not suffice for a batch: smaller ones are tried, and a photo alone is given up."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from facejoin.conf.settings import DecodeSettings, VisionSettings
from facejoin.udfs.vision import analyse
from facejoin.udfs.vision.analyse import Analyser
from facejoin.udfs.vision.detection.detector import DetectedFaces

NOTHING = DetectedFaces(np.zeros((0, 4), np.float32), np.zeros((0, 5, 2), np.float32), np.zeros(0, np.float32))
RAISED = (
    MemoryError("no more"),
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
    RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"),
    RuntimeError("std::bad_alloc"),
)


class SmallMemory:
    """A detector that finds no faces, in no more pixels at a time than there is memory for."""

    def __init__(self, pixels: int, error: Exception) -> None:
        self.pixels, self.error = pixels, error
        self.seen: list[int] = []  # photos of each call that went through

    def detect(self, photos: list[np.ndarray]) -> list[DetectedFaces]:
        if sum(photo.shape[0] * photo.shape[1] for photo in photos) > self.pixels:
            raise self.error
        self.seen.append(len(photos))
        return [NOTHING] * len(photos)


class NoFaces:
    """An embedder that is shown none."""

    def crops(self, photo: np.ndarray, landmarks: np.ndarray) -> list[np.ndarray]:
        return [photo for _ in landmarks]

    def embed(self, crops: list[np.ndarray]) -> list[np.ndarray]:
        return crops


def with_memory(pixels: int, error: Exception) -> tuple[Analyser, SmallMemory]:
    networks = Analyser.__new__(Analyser)  # in place of the networks, what needs no weights
    detector = SmallMemory(pixels, error)
    networks.settings = VisionSettings(decode=DecodeSettings(min_bytes=0))
    networks.detector, networks.embedder = detector, NoFaces()  # type: ignore[assignment]
    return networks, detector


def photo(width: int, height: int = 10) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (width, height)).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize("error", RAISED, ids=str)
def test_a_batch_for_which_memory_does_not_suffice_is_halved_until_it_does(error: Exception) -> None:
    networks, detector = with_memory(300, error)
    found = networks.analyse([photo(10) for _ in range(8)])
    assert [analysis.status for analysis in found] == ["no_face"] * 8
    assert detector.seen == [2, 2, 2, 2]


@pytest.mark.parametrize("error", RAISED, ids=str)
def test_a_photo_for_which_it_does_not_suffice_even_alone_is_poisonous_and_the_others_keep_their_place(
    error: Exception,
) -> None:
    networks, _ = with_memory(300, error)
    bodies = [photo(10), photo(20), photo(400), b"<html>", photo(30)]
    found = networks.analyse(bodies)
    assert [analysis.status for analysis in found] == ["no_face", "no_face", "poisonous", "unsupported", "no_face"]
    assert [analysis.width for analysis in found] == [10, 20, None, None, 30]
    assert found[2].error == f"out of memory alone: {error}"


@pytest.mark.parametrize(("seconds", "expected"), [(0.0, ["no_face", "unsupported", "no_face"]), (600.0, None)])
def test_some_are_as_many_as_are_begun_in_time(
    seconds: float, expected: list[str] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two photos have room together, which is when the clock is looked at; the third is another group's."""
    monkeypatch.setattr(analyse, "GROUP_PIXELS", 200)
    networks, detector = with_memory(200, MemoryError())
    bodies = [photo(10), b"<html>", photo(10), b"<html>", photo(10)]
    found = [analysis.status for analysis in networks.analyse_some(bodies, seconds)]
    assert found == (expected or ["no_face", "unsupported", "no_face", "unsupported", "no_face"])
    assert detector.seen == ([2] if expected else [2, 1])


def test_some_are_all_where_memory_does_not_suffice_for_them_together() -> None:
    networks, detector = with_memory(300, MemoryError())
    assert len(networks.analyse_some([photo(10) for _ in range(8)], 0.0)) == 8
    assert detector.seen == [2, 2, 2, 2]


@pytest.mark.parametrize("error", [RuntimeError("a bug"), ValueError("out of memory"), KeyError("photo")], ids=str)
def test_any_other_error_is_raised(error: Exception) -> None:
    networks, _ = with_memory(0, error)
    with pytest.raises(type(error)):
        networks.analyse([photo(10), photo(10)])
