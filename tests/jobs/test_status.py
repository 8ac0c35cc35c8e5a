"""A status out of real tables: of a crawl that has not begun, one that is done, and one that was watched."""

from contextlib import closing
from pathlib import Path

import pytest
import yaml
from named_photos import CAT, LISTED, OBAMA
from waiting import until

from facejoin.conf.settings import FetchSettings
from facejoin.jobs.crawl import crawl
from facejoin.jobs.status import status
from facejoin.jobs.store.leases import lease
from facejoin.jobs.store.warehouse import Warehouse
from facejoin.jobs.watch import recording as recording_module
from facejoin.jobs.watch.recording import recorded
from facejoin.udfs.web.hosts import Hosts, KeeperLine
from facejoin.udfs.web.service import KeeperService

HERE = "127.0.0.1"


@pytest.fixture(scope="module")
def watched(spark, tmp_path_factory, add_photos, photo_row, photo_server, make_settings):
    """A crawl that was looked at many times a second: (warehouse, settings)."""
    warehouse = Warehouse(spark, str(tmp_path_factory.mktemp("watched")))
    urls = [photo_server.url(photo.path) for photo in (OBAMA, CAT)]
    add_photos(warehouse, [photo_row(number, download_url=url) for number, url in enumerate(urls, 1)])
    settings = make_settings(
        crawl__load_seconds=0.2, status={"core_hour": 3600.0, "gigabyte": 1e9, "currency": "euros"}
    )
    crawl(spark, warehouse, settings)
    return warehouse, settings


def test_before_the_first_wave_it_says_what_is_not_known(campaign, crawled, make_settings):
    report = status(campaign.warehouse, make_settings(vision__embed__mirror=True))  # another model version
    assert (report.photos, report.done, report.left, report.waves) == (len(LISTED), 0, len(LISTED), 0)
    assert (report.rate, report.seconds_left, report.mean_bytes, report.core_hours) == (None, None, None, None)
    assert len(report.unknown) == 3


def test_of_a_crawl_that_is_done_it_says_what_the_crawl_said(campaign, crawled):
    report = status(campaign.warehouse, campaign.settings)
    assert (report.photos, report.left, report.statuses) == (crawled.photos, 0, crawled.statuses)
    rows = campaign.warehouse.read("results").where("bytes IS NOT NULL").select("bytes").collect()
    assert (report.bytes, report.projected_bytes) == (sum(row["bytes"] for row in rows),) * 2
    assert report.mean_bytes == report.bytes / len(rows)
    assert report.with_face == crawled.statuses["faces"] / len(rows)
    assert report.rate is not None
    assert report.rate > crawled.new_results / crawled.seconds["total"]  # which is longer than the waves' own time
    assert (report.waves, report.seconds_left, report.core_hours_left) == (2, 0, 0)
    assert (report.load, report.wave_load, report.paused, report.at_work) == ([], [], {}, [])
    assert [reason.partition(":")[0] for reason in report.unknown] == ["load of the workers", "cost"]


def test_what_workers_take_is_recorded_by_wave(spark, watched):
    warehouse, settings = watched
    rows = warehouse.read("load").orderBy("at").collect()
    [(wave,)] = warehouse.read("results").select("wave").distinct().collect()
    assert {one["wave"] for row in rows for one in row["waves"]} == {wave}
    assert {row["cores"] for row in rows} == {spark.sparkContext.defaultParallelism}
    assert all(row["busy"] > 0 and 2**20 < row["memory_mean"] <= row["memory_max"] for row in rows)
    report = status(warehouse, settings)
    [of_wave] = report.wave_load
    core_seconds = sum(row["busy"] * row["seconds"] for row in rows)
    assert of_wave.wave == wave
    assert of_wave.busy * sum(row["seconds"] for row in rows) == pytest.approx(core_seconds)
    assert sum(row["workers"] for row in rows) >= len(report.load) > 0
    assert report.core_hours is not None
    assert report.cost.cores == pytest.approx(3600 * report.core_hours)
    assert report.cost.bytes == pytest.approx(report.bytes)
    assert (report.cost_left.total, report.unknown) == (0, [])


@pytest.fixture
def recording(monkeypatch):
    """A keeper that one task talks to, and what it says is stored at once."""
    monkeypatch.setattr(recording_module, "STORE_SECONDS", 0.0)
    with KeeperService(FetchSettings(), HERE) as keeper, closing(KeeperLine(keeper.place(HERE))) as line:
        yield keeper, Hosts(line, keep_alive=False)


def _failed(hosts: Hosts) -> None:
    """The robots.txt of a host; the keeper knows when this ends."""
    hosts.loop.call(lambda: hosts.no_rules("http://photos.test"))
    hosts.loop.run(lambda: hosts.rules("http://other.test"))


def test_who_is_at_work_and_which_hosts_pause_is_told(warehouse, recording, make_settings):
    keeper, hosts = recording
    with lease(warehouse, "crawl", "0000-0003 of networks-1"):
        with recorded(warehouse, keeper, "name", seconds=0.05):
            _failed(hosts)
            hosts.taken("0000-0003 a", "machine 1", 5.0, 2.5, 2**20)
            until(lambda: Path(warehouse.folder, "load", "_delta_log").exists(), 60)
        report = status(warehouse, make_settings())
    [held] = report.at_work
    assert held.startswith("crawl 0000-0003 of networks-1, held by")
    assert report.paused.keys() == {"photos.test"}
    assert 0 < report.paused["photos.test"] - report.at < 2 * FetchSettings().left_alone
    assert [wave.wave for wave in report.wave_load] == ["0000-0003 a"]


def test_rows_that_cannot_be_stored_are_told_and_no_error(warehouse, recording, caplog):
    keeper, hosts = recording
    Path(warehouse.folder, "load").write_text("no table")
    with recorded(warehouse, keeper, "name", seconds=0.05):
        _failed(hosts)
        until(lambda: "what the crawl takes could not be stored: " in caplog.text, 60)


def test_without_a_keeper_or_a_reading_there_is_not_even_a_table(warehouse, recording):
    keeper, hosts = recording
    with recorded(warehouse, None, "name", seconds=0.001), recorded(warehouse, keeper, "name", seconds=3600):
        _failed(hosts)
    assert not Path(warehouse.folder, "load").exists()


def test_the_command_says_writes_and_draws_it(watched, facejoin, tmp_path):
    warehouse, settings = watched
    (tmp_path / "settings.yaml").write_text(yaml.safe_dump(settings.model_dump(mode="json")))
    given = ["--config", tmp_path / "settings.yaml", "--warehouse", warehouse.folder, "--out", tmp_path / "status.json"]
    files = ["--metrics", tmp_path / "facejoin.prom", "--plot", tmp_path / "load.svg"]
    exit_status, printed, _ = facejoin("status", *given, *files)
    assert exit_status == 0
    assert "photos: 2 of 2 done (100.0%), 0 left" in printed
    assert "facejoin_photos_done 2.0" in (tmp_path / "facejoin.prom").read_text()
    assert '"photos": 2' in (tmp_path / "status.json").read_text()
    assert "nothing is recorded" not in (tmp_path / "load.svg").read_text()
    assert facejoin("status", *given, "--plot", tmp_path / "load.txt")[0] == 2
