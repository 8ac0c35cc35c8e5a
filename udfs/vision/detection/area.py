"""Smaller pictures of a photo, or of squares of it, each pixel the mean of those it covers.

Both classes compute what torch calls mode="area": pixel i of n covers the whole pixels from floor(i·length/n) to
ceil((i + 1)·length/n), so that neighbours may share one.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch
from numba import njit


class Areas(Protocol):
    """A photo that can be averaged."""

    width: int
    height: int

    def draw(self, level: tuple[int, int], top: int, left: int, out: torch.Tensor) -> None:
        """Into `out` (h, w, 3) float32: the part from row `top` and column `left` of the photo at the height and width
        of `level`. Where that ends, its last row and column are repeated.
        """

    def crops(self, rectangles: torch.Tensor, side: int) -> torch.Tensor:
        """rectangles (n, 4) int64: left, top, right, bottom within the photo, not empty → float32 (n, side, side, 3)"""


def areas(photo: np.ndarray, device: torch.device) -> Areas:
    """photo: uint8 (height, width, 3)."""
    return DirectAreas(photo) if device.type == "cpu" else SummedAreas(photo, device)


class DirectAreas:
    """On a processor: pixel by pixel, in compiled loops."""

    def __init__(self, photo: np.ndarray):
        self.photo = np.ascontiguousarray(photo)
        self.height, self.width = photo.shape[:2]

    def draw(self, level: tuple[int, int], top: int, left: int, out: torch.Tensor) -> None:
        _average(self.photo, (0, 0, self.width, self.height), level, top, left, out.numpy())

    def crops(self, rectangles: torch.Tensor, side: int) -> torch.Tensor:
        out = np.empty((len(rectangles), side, side, 3), np.float32)
        _average_each(self.photo, rectangles.numpy(), out)
        return torch.from_numpy(out)


class SummedAreas:
    """On a GPU: by differences of a summed-area table (Crow 1984, doi:10.1145/800031.808600)."""

    def __init__(self, photo: np.ndarray, device: torch.device):
        self.height, self.width = photo.shape[:2]
        pixels = torch.tensor(np.ascontiguousarray(photo), device=device).long()
        sums = pixels.cumsum(0).cumsum(1)
        self.sums = torch.nn.functional.pad(sums, (0, 0, 1, 0, 1, 0))  # (height + 1, width + 1, 3)

    def draw(self, level: tuple[int, int], top: int, left: int, out: torch.Tensor) -> None:
        whole = torch.tensor([[0, 0, self.width, self.height]], device=self.sums.device)
        rows = torch.arange(top, top + out.shape[0], device=out.device).clamp(max=level[0] - 1)
        columns = torch.arange(left, left + out.shape[1], device=out.device).clamp(max=level[1] - 1)
        out.copy_(self._means(whole, rows, level[0], columns, level[1])[0])

    def crops(self, rectangles: torch.Tensor, side: int) -> torch.Tensor:
        steps = torch.arange(side, device=rectangles.device)
        return self._means(rectangles, steps, side, steps, side)

    def _means(
        self, rectangles: torch.Tensor, rows: torch.Tensor, height: int, columns: torch.Tensor, width: int
    ) -> torch.Tensor:
        """Those rows and columns of each rectangle at height × width → (n, len(rows), len(columns), 3)."""
        left, right = _edges(rectangles[:, 0], rectangles[:, 2], columns, width)
        top, bottom = (edge[:, :, None] for edge in _edges(rectangles[:, 1], rectangles[:, 3], rows, height))
        left, right = left[:, None], right[:, None]
        totals = self.sums[bottom, right] - self.sums[top, right] - self.sums[bottom, left] + self.sums[top, left]
        return totals.float() / ((bottom - top) * (right - left))[..., None]


def _edges(low: torch.Tensor, high: torch.Tensor, steps: torch.Tensor, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """First and one after last pixel that each step of `count` covers between low and high, (n,) each → (n, steps)."""
    length = (high - low)[:, None]
    return low[:, None] + steps * length // count, low[:, None] + ((steps + 1) * length + count - 1) // count


@njit(nogil=True)
def _average(photo, rectangle, size, top, left, out):  # type: ignore[no-untyped-def]
    """Rows from `top` and columns from `left` of photo[rectangle] at `size` (height, width) → out (h, w, 3).

    First the covered rows are added up, then the columns of that one row: both loops run over neighbours in memory.
    """
    width, height = rectangle[2] - rectangle[0], rectangle[3] - rectangle[1]
    columns = out.shape[1]
    first = left * width // size[1]
    end = (min(left + columns, size[1]) * width + size[1] - 1) // size[1]
    starts, counts = np.empty(columns, np.uint32), np.empty(columns, np.uint32)  # unsigned: never from the end
    for j in range(columns):
        column = min(left + j, size[1] - 1)
        start = column * width // size[1]
        starts[j] = 3 * (start - first)
        counts[j] = ((column + 1) * width + size[1] - 1) // size[1] - start
    sums = np.empty(3 * (end - first), np.float32)
    for i in range(out.shape[0]):
        row = min(top + i, size[0] - 1)
        above, below = row * height // size[0], ((row + 1) * height + size[0] - 1) // size[0]
        sums[:] = 0
        for y in range(rectangle[1] + above, rectangle[1] + below):
            pixels = photo[y, rectangle[0] + first : rectangle[0] + end].reshape(-1)
            for x in range(len(sums)):
                sums[x] += pixels[x]
        means = out[i]
        for j in range(columns):
            x, count = starts[j], counts[j]
            red, green, blue = sums[x], sums[x + 1], sums[x + 2]
            for _ in range(count - 1):
                x += np.uint32(3)
                red += sums[x]
                green += sums[x + 1]
                blue += sums[x + 2]
            share = np.float32(1) / np.float32((below - above) * count)
            means[j, 0], means[j, 1], means[j, 2] = red * share, green * share, blue * share


@njit(nogil=True)
def _average_each(photo, rectangles, out):  # type: ignore[no-untyped-def]
    for n in range(len(rectangles)):
        left, top, right, bottom = rectangles[n]
        _average(photo, (left, top, right, bottom), (out.shape[1], out.shape[2]), 0, 0, out[n])
