"""Rules of how like a gallery's people a face is, compared by the known faces that they miss. One of them was kept as
the gallery kind `centred_cosine`; scoring_rules.py has them all.

    .venv/bin/python benchmarks/scoring.py --known LFW/known --unknown LFW/unknown --out scoring.json
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import scoring_rules as rules
import typer
from rich.console import Console
from rich.table import Table
from scoring_photos import Draw, Photo, drawn, photos_of, subjects
from timing import machine, use_threads, write

from facejoin.conf.settings import load_settings
from facejoin.jobs.evaluate.measures.open_set import INTERVAL, Trial, probe_fnir
from facejoin.udfs.vision.analyse import Analyser
from facejoin.udfs.vision.engines.runtime import choose_runtimes

FPIRS = (0.01, 0.002, 0.001)
BASELINE, KEPT, GROWING = "mean vector", "kept: mirrored references, centred", "kept, growing from the collection"
RARE = "one, known faces rare"
DRAWS = 1000  # of the bootstrap over draws
PEOPLE_DRAWS = 200  # of the one over people, which takes longer


@dataclass(frozen=True)
class Scene:
    """How galleries are drawn."""

    references: int | None  # of a person; None: all of the half
    draws: int
    known_faces: int | None = None  # in the collection, at most
    only: tuple[str, ...] = ()  # rules; none: all of them


SCENES = {
    "one": Scene(1, 40),
    "two": Scene(2, 10),
    "half": Scene(None, 5),
    RARE: Scene(1, 40, 200, (BASELINE, KEPT, GROWING)),
}


def on_both(title: str, comparison_of: Any) -> dict[str, rules.Rule]:
    """A rule with a cohort, on the mean vector's cosine and on the kept rule."""
    kinds = {BASELINE: rules.PLAIN, "kept": rules.KEPT}
    return {f"{name}, {title}": rules.cross_fitted(partial(comparison_of, kind=kind)) for name, kind in kinds.items()}


RULES: dict[str, rules.Rule] = {
    BASELINE: rules.alone(rules.mean_vector),
    "mirrored references": rules.alone(rules.mirrored),
    "centred on the gallery's common direction": rules.alone(rules.centred),
    KEPT: rules.alone(rules.kept),
    "mirrored references, centred on a cohort's mean": rules.cross_fitted(rules.centred_on_cohort),
    "kept, mirrored probes too": rules.mirrored_probes,
    "mean of the 3 most alike references": rules.alone(rules.most_alike),
    "mean vector, weighted by quality": rules.alone(rules.weighted),
    **on_both("z-norm", rules.z_norm),
    **on_both("t-norm", rules.t_norm),
    **on_both("s-norm", rules.s_norm),
    **on_both("less the person's own tail", rules.less_own_tail),
    "kept, less a third of the face's nearest strangers": rules.cross_fitted(rules.less_nearest),
    "kept, whitened by half": rules.cross_fitted(partial(rules.whitened, power=0.5)),
    "kept, whitened": rules.cross_fitted(partial(rules.whitened, power=1)),
    GROWING: rules.growing,
}


def main(
    known: Annotated[
        Path, typer.Option(help="Folder of folders, one a person: the gallery's.", exists=True, file_okay=False)
    ],
    unknown: Annotated[Path, typer.Option(help="The same of strangers.", exists=True, file_okay=False)],
    threads: Annotated[int, typer.Option(min=1)] = 1,
    out: Annotated[Path, typer.Option(help="JSON report.")] = Path("build/benchmarks/scoring.json"),
) -> None:
    use_threads(threads)
    settings = load_settings()
    analyser = Analyser(settings.vision, [Path(settings.cache)], choose_runtimes(settings.compute))
    (own, own_out), (others, others_out) = (photos_of(folder, analyser) for folder in (known, unknown))
    counts = {"known": len(own), "unknown": len(others), "without_a_face": own_out + others_out}
    report = {"machine": machine(threads), "photos": counts} | compared(own, others)
    write(report, out)
    for scene in SCENES:
        Console(width=160).print(table(scene, report["scenes"][scene]))


def compared(known: Sequence[Photo], unknown: Sequence[Photo]) -> dict[str, Any]:
    trials = {name: trials_of(scene, known, unknown) for name, scene in SCENES.items()}
    one = trials["one"]
    return {
        "scenes": {name: figures(own) for name, own in trials.items()},
        "kept_over_people": {f"{fpir:g}": over_people(one[BASELINE], one[KEPT], fpir) for fpir in FPIRS},
        "growing_where_rare": {
            f"{fpir:g}": above_kept(trials[RARE][KEPT], trials[RARE][GROWING], fpir) for fpir in FPIRS
        },
    }


def trials_of(scene: Scene, known: Sequence[Photo], unknown: Sequence[Photo]) -> dict[str, list[Trial]]:
    """Of every rule, one a draw."""
    trials: dict[str, list[Trial]] = {name: [] for name in scene.only or RULES}
    strangers = subjects(unknown)
    for seed in range(scene.draws):
        draw = _rarer(drawn(known, strangers, seed, scene.references), scene.known_faces, seed)
        for name, own in trials.items():
            own.append(trial_of(draw, RULES[name](draw)))
    return trials


def _rarer(draw: Draw, most: int | None, seed: int) -> Draw:
    rows = np.random.default_rng(seed).permutation(len(draw.known.people))[:most]
    return draw if most is None else replace(draw, known=draw.known[rows])


def trial_of(draw: Draw, similarities: rules.Similarities) -> Trial:
    known, unknown = similarities
    right = known.argmax(axis=1) == draw.known.people
    return Trial(known.max(axis=1), right, draw.known.people, unknown.max(axis=1), draw.unknown.people)


def figures(trials: Mapping[str, Sequence[Trial]]) -> dict[str, Any]:
    """Of every rule, by FPIR: the FNIR, and how much it is above that of the mean vector, in points."""
    missed = {name: {fpir: _missed(own, fpir) for fpir in FPIRS} for name, own in trials.items()}
    return {
        name: {
            f"{fpir:g}": {
                "fnir": round(100 * float(values.mean()), 3),
                "above_mean_vector": _over_draws(100 * (values - missed[BASELINE][fpir])),
            }
            for fpir, values in own.items()
        }
        for name, own in missed.items()
    }


def _missed(trials: Iterable[Trial], fpir: float) -> np.ndarray:
    """(draws,) FNIR of each."""
    return np.array([probe_fnir([trial], fpir, draws=1).value for trial in trials])


def _over_draws(differences: np.ndarray) -> list[float]:
    """[mean, low, high] with the 95 % interval of a bootstrap over draws of one collection's photos."""
    samples = np.random.default_rng(0).choice(differences, (DRAWS, len(differences))).mean(axis=1)
    return _rounded(differences.mean(), samples)


def above_kept(before: Sequence[Trial], after: Sequence[Trial], fpir: float) -> dict[str, Any]:
    """The difference in FNIR, in points: its mean with an interval over draws, its highest, and its sign by draw."""
    differences = 100 * (_missed(after, fpir) - _missed(before, fpir))
    signs = {"draws_with_more": int((differences > 0).sum()), "draws_with_fewer": int((differences < 0).sum())}
    return {"mean": _over_draws(differences), "highest": round(float(differences.max()), 3)} | signs


def over_people(before: Sequence[Trial], after: Sequence[Trial], fpir: float) -> list[float]:
    """[mean, low, high] of the difference in FNIR, in points; the bootstrap is over known and unknown people, of whom
    all draws have the same."""
    pairs = list(zip(before, after, strict=True))
    samples = [_difference([_resampled(pair, seed) for pair in pairs], fpir) for seed in range(PEOPLE_DRAWS)]
    return _rounded(_difference(pairs, fpir), np.array(samples))


def _difference(pairs: Sequence[tuple[Trial, Trial]], fpir: float) -> float:
    before, after = (_missed(trials, fpir) for trials in zip(*pairs, strict=True))
    return 100 * float(np.mean(after - before))


def _resampled(pair: tuple[Trial, Trial], seed: int) -> tuple[Trial, Trial]:
    """With other people, as the seed has it: the same ones in both, and in every draw."""
    rng = np.random.default_rng(seed)
    known, unknown = (_rows(groups, rng) for groups in (pair[0].known_groups, pair[0].unknown_groups))
    first, second = (_selected(trial, known, unknown) for trial in pair)
    return first, second


def _selected(trial: Trial, known: np.ndarray, unknown: np.ndarray) -> Trial:
    evidence, right, groups = (values[known] for values in (trial.known, trial.right, trial.known_groups))
    return Trial(evidence, right, groups, trial.unknown[unknown], trial.unknown_groups[unknown])


def _rows(groups: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """groups (n,) 0, 1, … → rows of the groups drawn, as often as they are drawn."""
    number = int(groups.max()) + 1
    return np.repeat(np.arange(len(groups)), rng.multinomial(number, np.full(number, 1 / number))[groups])


def _rounded(value: float, samples: np.ndarray) -> list[float]:
    return [round(float(one), 3) for one in (value, *np.quantile(samples, INTERVAL))]


def table(scene: str, report: Mapping[str, Any]) -> Table:
    rows = Table(f"references: {scene}", *(f"FNIR, % at FPIR {fpir:.1%}" for fpir in FPIRS), "above the mean vector")
    for name, own in report.items():
        mean, low, high = own[f"{FPIRS[-1]:g}"]["above_mean_vector"]
        rows.add_row(name, *(f"{one['fnir']:.2f}" for one in own.values()), f"{mean:+.2f} ({low:+.2f} to {high:+.2f})")
    return rows


if __name__ == "__main__":
    typer.run(main)
