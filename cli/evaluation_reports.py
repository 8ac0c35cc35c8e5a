"""What the command line says of an evaluation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table

from facejoin.cli.reports import console

if TYPE_CHECKING:  # the reports' own modules take seconds to import
    from facejoin.jobs.evaluate.detection import DetectionReport
    from facejoin.jobs.evaluate.identification import IdentificationReport, KindReport
    from facejoin.jobs.evaluate.measures.intervals import Interval
    from facejoin.jobs.evaluate.measures.open_set import Estimate
    from facejoin.jobs.evaluate.verification import VerificationReport


def verification(report: VerificationReport) -> None:
    folds = f"{report.folds} folds" if report.folds > 1 else "too few pairs for folds: the threshold has seen them"
    accuracy = _with_interval(report.accuracy, report.accuracy_95)
    console.print(f"verification: accuracy {accuracy}, deviation {report.deviation:.4f} ({folds})")
    for rate, tar in report.tar.items():
        accepted = _with_interval(tar, report.tar_95[rate])
        console.print(f"  at {float(rate):.1%} false accepts: {accepted} of one person's pairs accepted")
    console.print(f"  {report.pairs} pairs of {report.photos} photos, {report.undetected} of them without a face found")


def detection(report: DetectionReport) -> None:
    console.print(f"detection, faces of at least {report.min_size} pixels:")
    console.print(f"  recall {_with_interval(report.recall, report.recall_95)}: {report.found} of {report.faces} faces")
    precision = _with_interval(report.precision, report.precision_95)
    console.print(f"  precision {precision}: {report.right} of {report.detections} detections")
    alarms = f"{report.false_alarm_photos} of {report.photos_without_faces} photos without faces"
    console.print(f"  false alarms in {alarms}, of {report.photos} photos in all")


def identification(report: IdentificationReport) -> None:
    console.print(
        f"identification: {report.references} references of {report.people} people; {report.known} known and "
        f"{report.unknown} unknown photos, {report.undetected} of them without a face found"
    )
    if report.enrolled_probes:
        console.print(f"  {report.enrolled_probes} known photos left out: the gallery has them too")
    for kind, why in report.not_trained.items():
        console.print(f"  {kind} cannot be trained: {why}")
    console.print(_kinds(report))
    console.print(_misses(report))
    notes = {estimate.note for result in report.kinds.values() for estimate in result.fnir.values() if estimate.note}
    for note in sorted(notes):
        console.print(f"  {note}")
    for kind, result in report.kinds.items():
        if result.grid:
            console.print(_grid(kind, result))


def _kinds(report: IdentificationReport) -> Table:
    table = Table("kind", "accuracy", "confidence: known", "unknown", "calibration error")
    for kind, result in report.kinds.items():
        means = (result.accuracy, result.mean_confidence_known, result.mean_confidence_unknown)
        numbers = ("–" if mean is None else f"{mean:.3f}" for mean in means)
        table.add_row(kind, *numbers, f"{result.calibration.error:.4f}")
    return table


def _misses(report: IdentificationReport) -> Table:
    rates = list(next(iter(report.kinds.values())).fnir)
    table = Table("missed, % at FPIR", *(f"{float(rate):.2%}" for rate in rates))
    for kind, result in report.kinds.items():
        table.add_row(kind, *(_percent(result.fnir[rate]) for rate in rates))
    return table


def _grid(kind: str, result: KindReport) -> Table:
    rates = list(result.fnir)
    table = Table("people", "references", "rank-1", *(f"at {float(rate):.2%}" for rate in rates))
    table.title = f"{kind}: missed, % at FPIR"
    for cell in result.grid:
        depth = "all" if cell.references is None else str(cell.references)
        values = (f"{100 * cell.fnir[rate].value:.2f}" for rate in rates)
        table.add_row(str(cell.people), depth, f"{cell.rank1:.4f}", *values)
    return table


def _percent(estimate: Estimate) -> str:
    return f"{100 * estimate.value:.2f} ({100 * estimate.low:.2f}–{100 * estimate.high:.2f})"


def _with_interval(value: float | None, interval: Interval | None) -> str:
    return "–" if value is None or interval is None else f"{value:.4f} ({interval[0]:.4f}–{interval[1]:.4f})"
