"""Photos downloaded for a CPU-second, beside img2dataset: the same photos of a local nginx, as many connections,
nothing resized, decoded or written. The crawl's fetcher has every guard on, and asks the keeper of a crawl before and
after each request; politeness allows what the server can give.

    .venv/bin/python benchmarks/download.py --photos LFW --peer VENV/bin/img2dataset --out download.json

The peer lives in an environment of its own (`pip install img2dataset`). CPU-seconds are the operating system's, of all
of a contestant's processes, the keeper's included; those of the same command with one round of connections only are
taken off. Once more without a keeper: a budget for this task alone, and connections that stay open.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from timing import machine, write

from facejoin.demo.logging_host import HERE

PORT = 8098
TASK = Path(__file__).with_name("download_task.py")
NGINX = """user root; daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log; worker_processes 1;
events {{ worker_connections 2048; }}
http {{ access_log off; keepalive_requests 10000000; root {root}; types {{ image/jpeg jpg; text/plain txt; }}
  client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s; server {{ listen {here}:{port}; }} }}
"""


@dataclass(frozen=True)
class Taken:
    photos: int
    cpu: float  # seconds of all its processes
    wall: float


def main(
    photos: Annotated[Path, typer.Option(exists=True, file_okay=False, help="Folder of JPEGs.")],
    peer: Annotated[Path, typer.Option(help="img2dataset's command.")],
    out: Annotated[Path, typer.Option(help="JSON report.")] = Path("build/benchmarks/download.json"),
    count: Annotated[int, typer.Option(min=1000, help="Photos, each asked for as often as that takes.")] = 10_000,
    threads: Annotated[int, typer.Option(min=1)] = 32,
    rounds: Annotated[int, typer.Option(min=1)] = 5,
) -> None:
    """Both in turn."""
    if shutil.which(peer) is None:
        raise typer.BadParameter(f"{peer} is no command")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        urls, few = lists_of(photos, folder, count), lists_of(photos, folder, threads)
        contestants: dict[str, Callable[[Path, Path], list[str]]] = {
            "face_join": lambda urls, into: own(urls, into, threads),
            "face_join_alone": lambda urls, into: own(urls, into, threads, "--alone"),
            "img2dataset": lambda urls, into: img2dataset(peer, urls, into, threads),
        }
        with nginx(folder, photos):
            start = {name: taken(command(few, folder / "few"), folder / "few") for name, command in contestants.items()}
            rows = [
                {name: taken(command(urls, folder / "all"), folder / "all") for name, command in contestants.items()}
                for _ in range(rounds)
            ]
    figures = {name: figures_of(start[name], [row[name] for row in rows]) for name in contestants}
    peers = [rate(start["img2dataset"], row["img2dataset"]) for row in rows]
    ratios = {
        name: sorted(round(rate(start[name], row[name]) / peer, 2) for row, peer in zip(rows, peers, strict=True))
        for name in contestants
    }
    report = machine(threads) | {"photos": count, "rounds": rounds, "contestants": figures}
    report["times_the_peers_photos_per_cpu_second"] = {
        name: {"median": statistics.median(own), "least": own[0], "most": own[-1]} for name, own in ratios.items()
    }
    write(report, out)
    typer.echo(json.dumps(report, indent=1))


def rate(start: Taken, done: Taken) -> float:
    """Photos for a CPU-second, without what starting takes."""
    return (done.photos - start.photos) / (done.cpu - start.cpu)


def figures_of(start: Taken, rounds: list[Taken]) -> dict[str, Any]:
    return {
        "photos_per_cpu_second": round(statistics.median(rate(start, done) for done in rounds)),
        "photos_per_second": round(statistics.median(done.photos / (done.wall - start.wall) for done in rounds)),
        "cpu_seconds_to_start": round(start.cpu, 2),
    }


def lists_of(photos: Path, folder: Path, count: int) -> Path:
    """A file of so many URLs, all different."""
    names = [path.relative_to(photos).as_posix() for path in sorted(photos.rglob("*.jpg"))]
    path = folder / f"urls-{count}.txt"
    lines = (f"http://{HERE}:{PORT}/{names[number % len(names)]}?{number}\n" for number in range(count))
    path.write_text("".join(lines))
    return path


def own(urls: Path, into: Path, threads: int, *options: str) -> list[str]:
    return [sys.executable, str(TASK), str(urls), str(into), str(threads), *options]


def img2dataset(peer: Path, urls: Path, into: Path, threads: int) -> list[str]:
    options = {
        "url_list": urls, "output_folder": into, "output_format": "dummy", "resize_mode": "no",
        "disable_all_reencoding": True, "compute_hash": "sha256", "processes_count": 1, "thread_count": threads,
        "number_sample_per_shard": 100_000, "enable_wandb": False, "user_agent_token": "face-join",
    }  # fmt: skip
    return [str(peer), *(f"--{name}={value}" for name, value in options.items())]


def taken(command: list[str], into: Path) -> Taken:
    """Raises CalledProcessError where it fails, ValueError where not every photo has come."""
    shutil.rmtree(into, ignore_errors=True)
    before, start = os.times(), time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wall, after = time.perf_counter() - start, os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    [report] = [*into.glob("*stats.json")]
    said = json.loads(report.read_text())
    if said["successes"] != said["count"]:
        raise ValueError(f"{command[0]}: {said}")
    return Taken(said["count"], cpu, wall)


@contextmanager
def nginx(folder: Path, root: Path) -> Iterator[None]:
    program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        raise SystemExit("nginx is needed: apt-get install nginx-light")
    config = folder / "nginx.conf"
    config.write_text(NGINX.format(folder=folder, root=root.absolute(), here=HERE, port=PORT))
    server = subprocess.Popen([program, "-c", str(config), "-p", str(folder)])
    try:
        yield
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    typer.run(main)
