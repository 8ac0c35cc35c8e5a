"""LFW's files of pairs: which photos are compared, and whether they show one person."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from facejoin.conf.settings import SettingsError


@dataclass(frozen=True)
class Pair:
    one: str  # NAME/NAME_0001: the photo's folder and its name without the ending
    two: str
    same: bool
    fold: int


@dataclass(frozen=True)
class Layout:
    """What the first line promises."""

    folds: int
    of_each_kind: int  # pairs of one person in a fold, and as many of two people behind them

    @property
    def rows(self) -> int:
        return self.folds * 2 * self.of_each_kind

    def place(self, row: int) -> tuple[int, bool]:
        """(fold, whether one person's) of a row, counted from 0."""
        fold, rest = divmod(row, 2 * self.of_each_kind)
        return fold, rest < self.of_each_kind


def read_pairs(file: Path) -> list[Pair]:
    """pairs.txt (first line: folds and pairs of a kind in each) or pairsDevTest.txt (pairs of a kind: one fold).

    Cells are apart by tabs or spaces; empty lines are passed over. Raises SettingsError, with the number of the line.
    """
    lines = [(number, line.strip()) for number, line in enumerate(_text(file).splitlines(), 1) if line.strip()]
    if not lines:
        raise SettingsError(f"{file} is empty: expected the number of pairs in its first line")
    (first, counts), *rows = lines
    layout = _layout(f"{file}, line {first}", counts)
    if len(rows) != layout.rows:
        promised = f"{layout.folds} x (2 x {layout.of_each_kind})"
        raise SettingsError(f"{file}, line {first} promises {promised} = {layout.rows} pairs; {len(rows)} follow")
    return [_pair(f"{file}, line {number}", line, *layout.place(row)) for row, (number, line) in enumerate(rows)]


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"cannot read the pairs file {file}: {error}") from error


def _layout(place: str, line: str) -> Layout:
    numbers = [_number(cell) for cell in line.split()]
    match numbers:
        case [int(pairs)] if pairs > 0:
            return Layout(1, pairs)
        case [int(folds), int(pairs)] if folds > 0 and pairs > 0:
            return Layout(folds, pairs)
    raise SettingsError(f"{place}: expected a number of pairs, or of folds and of pairs, got {line!r}")


def _pair(place: str, line: str, fold: int, same: bool) -> Pair:
    match _cells(line):
        case [name, one, two] if same and _are_numbers(one, two):
            return Pair(_photo(name, one), _photo(name, two), True, fold)
        case [name, one, other, two] if not same and name != other and _are_numbers(one, two):
            return Pair(_photo(name, one), _photo(other, two), False, fold)
    expected = "one person's, `name a b`" if same else "two people's, `name1 a name2 b`"
    raise SettingsError(f"{place}: expected a pair of photos of {expected}, got {line!r}")


def _cells(line: str) -> list[str]:
    """By tabs, so that a name may have spaces, unless there are too few of them."""
    cells = [cell.strip() for cell in line.split("\t")]
    return cells if len(cells) > 2 else line.split()


def _photo(name: str, number: str) -> str:
    return f"{name}/{name}_{int(number):04d}"


def _are_numbers(*cells: str) -> bool:
    return all(_number(cell) is not None for cell in cells)


def _number(cell: str) -> int | None:
    return int(cell) if cell.isascii() and cell.isdigit() else None
