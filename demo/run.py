"""The whole flow on a collection whose truth is known: made, served, crawled, matched, published and judged."""

from __future__ import annotations

import json
import socket
from dataclasses import asdict, dataclass
from pathlib import Path

import yaml
from pyspark.sql import SparkSession

from facejoin.conf.settings import Settings, validated
from facejoin.demo.collection import TRUTH_FILE, Collection, load_collection
from facejoin.demo.folder_collection import make_collection_of
from facejoin.demo.judgement import DemoReport, judged
from facejoin.demo.sample_collection import make_sample_collection
from facejoin.demo.samples import fetch_samples
from facejoin.demo.serving import served
from facejoin.jobs.crawl import CrawlReport, crawl
from facejoin.jobs.downloads.weights import fetch_needed_weights
from facejoin.jobs.enroll import EnrollReport, enroll
from facejoin.jobs.manifest import manifest
from facejoin.jobs.match import match
from facejoin.jobs.publish import PublishReport, publish
from facejoin.jobs.store.list_report import ListReport
from facejoin.jobs.store.match_report import MatchReport
from facejoin.jobs.store.warehouse import Warehouse

LOOPBACK = "127.0.0.1"
OWN_SERVER = {"hosts": [LOOPBACK], "connections": 64, "requests_per_second": 1000.0}  # nobody has to be spared
SETTINGS_FILE = "settings.yaml"  # what its jobs ran with: any job goes on by --config with it
SHARE = 0.5  # of a demo's faces that are its gallery's people, about: unlike Flickr's
SMALLEST = 1_000  # bytes of a photo worth searching, where the photos are the user's own


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
    values["crawl"]["fetch"]["host_groups"] = [OWN_SERVER]
    values["match"] |= {"share": SHARE, "keep_vectors": True}  # to try out thresholds
    if own_photos:
        values["vision"]["decode"]["min_bytes"] = SMALLEST
    return validated(values, "demo")


def prepare(
    settings: Settings, out: Path, photos: Path | None, known: int | None, unknown: int | None, seed: int
) -> Collection:
    """Weights in the cache and the collection in `out`; what is there already is kept."""
    fetch_needed_weights(settings.networks)
    folder = out.absolute() / "collection"
    port = load_collection(folder).port if (folder / TRUTH_FILE).exists() else _free_port()
    if photos is None:
        return make_sample_collection(fetch_samples(Path(settings.cache)), folder, port)
    return make_collection_of(photos, folder, port, known=known, unknown=unknown, seed=seed)


def run_demo(spark: SparkSession, settings: Settings, collection: Collection, out: Path) -> tuple[DemoReport, Steps]:
    """All jobs in turn, then the report, which is left in out/report.json too; their settings are in SETTINGS_FILE."""
    (out / SETTINGS_FILE).write_text(yaml.safe_dump(settings.model_dump(mode="json"), sort_keys=False))
    warehouse = Warehouse(spark, settings.warehouse)
    with served(collection):
        steps = Steps(
            lists=manifest(spark, warehouse, settings.manifest, [path.as_uri() for path in collection.lists]),
            crawl=crawl(spark, warehouse, settings),
            enroll=enroll(spark, warehouse, settings, str(collection.gallery)),
            match=match(spark, warehouse, settings),
            publish=publish(spark, warehouse, settings, out / "site"),
        )
    report = judged(warehouse, settings, collection, steps.crawl, steps.publish.site)
    (out / "report.json").write_text(json.dumps(asdict(report), indent=1) + "\n")
    return report, steps


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])
