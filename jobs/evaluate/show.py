"""What the command line says of an evaluation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from facejoin.jobs.show import console

if TYPE_CHECKING:  # the reports' own modules take seconds to import
    from facejoin.jobs.evaluate.detection import DetectionReport
    from facejoin.jobs.evaluate.intervals import Interval
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


def _with_interval(value: float | None, interval: Interval | None) -> str:
    return "–" if value is None or interval is None else f"{value:.4f} ({interval[0]:.4f}–{interval[1]:.4f})"
