"""Files that say where the faces of photos are."""

from __future__ import annotations

import posixpath
from collections import Counter
from pathlib import Path
from typing import Annotated, Self

import numpy as np
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    FiniteFloat,
    PositiveInt,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from facejoin.conf.settings import SettingsError

Box = tuple[FiniteFloat, FiniteFloat, FiniteFloat, FiniteFloat]
Size = tuple[int, int]  # width, height in pixels


class PhotoTruth(BaseModel):
    """One photo's faces. Further keys of the file are passed over."""

    model_config = ConfigDict(frozen=True)

    file: Annotated[str, Field(min_length=1)]  # below the folder of photos
    boxes: tuple[Box, ...]  # x1, y1, x2, y2 in pixels of a photo of this width and height; none: no face is there
    width: PositiveInt | None = None  # None: as the photo is
    height: PositiveInt | None = None

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        if (self.width is None) != (self.height is None):
            raise ValueError("expected both width and height, or neither")
        if any(x2 < x1 or y2 < y1 for x1, y1, x2, y2 in self.boxes):
            raise ValueError("expected boxes x1, y1, x2, y2 with x1 <= x2 and y1 <= y2")
        return self

    @property
    def name(self) -> str:
        """The file's path without detours."""
        return posixpath.normpath(self.file)

    @property
    def size(self) -> Size | None:
        return None if self.width is None or self.height is None else (self.width, self.height)

    def array(self) -> np.ndarray:
        """(n, 4)"""
        return np.array(self.boxes, dtype=np.float64).reshape(-1, 4)


def read_truth(file: Path) -> list[PhotoTruth]:
    """[{file, boxes: [[x1, y1, x2, y2]], width, height}] as JSON. Raises SettingsError, naming the photo."""
    try:
        photos = TypeAdapter(list[PhotoTruth]).validate_json(file.read_bytes())
    except OSError as error:
        raise SettingsError(f"cannot read the truth file {file}: {error}") from error
    except ValidationError as error:
        raise SettingsError(f"{file}: {_first(error)}") from error
    if not photos:
        raise SettingsError(f"{file} lists no photo")
    [(name, times)] = Counter(photo.name for photo in photos).most_common(1)
    if times > 1:
        raise SettingsError(f"{file} lists {name} {times} times")
    return photos


def _first(error: ValidationError) -> str:
    """Where and what the first fault is, and how many there are."""
    first, *others = error.errors(include_url=False)
    place = f"photo {first['loc'][0]} (from 0), {'.'.join(map(str, first['loc'][1:]))}: " if first["loc"] else ""
    more = f"; {len(others)} more faults" if others else ""
    return f"{place.replace(', :', ':')}{first['msg']}{more}"
