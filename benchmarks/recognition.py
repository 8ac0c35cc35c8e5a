"""What a detector does to recognition: LFW's pairs, and searches of galleries with half of all photos or one photo a
person as references, with each detector's boxes and landmarks; the differences from MTCNN's on the same photos.

    .venv/bin/python benchmarks/recognition.py --photos LFW --pairs LFW/pairsDevTest.txt
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.table import Table
from scoring import Scene, over_people, trial_of
from scoring_photos import Photo, drawn, photos_of, subjects
from scoring_rules import alone, kept
from timing import machine, use_threads, write

from facejoin.conf.settings import DetectSettings, MtcnnSettings, Settings, YunetSettings, load_settings
from facejoin.jobs.downloads.weights import fetch_needed_weights
from facejoin.jobs.evaluate.measures.intervals import wilson
from facejoin.jobs.evaluate.measures.open_set import INTERVAL, Trial, probe_fnir
from facejoin.jobs.evaluate.measures.pairs import cross_validation_folds, fold_accuracies, true_accepts
from facejoin.jobs.evaluate.pairs import Pair, read_pairs
from facejoin.udfs.vision.analyse import analyser
from facejoin.udfs.vision.engines.runtime import choose_runtimes

BASELINE = "mtcnn"
DETECTORS: dict[str, DetectSettings] = {
    BASELINE: MtcnnSettings(),
    "yunet": YunetSettings(),
    "yunet, its own landmarks": YunetSettings(landmarks="own"),
}
SCENES = {"half": Scene(None, 5), "one": Scene(1, 40)}  # references; the halves of the seeds 0 to 4
FPIRS = (0.01, 0.001)
RATES = (0.01, 0.001)  # of false accepts
DRAWS = 1000  # of the bootstrap over pairs

Chosen = dict[str, list[Photo]]  # known and unknown


def main(
    photos: Annotated[
        Path, typer.Option(help="known/Name/*.jpg and unknown/Name/*.jpg.", exists=True, file_okay=False)
    ],
    pairs: Annotated[Path, typer.Option(help="LFW's list of pairs of them.", exists=True, dir_okay=False)],
    threads: Annotated[int, typer.Option(min=1)] = 1,
    out: Annotated[Path, typer.Option(help="JSON report.")] = Path("build/benchmarks/recognition.json"),
) -> None:
    use_threads(threads)
    settings = load_settings()
    found = {name: found_by(detect, photos, settings) for name, detect in DETECTORS.items()}
    common = in_common([chosen for chosen, _ in found.values()])
    undetected = {name: missing for name, (_, missing) in found.items()}
    report = {"machine": machine(threads), "undetected": undetected} | compared(common, read_pairs(pairs))
    write(report, out)
    Console(width=140).print(table(report))


def found_by(detect: DetectSettings, photos: Path, settings: Settings) -> tuple[Chosen, int]:
    """(the photos in which it finds a face, how many others there are)"""
    vision = settings.vision.model_copy(update={"detect": detect})
    fetch_needed_weights(settings.networks.model_copy(update={"vision": vision}))
    networks = analyser(vision, (Path(settings.cache).expanduser(),), choose_runtimes(settings.compute))
    parts = {part: photos_of(photos / part, networks) for part in ("known", "unknown")}
    return {part: own for part, (own, _) in parts.items()}, sum(missing for _, missing in parts.values())


def in_common(found: Sequence[Chosen]) -> dict[str, Chosen]:
    """By detector, the photos in which each of them finds a face, so that all draw the same ones."""
    shared = {
        part: set.intersection(*({photo.reference.file for photo in chosen[part]} for chosen in found))
        for part in found[0]
    }
    return {
        name: {part: [one for one in own if one.reference.file in shared[part]] for part, own in chosen.items()}
        for name, chosen in zip(DETECTORS, found, strict=True)
    }


def compared(common: Mapping[str, Chosen], pairs: Sequence[Pair]) -> dict[str, Any]:
    trials = {name: {scene: trials_of(chosen, own) for scene, own in SCENES.items()} for name, chosen in common.items()}
    scores = {name: scores_of(chosen, pairs) for name, chosen in common.items()}
    same = np.array([pair.same for pair in pairs])
    asked = ~np.isnan(scores[BASELINE])  # both photos are there
    scores, same = {name: own[asked] for name, own in scores.items()}, same[asked]
    others = [name for name in DETECTORS if name != BASELINE]
    return {
        "photos": {part: len(own) for part, own in common[BASELINE].items()},
        "pairs": len(same),
        "detectors": {name: figures(trials[name], scores[name], same) for name in DETECTORS},
        "above_mtcnn": {
            name: {
                **{scene: differences(trials[BASELINE][scene], trials[name][scene]) for scene in SCENES},
                "pairs": {
                    what: difference(measure, scores[BASELINE], scores[name], same)
                    for what, measure in MEASURES.items()
                },
            }
            for name in others
        },
    }


def trials_of(chosen: Chosen, scene: Scene) -> list[Trial]:
    """The kept rule's, one a draw."""
    strangers = subjects(chosen["unknown"])
    draws = (drawn(chosen["known"], strangers, seed, scene.references) for seed in range(scene.draws))
    return [trial_of(draw, alone(kept)(draw)) for draw in draws]


def scores_of(chosen: Chosen, pairs: Sequence[Pair]) -> np.ndarray:
    """(n,) cosines; NaN where a photo is not among them."""
    vectors = {
        Path(one.reference.file).with_suffix("").as_posix(): one.subject.embedding
        for own in chosen.values()
        for one in own
    }
    missing = np.full(len(next(iter(vectors.values()))), np.nan)
    return np.array([vectors.get(pair.one, missing) @ vectors.get(pair.two, missing) for pair in pairs])


def accuracy(scores: np.ndarray, same: np.ndarray) -> float:
    return float(fold_accuracies(scores, same, cross_validation_folds(same)).mean())


def accepted(rate: float) -> Callable[[np.ndarray, np.ndarray], float]:
    return lambda scores, same: true_accepts(scores, same, rate) / int(same.sum())


MEASURES = {"accuracy": accuracy, **{f"tar_{rate:g}": accepted(rate) for rate in RATES}}


def figures(trials: Mapping[str, Sequence[Trial]], scores: np.ndarray, same: np.ndarray) -> dict[str, Any]:
    """Shares, with 95 % intervals: over people for FNIR, Wilson's for pairs."""
    rates = {what: measure(scores, same) for what, measure in MEASURES.items()}
    counts = {what: len(same) if what == "accuracy" else int(same.sum()) for what in rates}
    return {
        **{scene: {f"{fpir:g}": vars(probe_fnir(own, fpir, 200)) for fpir in FPIRS} for scene, own in trials.items()},
        "pairs": {what: [rate, wilson(round(rate * counts[what]), counts[what])] for what, rate in rates.items()},
    }


def differences(before: Sequence[Trial], after: Sequence[Trial]) -> dict[str, list[float]]:
    return {f"{fpir:g}": over_people(before, after, fpir) for fpir in FPIRS}


def difference(
    measure: Callable[[np.ndarray, np.ndarray], float], before: np.ndarray, after: np.ndarray, same: np.ndarray
) -> list[float]:
    """[points above, low, high] with the 95 % interval of a bootstrap over pairs, the same ones for both."""
    rng = np.random.default_rng(0)
    samples = [
        measure(after[rows], same[rows]) - measure(before[rows], same[rows])
        for rows in (rng.integers(0, len(same), len(same)) for _ in range(DRAWS))
    ]
    value = measure(after, same) - measure(before, same)
    return [round(100 * float(one), 3) for one in (value, *np.quantile(samples, INTERVAL))]


def table(report: Mapping[str, Any]) -> Table:
    scenes = [(scene, f"{fpir:g}") for scene in SCENES for fpir in FPIRS]
    rows = Table("detector", *MEASURES, *(f"FNIR, {scene}, at {float(fpir):.1%}" for scene, fpir in scenes))
    for name, own in report["detectors"].items():
        pairs = (f"{own['pairs'][what][0]:.4f}" for what in MEASURES)
        rows.add_row(name, *pairs, *(f"{100 * own[scene][fpir]['value']:.2f} %" for scene, fpir in scenes))
    for name, own in report["above_mtcnn"].items():
        cells = [own["pairs"][what] for what in MEASURES] + [own[scene][fpir] for scene, fpir in scenes]
        rows.add_row(f"{name}: points above", *("{:+.2f} ({:+.2f} to {:+.2f})".format(*cell) for cell in cells))
    return rows


if __name__ == "__main__":
    typer.run(main)
