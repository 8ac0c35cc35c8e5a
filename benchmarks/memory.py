"""Resident memory of one worker while photos of mixed sizes pass through it, in the operating system's figures: what
/proc says of a process that has imported what Spark's worker imports and runs the crawl's analysis, batch by batch.

    .venv/bin/python benchmarks/memory.py --photos LFW --photos WIDER/images --plot benchmarks/memory.png
"""

from __future__ import annotations

import io
import math
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Annotated, Any, Literal

import typer

SEED = 0
FILES = 200  # different ones; half of them as they are, half at other sizes
LEAST_SIDE, MOST_PIXELS = 100, 12_000_000  # of those at other sizes
BATCH = 32  # photos, the crawl's own setting
EVERY = 100  # photos between two samples
SETTLED = 1_000  # photos after which memory is to be flat
LIMIT = 1.5  # gigabytes


def main(
    photos: Annotated[list[Path], typer.Option(help="Folder with JPEGs; may be given again.", exists=True)],
    out: Annotated[Path, typer.Option(help="JSON report.")] = Path("build/benchmarks/memory.json"),
    plot: Annotated[Path, typer.Option(help="PNG.")] = Path("build/benchmarks/memory.png"),
    count: Annotated[int, typer.Option(min=2 * SETTLED)] = 10_000,
    threads: Annotated[int, typer.Option(min=1)] = 1,
    model: Annotated[str, typer.Option(help="sface or inception_resnet_v1")] = "sface",
    detector: Annotated[Literal["mtcnn", "yunet"], typer.Option(help="With its default settings.")] = "mtcnn",
) -> None:
    with TemporaryDirectory() as folder:
        of_a_process(write_mixed, photos, Path(folder))
        embed, _ = of_a_process(written_weights, model, out.parent)
        worker = of_a_process(worked, Path(folder), count, threads, detector, embed)
    out.parent.mkdir(parents=True, exist_ok=True)
    report = summary(worker) | worker
    from timing import machine, write  # not before: this process's imports are the others', too

    write({"machine": machine(threads), "model": model, "detector": detector} | report, out)
    draw(worker["samples"], plot)
    typer.echo("\n".join(f"{name:28}{value}" for name, value in report.items() if not isinstance(value, list)))


def of_a_process(function: Any, *arguments: Any) -> Any:
    """What the function returns in a fresh process of its own."""
    with ProcessPoolExecutor(max_workers=1, mp_context=get_context("spawn")) as process:
        return process.submit(function, *arguments).result()


def write_mixed(sources: list[Path], folder: Path) -> None:
    """As many files of each source; every second one at a size of its own, its logarithm drawn evenly."""
    rng = Random(SEED)
    paths = [path for source in sources for path in rng.choices(sorted(source.rglob("*.jpg")), k=FILES // len(sources))]
    for number, path in enumerate(paths):
        body = path.read_bytes()
        (folder / f"{number}.jpg").write_bytes(_resized(body, rng) if number % 2 else body)


def _resized(body: bytes, rng: Random) -> bytes:
    from PIL import Image

    photo = Image.open(io.BytesIO(body)).convert("RGB")
    largest = math.sqrt(MOST_PIXELS / (photo.width * photo.height))
    smallest = LEAST_SIDE / min(photo.size)
    scale = math.exp(rng.uniform(math.log(smallest), math.log(largest)))
    buffer = io.BytesIO()
    photo.resize((round(photo.width * scale), round(photo.height * scale))).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def written_weights(model: str, folder: Path) -> Any:
    """Its settings and its file, written where it is a made-up one; the detectors' are fetched."""
    from made_up import embed_settings

    from facejoin.conf.settings import load_settings
    from facejoin.jobs.downloads.weights import fetch_needed_weights

    fetch_needed_weights(load_settings().networks)
    return embed_settings(model, folder)


def worked(folder: Path, count: int, threads: int, detector: str, embed: Any) -> dict[str, Any]:
    """Samples of this process's memory, with the number of photos that had passed."""
    analyse = _loaded(threads, detector, embed)
    loaded = resident()
    rng = Random(SEED)
    files = sorted(folder.iterdir(), key=lambda path: int(path.stem))
    samples, faces = [{"photos": 0, **loaded}], 0
    for start in range(0, count, BATCH):
        bodies = [path.read_bytes() for path in rng.choices(files, k=min(BATCH, count - start))]
        faces += sum(len(analysis.faces) for analysis in analyse(bodies))
        done = start + len(bodies)
        if done // EVERY > samples[-1]["photos"] // EVERY:
            samples.append({"photos": done, **resident()})
    return {"photos": count, "faces": faces, "samples": samples}


def _loaded(threads: int, detector: str, embed: Any) -> Any:
    """The analysis of a worker that has imported all that Spark's has."""
    import pyspark.worker  # noqa: F401
    import torch

    import facejoin.udfs.find_faces  # noqa: F401
    from facejoin.conf.settings import (
        ComputeSettings,
        DecodeSettings,
        MtcnnSettings,
        VisionSettings,
        YunetSettings,
        load_settings,
    )
    from facejoin.udfs.vision.analyse import Analyser
    from facejoin.udfs.vision.engines.runtime import choose_runtimes

    torch.set_num_threads(threads)
    settings = VisionSettings(
        decode=DecodeSettings(min_bytes=0),
        detect=YunetSettings() if detector == "yunet" else MtcnnSettings(),
        embed=embed,
    )
    return Analyser(settings, [Path(load_settings().cache)], choose_runtimes(ComputeSettings())).analyse


def resident() -> dict[str, int]:
    """Of this process, in bytes: now and at most so far."""
    lines = Path("/proc/self/status").read_text().splitlines()
    values = dict(line.split(":", 1) for line in lines)
    return {name: int(values[key].split()[0]) * 1024 for name, key in (("now", "VmRSS"), ("peak", "VmHWM"))}


def summary(worker: dict[str, Any]) -> dict[str, float]:
    """Megabytes; growth is the slope of a straight line through the samples after SETTLED photos."""
    import numpy as np

    settled = [sample for sample in worker["samples"] if sample["photos"] >= SETTLED]
    numbers, now = (np.array([sample[key] for sample in settled], float) for key in ("photos", "now"))
    slope = np.polyfit(numbers / 1000, now / 1e6, 1)[0]
    return {
        "loaded_mb": worker["samples"][0]["now"] // 10**6,
        "loading_peak_mb": worker["samples"][0]["peak"] // 10**6,
        "peak_mb": worker["samples"][-1]["peak"] // 10**6,
        "max_after_1000_mb": int(now.max()) // 10**6,
        "median_after_1000_mb": int(np.median(now)) // 10**6,
        "growth_mb_per_1000_photos": round(float(slope), 2),
    }


def draw(samples: list[dict[str, int]], path: Path) -> None:
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(8, 4), layout="constrained")
    photos = [sample["photos"] for sample in samples]
    axes.plot(photos, [sample["peak"] / 1e9 for sample in samples], color="0.6", label="highest so far")
    axes.plot(photos, [sample["now"] / 1e9 for sample in samples], label="now")
    axes.axhline(LIMIT, color="tab:red", linestyle="--", label="limit")
    axes.set(xlabel="photos analysed", ylabel="resident memory of one worker (GB)", xlim=(0, photos[-1]), ylim=(0, 1.7))
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    typer.run(main)
