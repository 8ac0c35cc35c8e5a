"""Whether jobs whose processes are killed end as those that are left alone: `crawl` of photos on a local server, of
which 15 % fail and 10 % show somebody, `match` and `forget`, and SIGKILL at random moments for the driver, an executor
or a Python worker. What ends is started again.

    .venv/bin/python benchmarks/kill.py --runs 20 --kills 10 --photos 5000

First two crawls run at once, of which neither may fetch what the other one does. At the end of each run every photo
that was not forgotten has one row, rows and matches say what those of undisturbed jobs say, and no more photos were
fetched again than were in flight at the kills.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml
from PIL import Image

from facejoin.conf.settings import load_settings, validated
from facejoin.demo.photo_list import write_photo_list
from facejoin.demo.photo_metadata import invent_row
from facejoin.demo.photo_server import PhotoServer
from facejoin.demo.sample_collection import SEEN
from facejoin.demo.samples import fetch_samples
from facejoin.demo.variations import Portrait, varied_portrait
from facejoin.jobs.downloads.weights import fetch_needed_weights
from facejoin.jobs.store.results import results_of
from facejoin.jobs.store.session import spark_session
from facejoin.jobs.store.warehouse import Warehouse
from facejoin.jobs.waves.in_flight import MOST
from facejoin.udfs.vision.analyse import model_version

FAULTS = ("not_found", "gone", "placeholder", "truncated", "cut", "wrong_type", "server_error", "opted_out")  # for ever
FAULTY = 0.15
SIDE = 96  # pixels of a photo
WAVE = 250  # photos
EXECUTOR, WORKER = "CoarseGrainedExecutorBackend", "pyspark.daemon"  # in their command lines
TARGETS = ("driver", "executor", "worker")
LOCAL = {"spark.master": "local[1]", "spark.driver.memory": "1g", "spark.ui.enabled": "false"}
MOST_STARTS = 3  # for each kill
PAUSES = {"crawl": (3.0, 25.0), "match": (3.0, 20.0), "forget": (3.0, 20.0)}  # seconds between two kills
AFTERWARDS = 2  # kills of those that are aimed at each of the jobs after the crawl
SHOWING = 10  # one in so many photos shows somebody
WIDTH = 250  # pixels of those
FORGOTTEN = (1, 11)  # ids of photos


@dataclass(frozen=True)
class Killed:
    """One run."""

    kills: dict[str, dict[str, int]]  # job → target → how many
    starts: int
    seconds: float
    results: list[tuple[int, str]]
    matches: list[tuple[int, str]]
    refetched: int
    in_flight: int  # the most that the kills explain: each all photos of the waves that were at work

    def compared(self, undisturbed: Killed, photos: int) -> dict[str, Any]:
        """What is reported of it."""
        figures = {name: value for name, value in vars(self).items() if name not in ("results", "matches")}
        same = (self.results, self.matches) == (undisturbed.results, undisturbed.matches)
        left = photos - len(FORGOTTEN)
        once = len({photo for photo, _ in self.results}) == len(self.results) == left
        sound = same and once and self.refetched <= self.in_flight
        rows = {"rows": len(self.results), "matches": len(self.matches)}
        return figures | rows | {"same_as_undisturbed": same, "sound": sound}


def main(
    out: Annotated[Path, typer.Option(help="JSON report.")] = Path("build/benchmarks/kill.json"),
    runs: Annotated[int, typer.Option(min=1)] = 20,
    kills: Annotated[int, typer.Option(min=2 * AFTERWARDS, help="In each run.")] = 10,
    photos: Annotated[int, typer.Option(min=100)] = 5000,
    master: Annotated[str, typer.Option(help="With executors of their own: there are more to kill.")] = (
        "local-cluster[1,2,1024]"
    ),
    seed: int = 0,
) -> None:
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        faults = served(folder / "served", photos)
        with PhotoServer(folder / "served", faults=faults) as server:
            config = prepared(folder, server, photos, master)
            two = together(folder, config, server)
            undisturbed = run(folder, config, server, dict.fromkeys(PAUSES, 0), rng)
            aimed = {"crawl": kills - 2 * AFTERWARDS, "match": AFTERWARDS, "forget": AFTERWARDS}
            done = [run(folder, config, server, aimed, rng).compared(undisturbed, photos) for _ in range(runs)]
    figures = {"photos": photos, "faulty": len(faults), "wave_photos": WAVE, "master": master}
    kept = [row for row in two.pop("results") if row[0] not in FORGOTTEN]
    two |= {"same_as_undisturbed": kept == undisturbed.results}
    report = figures | {"two_at_once": two, "undisturbed": undisturbed.compared(undisturbed, photos), "runs": done}
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(report, indent=1) + "\n")
    typer.echo(json.dumps(report, indent=1))
    if not all(run["sound"] for run in done) or two["refetched"] or any(two["exit_statuses"]):
        raise typer.Exit(1)


def served(root: Path, photos: int) -> dict[str, str]:
    """Writes the photos; returns the faults by path."""
    rng = random.Random(0)
    people = portraits()
    for number in range(photos):
        file = root / path(number).lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        if number % SHOWING == 0:
            photo = varied_portrait(rng.choice(people), rng)
            photo.thumbnail((WIDTH, WIDTH))
        else:
            photo = Image.frombytes("RGB", (SIDE, SIDE), rng.randbytes(SIDE * SIDE * 3))
        photo.save(file, quality=60)
    return {path(number): FAULTS[number % len(FAULTS)] for number in rng.sample(range(photos), int(FAULTY * photos))}


def portraits() -> list[Portrait]:
    """Of the samples."""
    samples = fetch_samples(Path(load_settings().cache))
    found = []
    for person, photos in SEEN.items():
        for name, face in photos.items():
            with Image.open(samples.path(name)) as photo:
                found.append(Portrait(person, photo.convert("RGB"), face))
    return found


def path(number: int) -> str:
    return f"/{number % 50}/{number}.jpg"


def prepared(folder: Path, server: PhotoServer, photos: int, master: str) -> Path:
    """The collection's tables in folder/listed; returns the settings' file, without a warehouse."""
    rng = random.Random(0)
    rows = [
        replace(invent_row(rng, number + 1, server.url("/"), ".jpg"), download_url=server.url(path(number)))
        for number in range(photos)
    ]
    write_photo_list(folder / "photos.bz2", rows, 23)
    values = load_settings().model_dump(mode="json")
    values["crawl"] |= {"wave_photos": WAVE, "task_photos": WAVE // 4}
    values["crawl"]["fetch"] |= {"allowed_networks": ["127.0.0.1/32"], "retries": 0, "robots": False, "host_groups": []}
    values["crawl"]["fetch"]["each_host"] = {"connections": 32, "requests_per_second": 1000.0}
    values["vision"]["decode"]["min_bytes"] = 0
    values["spark"] |= {"spark.master": master, "spark.driver.memory": "1g"}
    values["spark"]["spark.executorEnv.PYTHONPATH"] = os.environ.get("PYTHONPATH", "")
    fetch_needed_weights(validated(values, "kill").networks)
    config = folder / "settings.yaml"
    config.write_text(yaml.safe_dump(values))
    for person in portraits():
        file = folder / "gallery" / person.person / f"{person.person}.jpg"
        file.parent.mkdir(parents=True, exist_ok=True)
        person.photo.save(file)
    subprocess.run(command("manifest", folder / "photos.bz2", config, folder / "listed"), check=True)
    subprocess.run(command("enroll", folder / "gallery", config, folder / "listed"), check=True)
    return config


def command(job: str, *rest: Path) -> list[str]:
    *sources, config, warehouse = map(str, rest)
    options = [f"--photo={photo}" for photo in FORGOTTEN] if job == "forget" else []
    options += ["--config", config, "--warehouse", warehouse]
    return [sys.executable, "-m", "facejoin.cli.app", job, *sources, *options]


def fresh(folder: Path) -> Path:
    """A warehouse with all photos and no results."""
    shutil.rmtree(folder / "warehouse", ignore_errors=True)
    return Path(shutil.copytree(folder / "listed", folder / "warehouse"))


def together(folder: Path, config: Path, server: PhotoServer) -> dict[str, Any]:
    """Two crawls of one warehouse at once, to the end of both; then a third for what they left to each other."""
    warehouse, asked, start = fresh(folder), server.requests, time.monotonic()
    crawls = [subprocess.Popen(command("crawl", config, warehouse), stderr=subprocess.DEVNULL) for _ in range(2)]
    statuses = [crawl.wait() for crawl in crawls]
    seconds = round(time.monotonic() - start, 1)
    left = subprocess.run(command("crawl", config, warehouse), check=True, capture_output=True, text=True).stdout
    return {
        "exit_statuses": statuses,
        "seconds": seconds,
        "refetched": refetched(server.requests - asked),
        "a_third_one_says": left.splitlines()[0],
        "results": results(warehouse, config),
    }


def refetched(requests: Counter[str]) -> int:
    """Requests beyond one a photo."""
    return sum(times - 1 for path, times in requests.items() if path.endswith(".jpg"))


def run(folder: Path, config: Path, server: PhotoServer, kills: dict[str, int], rng: random.Random) -> Killed:
    """The jobs, each to its end, through so many kills."""
    warehouse, asked, start = fresh(folder), server.requests, time.monotonic()
    killed, starts = {job: Counter[str]() for job in kills}, 0
    for job, most in kills.items():
        ended = 1
        while ended != 0:
            if starts > MOST_STARTS * (sum(kills.values()) + len(kills)):
                raise RuntimeError(f"{starts} jobs have failed after {killed}: the last one, {job}, ended with {ended}")
            starts += 1
            ended = driven(job, command(job, config, warehouse), rng, killed[job], most)
    return Killed(
        kills={job: dict(targets) for job, targets in killed.items()},
        starts=starts,
        seconds=round(time.monotonic() - start, 1),
        results=results(warehouse, config),
        matches=matches(warehouse),
        refetched=refetched(server.requests - asked),
        in_flight=killed["crawl"].total() * MOST * WAVE,
    )


def driven(job: str, command: list[str], rng: random.Random, killed: Counter[str], kills: int) -> int:
    """Exit status of one job, at whose processes kills are aimed as long as there are some to come."""
    running = subprocess.Popen(command, start_new_session=True, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        while killed.total() < kills and running.poll() is None:
            try:
                running.wait(rng.uniform(*PAUSES[job]))
            except subprocess.TimeoutExpired:
                kill(rng.choice(TARGETS), running.pid, rng, killed)
        return running.wait()
    finally:
        for process in session(running.pid):  # what a killed driver left
            os.kill(process, signal.SIGKILL)


def kill(target: str, driver: int, rng: random.Random, killed: Counter[str]) -> None:
    """Python and Java are one driver. Where the target is not there yet, nothing is killed and nothing counted."""
    processes = session(driver)
    executors = [process for process, words in processes.items() if EXECUTOR in words]
    workers = [process for process, words in processes.items() if WORKER in words]
    java = [process for process, words in processes.items() if "java" in words and EXECUTOR not in words]
    found = {"driver": [driver, *java], "executor": executors[:1], "worker": rng.sample(workers, min(1, len(workers)))}
    for process in found[target]:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    killed.update([target] if found[target] else [])


def session(leader: int) -> dict[int, str]:
    """Processes of a session → their command lines."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if os.getsid(int(folder.name)) == leader:
                found[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
    return found


def results(warehouse: Path, config: Path) -> list[tuple[int, str]]:
    """(photo, status) of every row of the model version."""
    settings = load_settings(config)
    rows = results_of(Warehouse(spark_session(LOCAL), str(warehouse)), model_version(settings.vision))
    return sorted(map(tuple, rows.select("photo_id", "status").collect()))


def matches(warehouse: Path) -> list[tuple[int, str]]:
    """(photo, person)."""
    rows = Warehouse(spark_session(LOCAL), str(warehouse)).read("matches")
    return sorted(map(tuple, rows.select("photo_id", "person").collect()))


if __name__ == "__main__":
    typer.run(main)
