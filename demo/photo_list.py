"""Photo lists in the two layouts of YFCC100M: tab-separated lines of 23 or of 25 columns, compressed with bzip2."""

from __future__ import annotations

import bz2
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import quote_plus

Layout = Literal[23, 25]


@dataclass(frozen=True)
class PhotoRow:
    """One photo of a list. Text is plain here; the line holds it form-URL-encoded. None is an empty field."""

    photo_id: int
    owner: str  # NSID, such as 12345678@N00
    nickname: str
    taken: str  # YYYY-MM-DD HH:MM:SS.0, or the word null
    uploaded: int  # Unix seconds
    device: str
    title: str
    description: str
    tags: tuple[str, ...]
    machine_tags: tuple[str, ...]
    longitude: float | None  # degrees
    latitude: float | None  # degrees
    accuracy: int | None  # 1 world to 16 street
    download_url: str
    licence: str
    licence_url: str
    server: int
    farm: int
    secret: str
    original_secret: str
    extension: str
    marker: Literal[0, 1] = 0  # 0 photo, 1 video

    @property
    def page_url(self) -> str:
        return f"http://www.flickr.com/photos/{self.owner}/{self.photo_id}/"

    @property
    def photo_hash(self) -> str:
        """32 hexadecimal digits, as the 25-column layout has; here they stand for the id, not for the pixels."""
        return hashlib.md5(str(self.photo_id).encode(), usedforsecurity=False).hexdigest()


def write_photo_list(path: Path, rows: Iterable[PhotoRow], layout: Layout) -> None:
    """`rows` as a bzip2 photo list with `layout` columns; the same rows give the same bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bz2.compress("".join(_lines(rows, layout)).encode()))


def _lines(rows: Iterable[PhotoRow], layout: Layout) -> Iterator[str]:
    for number, row in enumerate(rows):
        columns = _columns(row)
        if layout == 25:
            columns = [str(number), columns[0], row.photo_hash, *columns[1:]]
        yield "\t".join(columns) + "\n"


def _columns(row: PhotoRow) -> list[str]:
    """The 23 columns, in order."""
    encoded = [quote_plus(text) for text in (row.device, row.title, row.description)]
    place = [_degrees(row.longitude), _degrees(row.latitude), "" if row.accuracy is None else str(row.accuracy)]
    return [
        *(str(row.photo_id), row.owner, quote_plus(row.nickname), row.taken, str(row.uploaded), *encoded),
        *(_tags(row.tags), _tags(row.machine_tags), *place, row.page_url, row.download_url),
        *(row.licence, row.licence_url, str(row.server), str(row.farm), row.secret, row.original_secret),
        *(row.extension, str(row.marker)),
    ]


def _tags(tags: tuple[str, ...]) -> str:
    return ",".join(quote_plus(tag) for tag in tags)  # a comma inside a tag becomes %2C, so the line splits back


def _degrees(value: float | None) -> str:
    return "" if value is None else f"{value:.6f}"
