"""`facejoin evaluate identification` on several halves of one folder of labelled photos, and the mean over them.

Half of each known person's photos is enrolled, as `facejoin demo --photos` draws it; the other half is searched for.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.table import Table
from timing import write

from facejoin.demo.folder_collection import make_collection_of

ANY_PORT = 9  # nothing is served
MEANS = ("accuracy", "mean_confidence_known", "mean_confidence_unknown")


def main(
    photos: Annotated[
        Path, typer.Option(help="known/Name/*.jpg and unknown/Name/*.jpg.", exists=True, file_okay=False)
    ],
    halves: Annotated[int, typer.Option(min=1, help="How many; by the seeds 0, 1 …")] = 5,
    out: Annotated[Path, typer.Option(help="JSON report.")] = Path("build/benchmarks/identification.json"),
) -> None:
    reports = [evaluated(photos.absolute(), seed) for seed in range(halves)]
    means = {kind: mean_of([report["kinds"][kind] for report in reports]) for kind in reports[0]["kinds"]}
    write({"mean": means, "halves": reports}, out)
    Console(width=120).print(table(means))


def evaluated(photos: Path, seed: int) -> dict[str, Any]:
    """The command's report of one half."""
    with tempfile.TemporaryDirectory() as scratch:
        collection = make_collection_of(photos, Path(scratch) / "collection", ANY_PORT, seed=seed)
        known, report = Path(scratch) / "known", Path(scratch) / "report.json"
        for photo in sorted((photos / "known").glob("*/*")):
            if not (collection.gallery / photo.parent.name / photo.name).exists():
                (known / photo.parent.name).mkdir(parents=True, exist_ok=True)
                (known / photo.parent.name / photo.name).symlink_to(photo)
        facejoin = Path(sys.executable).with_name("facejoin")
        folders: list[str | Path] = ["--gallery", collection.gallery, "--known", known, "--unknown", photos / "unknown"]
        command = [facejoin, "evaluate", "identification", "--no-grid", *folders, "--out", report]
        subprocess.run(command, check=True)
        return json.loads(report.read_text())


def mean_of(halves: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Of one kind, over the halves; misses by FPIR."""
    missed = {rate: float(np.mean([half["fnir"][rate]["value"] for half in halves])) for rate in halves[0]["fnir"]}
    return {name: float(np.mean([half[name] for half in halves])) for name in MEANS} | {"fnir": missed}


def table(means: dict[str, Any]) -> Table:
    rates = next(iter(means.values()))["fnir"]
    rows = Table("kind", "accuracy", "confidence: known", "unknown", *(f"missed, % at {float(r):.2%}" for r in rates))
    for kind, mean in means.items():
        shares = (f"{mean[name]:.4f}" for name in MEANS)
        rows.add_row(kind, *shares, *(f"{100 * mean['fnir'][rate]:.2f}" for rate in rates))
    return rows


if __name__ == "__main__":
    typer.run(main)
