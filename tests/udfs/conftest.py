"""What the tests of stages and of vision share: real photos, the real networks and what they find, once a session."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from facejoin.conf.settings import (
    ComputeSettings,
    DecodeSettings,
    EmbedSettings,
    MtcnnSettings,
    Settings,
    VisionSettings,
)
from facejoin.demo.samples import Samples, fetch_samples
from facejoin.jobs.downloads.weights import fetch_weights

if TYPE_CHECKING:  # which takes seconds to import, and other tests need none of it
    from facejoin.udfs.vision.analyse import Analyser, Analysis
    from facejoin.udfs.vision.engines.runtime import Runtime, Runtimes

CACHE = Path(Settings().cache).expanduser()
PORTRAITS = ("obama.jpg", "obama2.jpg", "obama3.jpg", "biden.jpg", "astronaut.png")
ANY_SIZE = DecodeSettings(min_bytes=0)
SFACE = EmbedSettings(model="sface")


@pytest.fixture(scope="session")
def samples() -> Samples:
    """The demo's real photos; the first session downloads them."""
    return fetch_samples(CACHE)


@pytest.fixture(scope="session")
def sface_weights() -> Path:
    return fetch_weights("sface", CACHE).path


@pytest.fixture(scope="session")
def yunet_weights() -> Path:
    return fetch_weights("yunet", CACHE).path


@pytest.fixture(scope="session")
def runtime() -> Runtime:
    """What this processor computes fastest with."""
    from facejoin.udfs.vision.engines.runtime import choose_runtime

    return choose_runtime(ComputeSettings(device="cpu"))


@pytest.fixture(scope="session")
def runtimes(runtime: Runtime) -> Runtimes:
    """The same for all networks."""
    from facejoin.udfs.vision.engines.runtime import Runtimes

    return Runtimes(runtime, runtime)


@pytest.fixture(scope="session")
def analyser(sface_weights: Path, runtimes: Runtimes) -> Analyser:
    from facejoin.udfs.vision.analyse import Analyser

    return Analyser(VisionSettings(decode=ANY_SIZE, embed=SFACE), [sface_weights.parent], runtimes)


@pytest.fixture(scope="session")
def eager_analyser(sface_weights: Path, runtimes: Runtimes) -> Analyser:
    """One that believes too readily, as `nonface_crops` wants it."""
    from facejoin.udfs.vision.analyse import Analyser
    from facejoin.udfs.vision.nonface_crops import eager

    vision = VisionSettings(decode=ANY_SIZE, detect=eager(MtcnnSettings()), embed=SFACE)
    return Analyser(vision, [sface_weights.parent], runtimes)


@pytest.fixture(scope="session")
def portraits(samples: Samples) -> dict[str, np.ndarray]:
    """name → pixels (height, width, 3) of five real photos with one face each."""
    from facejoin.udfs.vision.decode import decode

    return {name: decode(samples.path(name).read_bytes(), ANY_SIZE) for name in PORTRAITS}


@pytest.fixture(scope="session")
def analyses(analyser: Analyser, samples: Samples) -> dict[str, Analysis]:
    """name → what is found in that portrait, all analysed in one call."""
    found = analyser.analyse([samples.path(name).read_bytes() for name in PORTRAITS])
    return dict(zip(PORTRAITS, found, strict=True))


@pytest.fixture(scope="session")
def head(portraits: dict[str, np.ndarray], analyses: dict[str, Analysis]) -> Callable[[str], np.ndarray]:
    """A square of a portrait around its face, twice as long as the face's box."""

    def cut(name: str) -> np.ndarray:
        x1, y1, x2, y2 = analyses[name].faces[0].box
        half = max(x2 - x1, y2 - y1)
        left, top = (max(int(middle - half), 0) for middle in ((x1 + x2) / 2, (y1 + y2) / 2))
        return portraits[name][top : top + int(2 * half), left : left + int(2 * half)]

    return cut
