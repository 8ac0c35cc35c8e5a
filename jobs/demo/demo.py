"""The whole flow on a collection whose truth is known: made, served, crawled, matched, published and judged."""

from __future__ import annotations

import json
import socket
from dataclasses import asdict, dataclass
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from facejoin.conf.settings import Settings, SettingsError, validated
from facejoin.jobs.crawl import STEPS, CrawlReport, crawl, final_results
from facejoin.jobs.demo.collection import TRUTH_FILE, Collection, load_collection
from facejoin.jobs.demo.folder_collection import make_collection_of
from facejoin.jobs.demo.photo_server import PhotoServer
from facejoin.jobs.demo.sample_collection import make_sample_collection
from facejoin.jobs.demo.samples import fetch_samples
from facejoin.jobs.enroll import EnrollReport, enroll, stored_gallery
from facejoin.jobs.fetch_weights import fetch_weights
from facejoin.jobs.manifest import ListReport, manifest
from facejoin.jobs.match import SCORED, MatchReport, match, photos_with_faces
from facejoin.jobs.publish import PublishReport, publish
from facejoin.jobs.tables import Warehouse
from facejoin.udfs.match_faces import StoredGallery, match_faces
from facejoin.udfs.recognition.measure import Candidate, PersonResult, by_person, fnir, rank1
from facejoin.udfs.vision.analyse import model_version, weights_name
from facejoin.udfs.vision.weights import WEIGHTS

LOOPBACK = "127.0.0.1"
FPIRS = ("0.01", "0.001")
SHARE = 0.5  # of a demo's faces that are its gallery's people, about: unlike Flickr's
SMALLEST = 1_000  # bytes of a photo worth searching, where the photos are the user's own


@dataclass
class DemoReport:
    photos: int
    results: int
    new_results: int
    statuses: dict[str, int]
    expected_statuses: dict[str, int]  # of the injected faults
    people: dict[str, PersonResult]
    rank1: float | None
    fnir: dict[str, float | None]  # by FPIR
    photos_per_second: float
    seconds: dict[str, float]  # of the crawl: by step, summed over photos and tasks; total by the clock
    site: str
    warehouse: str


@dataclass
class Steps:
    """What each job reported."""

    lists: list[ListReport]
    crawl: CrawlReport
    enroll: EnrollReport
    match: MatchReport
    publish: PublishReport


def demo_settings(settings: Settings, out: Path, own_photos: bool) -> Settings:
    """The given settings, with a warehouse in `out`, this machine's own server allowed, faults found quickly,
    and the share of known people that a demo has."""
    values = settings.model_dump() | {"warehouse": str(out / "warehouse")}
    values["crawl"]["fetch"] |= {"allowed_networks": [f"{LOOPBACK}/32"], "timeout": 4.0, "retries": 1}
    values["match"]["share"] = SHARE
    if own_photos:
        values["vision"]["decode"]["min_bytes"] = SMALLEST
    return validated(values, "demo")


def prepare(
    settings: Settings, out: Path, photos: Path | None, known: int | None, unknown: int | None, seed: int
) -> Collection:
    """Weights in the cache and the collection in `out`; what is there already is kept."""
    name = weights_name(settings.vision.embed)
    if name in WEIGHTS:
        fetch_weights(name, Path(settings.cache))
    folder = out.absolute() / "collection"
    port = load_collection(folder).port if (folder / TRUTH_FILE).exists() else _free_port()
    if photos is None:
        return make_sample_collection(fetch_samples(Path(settings.cache)), folder, port)
    return make_collection_of(photos, folder, port, known=known, unknown=unknown, seed=seed)


def serve(collection: Collection) -> PhotoServer:
    """Raises SettingsError where the collection's port is taken."""
    try:
        return PhotoServer(collection.photos, collection.port, collection.faults, robots_txt=collection.robots_txt)
    except OSError as error:
        raise SettingsError(
            f"port {collection.port}, which the photo lists name, is taken: {error.strerror}"
        ) from error


def run_demo(spark: SparkSession, settings: Settings, collection: Collection, out: Path) -> tuple[DemoReport, Steps]:
    """All jobs in turn, then the report, which is left in out/report.json too."""
    warehouse = Warehouse(spark, settings.warehouse)
    with serve(collection):
        steps = Steps(
            lists=manifest(spark, warehouse, settings.manifest, [path.as_uri() for path in collection.lists]),
            crawl=crawl(spark, warehouse, settings),
            enroll=enroll(spark, warehouse, settings, str(collection.gallery)),
            match=match(spark, warehouse, settings),
            publish=publish(spark, warehouse, settings, out / "site"),
        )
    report = judged(warehouse, settings, collection, steps)
    (out / "report.json").write_text(json.dumps(asdict(report), indent=1) + "\n")
    return report, steps


def judged(warehouse: Warehouse, settings: Settings, collection: Collection, steps: Steps) -> DemoReport:
    """The jobs' outcome held against the truth."""
    version = model_version(settings.vision)
    gallery, stored = stored_gallery(warehouse, version)
    candidates = _candidates(photos_with_faces(warehouse, version, settings.match), stored, settings.match.share)
    matches = warehouse.read("matches").where(F.col("gallery") == gallery).select("photo_id", "person").collect()
    people = sorted(path.name for path in collection.gallery.iterdir())
    seconds = _seconds(warehouse, version)
    results = sum(steps.crawl.statuses.values())
    return DemoReport(
        photos=steps.crawl.photos,
        results=results,
        new_results=steps.crawl.new_results,
        statuses=steps.crawl.statuses,
        expected_statuses=collection.expected_statuses,
        people=by_person(collection.truth, {(row[0], row[1]) for row in matches}, people),
        rank1=rank1(collection.truth, candidates),
        fnir={fpir: fnir(collection.truth, collection.unknown, candidates, float(fpir)) for fpir in FPIRS},
        photos_per_second=results / seconds["total"] if seconds["total"] else 0.0,
        seconds=seconds,
        site=steps.publish.site,
        warehouse=warehouse.folder,
    )


def _candidates(compared: DataFrame, stored: StoredGallery, share: float) -> list[Candidate]:
    """Every face with its best person, enough or not, by the jobs' own stage; a demo is small enough to do it here."""
    nothing_is_enough = float("inf")
    scored = match_faces(stored, share, nothing_is_enough, SCORED)(iter(compared.toArrow().to_batches()))
    rows = (row for batch in scored for row in batch.select(["photo_id", "person", "decisive"]).to_pylist())
    return [Candidate(row["photo_id"], row["person"], row["decisive"]) for row in rows]


def _seconds(warehouse: Warehouse, version: str) -> dict[str, float]:
    """Of all waves of this model version so far, whichever run did them."""
    [sums] = final_results(warehouse, version).agg(*[F.sum(f"seconds.{step}") for step in STEPS]).collect()
    [(total,)] = warehouse.read("runs").where(F.col("job") == "crawl").agg(F.sum("seconds")).collect()
    return {step: spent or 0.0 for step, spent in zip((*STEPS, "total"), (*sums, total), strict=True)}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])
