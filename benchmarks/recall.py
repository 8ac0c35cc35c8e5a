"""How many of the true faces several detectors found, and how often they saw one where none is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from facejoin.jobs.evaluate.measures.detection import counts
from facejoin.jobs.evaluate.measures.intervals import wilson

Boxes = list[np.ndarray]  # of each photo: (n, 4) x1, y1, x2, y2 in pixels


def accuracy(truth: Boxes, crowds: Mapping[str, Boxes], empty: Mapping[str, Boxes]) -> dict[str, Any]:
    """Recall of the faces of at least 24 and 40 pixels with Wilson's 95 % interval; photos with a false alarm."""
    figures: dict[str, Any] = {
        "false_alarm_photos": {name: sum(len(boxes) > 0 for boxes in found) for name, found in empty.items()}
    }
    for least in (24, 40):
        large = sum(counts(boxes, boxes[:0], least).faces for boxes in truth)
        hits = {name: _hits(truth, found, least) for name, found in crowds.items()}
        figures[f"faces_{least}"] = {"all": large, **hits}
        figures[f"recall_{least}"] = {name: round(number / large, 4) for name, number in hits.items()}
        figures[f"recall_{least}_interval"] = {name: wilson(number, large) for name, number in hits.items()}
    return figures


def _hits(truth: Boxes, found: Boxes, least: int) -> int:
    return sum(counts(boxes, np.asarray(own), least).found for boxes, own in zip(truth, found, strict=True))
