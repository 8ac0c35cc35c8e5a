"""The curves of an evaluation, as one picture: DET, ROC and reliability."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from facejoin.jobs.evaluate.identification import IdentificationReport, KindReport
from facejoin.udfs.recognition.measure_open_set import Trial, curve

WIDTH, HEIGHT = 15.0, 5.0  # inches


def draw(report: IdentificationReport, trials: Mapping[str, Trial], file: Path) -> None:
    """In the format of the file's ending; trials by kind."""
    figure = Figure(figsize=(WIDTH, HEIGHT), layout="constrained")
    det, roc, trust = figure.subplots(1, 3)
    for kind, result in report.kinds.items():
        rate, missed = curve(trials[kind])
        _step(det, rate, missed, kind)
        _step(roc, rate, 1 - missed, kind)
        _reliability(trust, result, kind)
    _label_det(det, report)
    _label(roc, "ROC", "false-positive rate (FPIR)", "found (TPIR)")
    roc.set_xscale("symlog", linthresh=_one(report))
    trust.plot([0, 1], [0, 1], color="grey", linewidth=0.8)
    _label(trust, f"Reliability, {report.share:g} of all faces the gallery's", "confidence", "share of right ones")
    trust.legend(fontsize="small")
    figure.savefig(file)


def _step(axes: Axes, rate: np.ndarray, value: np.ndarray, kind: str) -> None:
    axes.step(rate, value, where="post", label=kind, linewidth=1.2)


def _reliability(axes: Axes, result: KindReport, kind: str) -> None:
    found = result.calibration
    axes.plot(found.confidence, found.right, marker="o", markersize=3, label=f"{kind} (error {found.error:.4f})")


def _label_det(axes: Axes, report: IdentificationReport) -> None:
    """Logarithmic both ways, down to one photo and none."""
    axes.set_xscale("symlog", linthresh=_one(report))
    axes.set_yscale("symlog", linthresh=1 / report.known)
    axes.set_ylim(0, 1)
    _label(axes, "DET", "false-positive rate (FPIR)", "missed (FNIR)")
    axes.legend(fontsize="small")


def _one(report: IdentificationReport) -> float:
    return 1 / report.unknown


def _label(axes: Axes, title: str, x: str, y: str) -> None:
    axes.set(title=title, xlabel=x, ylabel=y)
    axes.grid(linewidth=0.3)
