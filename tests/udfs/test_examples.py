"""The examples in docstrings do what they say, on the real networks and a photo server of this machine."""

import asyncio
import doctest
import io
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from facejoin.conf import settings
from facejoin.demo.photo_server import PhotoServer
from facejoin.demo.samples import Samples

UDFS = Path(__file__).parents[2] / "udfs"
MODULES = [
    ".".join(path.relative_to(UDFS).with_suffix("").parts)
    for room in ("vision", "web")
    for path in sorted((UDFS / room).rglob("*.py"))
    if ">>> " in path.read_text()
]


def exif_block() -> bytes:
    exif = Image.Exif()
    exif[0x010F], exif[0x0110] = "NIKON CORPORATION", "NIKON D90"
    return exif.tobytes().removeprefix(b"Exif\0\0")


def png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def given(
    samples: Samples,
    sface_weights: Path,
    yunet_weights: Path,
    head: Callable[[str], np.ndarray],
    analyser: Any,
    eager_analyser: Any,
    serve: Callable[..., PhotoServer],
) -> dict[str, Any]:
    """What the examples name without making it: every setting's class, and these."""
    from facejoin.udfs.vision.engines.runtime import choose_runtime, choose_runtimes
    from facejoin.udfs.web.hosts import hosts_alone

    vision = settings.VisionSettings(
        decode=settings.DecodeSettings(min_bytes=0), embed=settings.EmbedSettings(model="sface")
    )
    portrait = Image.fromarray(head("astronaut.png")).resize((160, 160))
    grass = Image.open(samples.path("grass.png")).crop((0, 0, 256, 256))
    return vars(settings) | {
        "choose_runtime": choose_runtime,
        "choose_runtimes": choose_runtimes,
        "settings": vision,
        "folders": (sface_weights.parent,),
        "weights": sface_weights,
        "sface_file": sface_weights,
        "yunet_weights": yunet_weights,
        "detector": analyser.detector,
        "eager_networks": eager_analyser,
        "portrait": np.asarray(portrait),
        "portrait_png": png(portrait),
        "grass_png": png(grass),
        "jpeg": samples.path("rocket.jpg").read_bytes(),
        "exif_block": exif_block(),
        "io": io,
        "asyncio": asyncio,
        "closing": closing,
        "ThreadPoolExecutor": ThreadPoolExecutor,
        "hosts_alone": hosts_alone,
        "photo_url": serve().url("/8/1.jpg"),
    }


def test_the_rooms_have_examples() -> None:
    assert {"vision.analyse", "vision.decode", "web.fetch", "web.guard"} <= set(MODULES)


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_do_what_they_say(name: str, given: dict[str, Any]) -> None:
    module = import_module(f"facejoin.udfs.{name}")
    runner = doctest.DocTestRunner(optionflags=doctest.IGNORE_EXCEPTION_DETAIL)
    said: list[str] = []
    for example in doctest.DocTestFinder().find(module, name, globs=given | vars(module)):
        runner.run(example, out=said.append)
    assert runner.summarize(verbose=False).attempted > 0
    assert runner.failures == 0, "".join(said)
