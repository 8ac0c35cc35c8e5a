"""Many pictures of any size on canvases of one size, so that a network compiled for that size can search them all.

All lengths are in the proposal network's cells: a picture of 2·(n + MARGIN) pixels has n of them along that side.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

MARGIN = 5


@dataclass(frozen=True)
class Tile:
    """A part of a picture; its pixels reach MARGIN cells further down and to the right."""

    picture: int
    top: int  # in the picture
    left: int
    height: int
    width: int


@dataclass(frozen=True)
class Placed:
    tile: Tile
    top: int  # on the canvas
    left: int


def cut(picture: int, height: int, width: int, side: int) -> Iterator[Tile]:
    """Tiles that share out a picture of height × width cells, each small enough for a canvas of `side` cells."""
    for top, tall in _parts(height, side):
        for left, wide in _parts(width, side):
            yield Tile(picture, top, left, tall, wide)


def place(tiles: Sequence[Tile], side: int) -> list[list[Placed]]:
    """The tiles of each canvas, on few canvases: the highest first, each on the first shelf with room for it."""
    canvases: list[list[Placed]] = []
    shelves: list[_Shelf] = []
    for tile in sorted(tiles, key=lambda tile: (tile.height, tile.width), reverse=True):
        shelf = next((shelf for shelf in shelves if shelf.left + tile.width <= side), None)
        if shelf is None:
            shelf = _new_shelf(shelves, tile.height, side)
            shelves.append(shelf)
            if shelf.canvas == len(canvases):
                canvases.append([])
        canvases[shelf.canvas].append(Placed(tile, shelf.top, shelf.left))
        shelf.left += tile.width + MARGIN
    return canvases


@dataclass
class _Shelf:
    canvas: int
    top: int
    height: int
    left: int = 0


def _new_shelf(shelves: Sequence[_Shelf], height: int, side: int) -> _Shelf:
    """Below the lowest shelf of the first canvas with room, or on a new canvas."""
    lowest = {shelf.canvas: shelf for shelf in shelves}  # a canvas's later shelves lie lower
    for canvas, shelf in lowest.items():
        top = shelf.top + shelf.height + MARGIN
        if top + height <= side:
            return _Shelf(canvas, top, height)
    return _Shelf(len(lowest), 0, height)


def _parts(length: int, limit: int) -> Iterator[tuple[int, int]]:
    return ((start, min(limit, length - start)) for start in range(0, length, limit))
