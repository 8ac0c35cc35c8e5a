"""What the jobs' tests share: sample photos, settings, and a small campaign on real photos that is run through once.

Tests that change its tables do so in a copy of them.
"""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from named_photos import ASKED_OUT, CAROL, LISTED, ROBOTS_TXT, SERVED, NamedPhoto
from photo_rows import ROW
from PIL import Image, ImageOps
from pyspark.sql import SparkSession

from facejoin.conf.schemas import SUPPRESSED
from facejoin.conf.settings import ManifestSettings, Settings, load_settings, validated
from facejoin.demo.photo_list import PhotoRow
from facejoin.demo.photo_server import PhotoServer
from facejoin.demo.samples import Samples, fetch_samples
from facejoin.jobs.crawl import CrawlReport, crawl
from facejoin.jobs.downloads.weights import fetch_needed_weights
from facejoin.jobs.enroll import EnrollReport, enroll
from facejoin.jobs.lists.yfcc100m import parsed
from facejoin.jobs.manifest import keep_photos
from facejoin.jobs.match import match
from facejoin.jobs.publish import PublishReport, publish
from facejoin.jobs.store.match_report import MatchReport
from facejoin.jobs.store.warehouse import Warehouse

CACHE = Path("~/.cache/facejoin").expanduser()
WAVE_PHOTOS = 10


@pytest.fixture(scope="session")
def add_photos(spark: SparkSession, list_lines: Callable[..., list[str]]) -> Callable[..., None]:
    """Puts rows into `photos` without the ceremony of a list."""

    def add(warehouse: Warehouse, rows: list[PhotoRow]) -> None:
        values = [(line, "list", number) for number, line in enumerate(list_lines(rows))]
        lines = spark.createDataFrame(values, "value string, source_file string, line bigint").coalesce(1)
        warehouse.append("photos", parsed(lines, ManifestSettings()).transform(keep_photos))

    return add


@pytest.fixture(scope="session")
def samples() -> Samples:
    return fetch_samples(CACHE)


@pytest.fixture(scope="session")
def portrait(samples: Samples) -> Callable[..., Image.Image]:
    """A sample photo, made smaller so that it is searched quickly."""

    def portrait(name: str, side: int = 480) -> Image.Image:
        with Image.open(samples.path(name)) as photo:
            return ImageOps.contain(photo.convert("RGB"), (side, side))

    return portrait


@pytest.fixture(scope="session")
def side_by_side() -> Callable[..., Image.Image]:
    def paste(*photos: Image.Image) -> Image.Image:
        wall = Image.new("RGB", (sum(photo.width for photo in photos), max(photo.height for photo in photos)), "grey")
        left = 0
        for photo in photos:
            wall.paste(photo, (left, 0))
            left += photo.width
        return wall

    return paste


@pytest.fixture(scope="session")
def make_settings() -> Callable[..., Settings]:
    """Those of one machine, for photos on this one, with further ones by dotted name: `vision__detect__min_face=40`."""
    fetch_needed_weights(load_settings().networks)
    usual = {
        "crawl__fetch__allowed_networks": ["127.0.0.1/32"],
        "crawl__fetch__each_host": {"connections": 32, "requests_per_second": 1000.0},
        "crawl__fetch__timeout": 3.0,
        "crawl__fetch__retries": 0,
        "crawl__fetch__concurrency": 8,
        "crawl__wave_photos": WAVE_PHOTOS,
        "crawl__load_seconds": 3600.0,
        "vision__decode__min_bytes": 3_000,
        "enroll__nonfaces": "none",
    }

    def make(**changes: Any) -> Settings:
        values = load_settings().model_dump()
        for name, value in (usual | changes).items():
            *path, last = name.split("__")
            stage = values
            for key in path:
                stage = stage[key]
            stage[last] = value
        return validated(values, "test")

    return make


@pytest.fixture(scope="session")
def save_photos() -> Callable[[Path, dict[str, Image.Image]], Path]:
    def save(root: Path, photos: dict[str, Image.Image]) -> Path:
        """Path below the root → photo; gives the root."""
        for name, photo in photos.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            photo.save(root / name)
        return root

    return save


@dataclass(frozen=True)
class Campaign:
    """The small campaign, or a copy of its tables."""

    warehouse: Warehouse
    settings: Settings
    server: PhotoServer
    rows: dict[NamedPhoto, PhotoRow]
    gallery: str  # folder
    site: Path


@pytest.fixture(scope="session")
def photo_root(
    tmp_path_factory: pytest.TempPathFactory,
    portrait: Callable[..., Image.Image],
    side_by_side: Callable[..., Image.Image],
) -> Path:
    """The files that the photo server has."""
    root = tmp_path_factory.mktemp("photos")
    made = {
        "mirrored biden.jpg": ImageOps.mirror(portrait("biden.jpg")),
        "tiny gravel.png": portrait("gravel.png", 16),
        "gravel.png": portrait("gravel.png", 300),
    }
    for photo in SERVED:
        (root / photo.folder).mkdir(exist_ok=True)
        pictures = [made[name] if name in made else portrait(name) for name in photo.shows]
        side_by_side(*pictures).save(root / photo.file, quality=90)
    return root


@pytest.fixture(scope="session")
def photo_server(photo_root: Path) -> Iterator[PhotoServer]:
    faults = {photo.path: photo.fault for photo in SERVED if photo.fault is not None}
    with PhotoServer(photo_root, faults=faults, robots_txt=ROBOTS_TXT) as server:
        yield server


@pytest.fixture(scope="session")
def gallery_folder(
    tmp_path_factory: pytest.TempPathFactory,
    portrait: Callable[..., Image.Image],
    side_by_side: Callable[..., Image.Image],
) -> Path:
    """Three people; of Obama one photo can be used and one is unusable in each way."""
    folder = tmp_path_factory.mktemp("gallery")
    obama = portrait("obama.jpg")
    photos = {
        "Barack_Obama/a.jpg": obama,
        "Barack_Obama/group #2.jpg": side_by_side(obama, portrait("biden.jpg", 900)),
        "Barack_Obama/none.jpg": portrait("chelsea.png"),
        "Barack_Obama/tiny.jpg": portrait("obama.jpg", 90),
        "Joe_Biden/biden.jpg": portrait("biden.jpg"),
        "Eileen_Collins/astronaut.jpg": portrait("astronaut.png"),
    }
    for name, photo in photos.items():
        (folder / name).parent.mkdir(exist_ok=True)
        photo.save(folder / name, quality=95)
    shutil.copy(folder / "Barack_Obama/a.jpg", folder / "Barack_Obama/b.jpg")
    whole = (folder / "Barack_Obama/a.jpg").read_bytes()
    (folder / "Barack_Obama/broken.jpg").write_bytes(whole[: len(whole) // 3])
    return folder


@pytest.fixture(scope="session")
def campaign(
    spark: SparkSession,
    tmp_path_factory: pytest.TempPathFactory,
    make_settings: Callable[..., Settings],
    photo_server: PhotoServer,
    gallery_folder: Path,
    add_photos: Callable[..., None],
) -> Campaign:
    """Photos are listed, and two askings-out are on record; nothing is crawled."""
    folder = tmp_path_factory.mktemp("campaign")
    warehouse = Warehouse(spark, str(folder / "warehouse"))
    rows = {photo: _row(photo, photo_server) for photo in LISTED}
    add_photos(warehouse, list(rows.values()))
    asked = [("photo", str(ASKED_OUT.photo_id), "by mail", None), ("owner", CAROL, None, None)]
    warehouse.append("suppressed", spark.createDataFrame(asked, SUPPRESSED))
    settings = make_settings(warehouse=str(folder / "warehouse"))
    return Campaign(warehouse, settings, photo_server, rows, str(gallery_folder), folder / "site")


@pytest.fixture(scope="session")
def crawled(spark: SparkSession, campaign: Campaign) -> CrawlReport:
    return crawl(spark, campaign.warehouse, campaign.settings)


@pytest.fixture(scope="session")
def enrolled(spark: SparkSession, campaign: Campaign) -> EnrollReport:
    return enroll(spark, campaign.warehouse, campaign.settings, campaign.gallery)


@pytest.fixture(scope="session")
def matched(spark: SparkSession, campaign: Campaign, crawled: CrawlReport, enrolled: EnrollReport) -> MatchReport:
    return match(spark, campaign.warehouse, campaign.settings)


@pytest.fixture(scope="session")
def published(spark: SparkSession, campaign: Campaign, matched: MatchReport) -> PublishReport:
    return publish(spark, campaign.warehouse, campaign.settings, campaign.site)


@pytest.fixture
def copy_of(spark: SparkSession, tmp_path: Path) -> Callable[[Campaign], Campaign]:
    """The campaign with tables of its own."""

    def copy(campaign: Campaign) -> Campaign:
        folder = shutil.copytree(campaign.warehouse.folder, tmp_path / "warehouse")
        return replace(campaign, warehouse=Warehouse(spark, str(folder)), site=tmp_path / "site")

    return copy


@pytest.fixture(scope="session")
def versions() -> Callable[..., dict[str, int]]:
    """Tables → their last version: equal means that nothing was written."""
    names = ("photos", "quarantine", "results", "references", "people", "gallery_models", "matches", "runs")
    return lambda warehouse, tables=names: {name: warehouse.version(name) for name in tables}


@pytest.fixture(scope="session")
def statuses_by_photo() -> Callable[[Warehouse], dict[NamedPhoto, list[str]]]:
    """Photo → the status of each of its result rows, by attempt."""
    named = {photo.photo_id: photo for photo in SERVED}

    def by_photo(warehouse: Warehouse) -> dict[NamedPhoto, list[str]]:
        rows = warehouse.read("results").orderBy("attempt").select("photo_id", "status").collect()
        found: dict[NamedPhoto, list[str]] = {}
        for photo_id, status in rows:
            found.setdefault(named[photo_id], []).append(status)
        return found

    return by_photo


def _row(photo: NamedPhoto, server: PhotoServer) -> PhotoRow:
    latitude, longitude = photo.place
    return replace(
        ROW,
        photo_id=photo.photo_id,
        owner=photo.owner,
        latitude=latitude,
        longitude=longitude,
        download_url=photo.elsewhere or server.url(photo.path),
        marker=photo.marker,
    )
