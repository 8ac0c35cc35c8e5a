"""The pages that people read, and a folder in which their commands find what they name, in the smallest size."""

from __future__ import annotations

import json
import runpy
import socket
from pathlib import Path

import pytest
import yaml
from PIL import Image, ImageEnhance, ImageOps
from pyspark.sql import SparkSession

from facejoin.conf.settings import Settings, load_settings
from facejoin.demo.draft import Draft, make_once
from facejoin.demo.samples import Samples, fetch_samples
from facejoin.demo.serving import served
from facejoin.jobs.crawl import crawl
from facejoin.jobs.downloads.weights import fetch_needed_weights
from facejoin.jobs.enroll import enroll
from facejoin.jobs.manifest import manifest
from facejoin.jobs.store.warehouse import Warehouse

ROOT = Path(__file__).parents[2]
STRANGERS = 55  # faces of a cohort: 50 are the fewest
FACE = (120, 20, 330, 230)  # of astronaut.png
SIDE = 480  # pixels of a photo: searched quickly, and above the smallest file that is
PAIRS = """2
Barack_Obama\t1\t2
Barack_Obama\t1\t3
Barack_Obama\t2\tEileen_Collins\t1
Barack_Obama\t3\tEileen_Collins\t1
"""


@pytest.fixture(scope="session")
def generated() -> dict[str, str]:
    """File of docs/reference/ → what it has to be."""
    pages: dict[str, str] = runpy.run_path(str(ROOT / "docs" / "generate.py"))["pages"]()
    return pages


@pytest.fixture(scope="module")
def shelf(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with galleries, photos and truths, and a warehouse whose photos are crawled and gallery is enrolled."""
    folder, settings = tmp_path_factory.mktemp("shelf"), load_settings()
    samples = fetch_samples(Path(settings.cache))
    fetch_needed_weights(settings.networks)
    _photos(samples, folder)
    _truths(folder)
    _warehouse(spark, samples, folder, settings)
    return folder


def _photos(samples: Samples, folder: Path) -> None:
    obama, again, third = (_small(samples, f"obama{number}.jpg") for number in ("", 2, 3))
    biden, collins = _small(samples, "biden.jpg"), _small(samples, "astronaut.png")
    people = {
        "gallery/Barack_Obama": [obama, again],
        "gallery/Joe_Biden": [biden],
        "photos/known/Barack_Obama": [obama, again, third],
        "photos/known/Joe_Biden": [biden, ImageOps.mirror(biden)],
        "photos/unknown/Eileen_Collins": [collins],
    }
    for where, photos in people.items():
        for number, photo in enumerate(photos, 1):
            _save(photo, folder / where / f"{Path(where).name}_{number:04}.jpg")
    for number in range(STRANGERS):
        _save(_varied(samples, number), folder / "strangers" / f"Stranger_{number}" / "1.jpg")
    for name in ("chelsea.png", "coffee.png", "rocket.jpg"):
        _save(_small(samples, name), folder / "scenes" / Path(name).with_suffix(".jpg"))


def _small(samples: Samples, name: str) -> Image.Image:
    with Image.open(samples.path(name)) as photo:
        return ImageOps.contain(photo.convert("RGB"), (SIDE, SIDE))


def _varied(samples: Samples, number: int) -> Image.Image:
    """A face, turned and lit otherwise each time."""
    with Image.open(samples.path("astronaut.png")) as photo:
        turned = photo.convert("RGB").crop(FACE).rotate(number % 11 - 5)
    return ImageEnhance.Brightness(turned).enhance(0.8 + number / 100)


def _save(photo: Image.Image, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    photo.save(path, quality=98)


def _truths(folder: Path) -> None:
    everyone = folder / "photos"
    (everyone / "pairsDevTest.txt").write_text(PAIRS)
    files = [str(path.relative_to(everyone)) for path in sorted(everyone.glob("*/*/*.jpg"))]
    faces = [{"file": file, "boxes": [[100, 100, 200, 250]]} for file in files]
    none = [{"file": path.name, "boxes": []} for path in sorted((folder / "scenes").iterdir())]
    (folder / "truth.json").write_text(json.dumps(faces))
    (folder / "nonface.json").write_text(json.dumps(none))
    (folder / "asked.txt").write_text("# by mail\nphoto 4000002372\nowner 10000061@N07\n")


def _warehouse(spark: SparkSession, samples: Samples, folder: Path, settings: Settings) -> None:
    """As the packaged settings leave it, but that photos of this machine are fetched, which names no other model."""
    values = settings.model_dump(mode="json")
    values["crawl"]["fetch"]["allowed_networks"] = ["127.0.0.1/32"]
    (folder / "settings.yaml").write_text(yaml.safe_dump(values))
    local = load_settings(folder / "settings.yaml")
    collection = make_once(folder / "collection", _free_port(), "two photos", lambda draft: _fill(draft, samples))
    warehouse = Warehouse(spark, str(folder / "build" / "warehouse"))
    manifest(spark, warehouse, local.manifest, [str(path) for path in collection.lists])
    with served(collection):
        crawl(spark, warehouse, local)
    enroll(spark, warehouse, local, str(folder / "gallery"))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _fill(draft: Draft, samples: Samples) -> None:
    _save(_small(samples, "obama3.jpg"), draft.add_photo(".jpg", ["Barack_Obama"]))
    _save(_small(samples, "astronaut.png"), draft.add_photo(".jpg", []))
