"""LFW's verification test: do two photos show one person? Accuracy of the analyser's vectors, with its intervals."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from recall import interval

from facejoin.conf.settings import ComputeSettings, DecodeSettings, EmbedSettings, Settings, VisionSettings
from facejoin.udfs.vision.analyse import Analysis, analyser
from facejoin.udfs.vision.runtime import choose_runtime

Pair = tuple[str, str, bool]  # two photos, and whether they show one person
FOLDS = 10
FALSE_ACCEPTS = 0.01  # share of the different pairs
BATCH = 32


def read_pairs(file: Path) -> list[Pair]:
    """LFW's format: name, number, number of one person; or name, number, name, number of two."""
    rows = [line.split() for line in file.read_text().splitlines()[1:]]
    same = [(photo(name, a), photo(name, b), True) for name, a, b in (row for row in rows if len(row) == 3)]
    other = [(photo(one, a), photo(two, b), False) for one, a, two, b in (row for row in rows if len(row) == 4)]
    return same + other


def photo(name: str, number: str) -> str:
    return f"{name}_{int(number):04d}.jpg"


def vectors(files: dict[str, Path], names: list[str], model: str) -> dict[str, np.ndarray]:
    """Of the largest face in each photo; zeros where there is none."""
    settings = VisionSettings(decode=DecodeSettings(min_bytes=0), embed=EmbedSettings(model=model))
    networks = analyser(settings, (Path(Settings().cache).expanduser(),), choose_runtime(ComputeSettings()))
    found: list[Analysis] = []
    for start in range(0, len(names), BATCH):
        found += networks.analyse([files[name].read_bytes() for name in names[start : start + BATCH]])
    nothing = np.zeros(networks.embedder.kind.dimensions, np.float32)
    largest = [max(analysis.faces, key=lambda face: face.size, default=None) for analysis in found]
    return {name: face.embedding if face else nothing for name, face in zip(names, largest, strict=True)}


def accuracy(scores: np.ndarray, same: np.ndarray) -> float:
    """Each fold judged with the threshold that is best on the other folds."""
    folds = np.arange(len(scores)) % FOLDS
    right = [np.mean((scores >= best_threshold(scores[folds != k], same[folds != k]))[folds == k] == same[folds == k])
             for k in range(FOLDS)]  # fmt: skip
    return float(np.mean(right))


def best_threshold(scores: np.ndarray, same: np.ndarray) -> float:
    return float(max(scores, key=lambda threshold: np.mean((scores >= threshold) == same)))


def report(scores: np.ndarray, same: np.ndarray) -> dict[str, object]:
    threshold = np.quantile(scores[~same], 1 - FALSE_ACCEPTS)
    accepted = int(np.sum(scores[same] > threshold))
    right = accuracy(scores, same)
    return {
        "pairs": len(scores),
        "accuracy": right,
        "accuracy_95": interval(round(right * len(scores)), len(scores)),
        "true_accepts": accepted / int(same.sum()),
        "true_accepts_95": interval(accepted, int(same.sum())),
        "false_accepts": FALSE_ACCEPTS,
    }


def main(
    photos: Annotated[Path, typer.Option(help="Folder that is searched for LFW's photos.", exists=True)],
    pairs: Annotated[Path, typer.Option(help="pairsDevTest.txt or a file like it.", exists=True)],
    model: Annotated[str, typer.Option()] = "sface",
    out: Annotated[Path, typer.Option(help="JSON report.")] = Path("build/benchmarks/verification.json"),
) -> None:
    tests = read_pairs(pairs)
    files = {path.name: path for path in photos.rglob("*.jpg")}
    names = sorted({name for one, two, _ in tests for name in (one, two)})
    vector = vectors(files, names, model)
    scores = np.array([vector[one] @ vector[two] for one, two, _ in tests])
    text = json.dumps(report(scores, np.array([same for _, _, same in tests])), indent=2)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(text)
    typer.echo(text)


if __name__ == "__main__":
    typer.run(main)
