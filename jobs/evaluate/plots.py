"""The curves of an evaluation, as one picture: DET, ROC and reliability."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from facejoin.jobs.evaluate.identification import IdentificationReport
from facejoin.jobs.evaluate.measures.open_set import Trial, det_curve

WIDTH, HEIGHT = 15.0, 5.0  # inches


def draw(report: IdentificationReport, trials: Mapping[str, Trial], file: Path) -> None:
    """In the format of the file's ending; trials by kind."""
    figure = Figure(figsize=(WIDTH, HEIGHT), layout="constrained")
    det, roc, calibration = figure.subplots(1, 3)
    for kind, result in report.kinds.items():
        rate, missed = det_curve(trials[kind])
        det.step(rate, missed, where="post", label=kind, linewidth=1.2)
        roc.step(rate, 1 - missed, where="post", label=kind, linewidth=1.2)
        found = result.calibration
        name = f"{kind} (error {found.error:.4f})"
        calibration.plot(found.confidence, found.right, marker="o", markersize=3, label=name)
    one_stranger, one_known = 1 / report.unknown, 1 / report.known
    det.set_xscale("symlog", linthresh=one_stranger)  # logarithmic both ways, down to one photo and none
    det.set_yscale("symlog", linthresh=one_known)
    det.set_ylim(0, 1)
    _label(det, "DET", "false-positive rate (FPIR)", "missed (FNIR)")
    det.legend(fontsize="small")
    roc.set_xscale("symlog", linthresh=one_stranger)
    _label(roc, "ROC", "false-positive rate (FPIR)", "found (TPIR)")
    calibration.plot([0, 1], [0, 1], color="grey", linewidth=0.8)
    title = f"Reliability, {report.share:g} of all faces the gallery's"
    _label(calibration, title, "confidence", "share of right ones")
    calibration.legend(fontsize="small")
    figure.savefig(file)


def _label(axes: Axes, title: str, x: str, y: str) -> None:
    axes.set(title=title, xlabel=x, ylabel=y)
    axes.grid(linewidth=0.3)
