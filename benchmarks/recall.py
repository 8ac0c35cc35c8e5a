"""How many of the true faces a detector found, and how often it saw one where none is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from scipy.stats import binomtest
from torchvision.ops import box_iou

SAME = 0.5  # overlap from which a detection has found a face

Boxes = list[np.ndarray]  # of each photo: (n, 4) x1, y1, x2, y2 in pixels


def accuracy(truth: Boxes, crowds: Mapping[str, Boxes], empty: Mapping[str, Boxes]) -> dict[str, Any]:
    """Recall of the faces of at least 24 and 40 pixels with Wilson's 95 % interval; photos with a false alarm."""
    figures: dict[str, Any] = {
        "false_alarm_photos": {name: sum(len(boxes) > 0 for boxes in found) for name, found in empty.items()}
    }
    for least in (24, 40):
        large = [boxes[(boxes[:, 2:] - boxes[:, :2]).min(1) >= least] for boxes in truth]
        count = sum(map(len, large))
        hits = {name: sum(map(_hits, large, found)) for name, found in crowds.items()}
        figures[f"faces_{least}"] = {"all": count, **hits}
        figures[f"recall_{least}"] = {name: round(number / count, 4) for name, number in hits.items()}
        figures[f"recall_{least}_interval"] = {name: interval(number, count) for name, number in hits.items()}
    return figures


def _hits(truth: np.ndarray, found: np.ndarray) -> int:
    if not len(truth) or not len(found):
        return 0
    overlaps = box_iou(torch.from_numpy(truth).double(), torch.from_numpy(found).double())
    return int((overlaps.amax(1) >= SAME).sum())


def interval(hits: int, count: int) -> list[float]:
    return [round(float(end), 3) for end in binomtest(hits, count).proportion_ci(method="wilson")]
