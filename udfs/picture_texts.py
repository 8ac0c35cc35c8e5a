"""Pictures as the JSON that `results.json`, the page and `matches.json` are made of, in the layout of
`json.dumps(…, indent=1)`, which takes three times as long: its indenting is written in Python."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

PICTURE_DEPTH = 3  # within results.json: the list of people, a person, its list of pictures
MATCH_DEPTH = 1


def picture_text(row: Mapping[str, Any], rank: int, town: str | None) -> str:
    """A picture of the study's Figure 5, with what the page shows of it. row: columns of `matches`, `photos` and
    `results`, by name. Raises ValueError for NaN or infinity, which JSON cannot hold."""
    before = {
        "URL": row["download_url"],
        "location": town,
        "rank": rank,
        "confidence": round(row["confidence"], 6),
        "similarity": round(row["similarity"], 6),
        "pageURL": row["page_url"],
        "latitude": row["latitude"],
        "longitude": row["longitude"],
        "licence": row["licence"],
        "licenceURL": row["licence_url"],
        "owner": row["owner"],
        "ownerName": row["owner_name"],
        "title": row["title"],
        "dateTaken": None if row["taken"] is None else row["taken"].isoformat(sep=" "),
    }
    box = [round(side, 1) for side in row["box"]]
    after = {"width": row["width"], "height": row["height"]}
    line = _line(PICTURE_DEPTH + 1)
    box_lines = _line(PICTURE_DEPTH + 2) + _inside(box, PICTURE_DEPTH + 2) + line
    members = (
        f'{_inside(before, PICTURE_DEPTH + 1)},{line}"box": [{box_lines}],{line}{_inside(after, PICTURE_DEPTH + 1)}'
    )
    return _object(members, PICTURE_DEPTH)


def match_text(url: str | None, person: str, confidence: float) -> str:
    """A match of the study's Figure 4."""
    fields = {"url": url, "person": person, "conf": round(confidence, 6)}
    return _object(_inside(fields, MATCH_DEPTH + 1), MATCH_DEPTH)


def _object(members: str, depth: int) -> str:
    return f"{' ' * depth}{{{_line(depth + 1)}{members}{_line(depth)}}}"


def _inside(flat: dict[str, Any] | list[float], depth: int) -> str:
    """A dictionary or list of plain values without its brackets, one a line."""
    return _encoder(depth)(flat)[1:-1]


def _line(depth: int) -> str:
    return "\n" + " " * depth


@cache
def _encoder(depth: int) -> Callable[[Any], str]:
    return json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=("," + _line(depth), ": ")).encode
