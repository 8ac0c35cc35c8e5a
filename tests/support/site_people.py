"""People as `results.json` has them → what `write_site` takes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from facejoin.udfs.write_pictures import PICTURES
from facejoin.viewer.site import Person

AROUND = 3  # lines before and after the pictures: the list of people, a person, the list of pictures


def as_people(results: Sequence[Mapping[str, Any]], warning: str | None = None) -> Iterator[Person]:
    for person in results:
        pictures = person["foundPics"]
        placed = sum(picture.get("location") is not None for picture in pictures)
        files = (_text(pictures[first : first + PICTURES], AROUND) for first in range(0, len(pictures), PICTURES))
        yield Person(person["name"], person["profilePic"], len(pictures), placed, files, warning)


def as_matches(matches: Sequence[Mapping[str, Any]]) -> Iterator[bytes]:
    return (_text([match], 1) for match in matches)


def _text(items: Sequence[Mapping[str, Any]], depth: int) -> bytes:
    within: Any = [*items]
    for _ in range(depth - 1):
        within = [within]
    lines = json.dumps(within, indent=1, ensure_ascii=False).split("\n")
    return "\n".join(lines[depth:-depth]).encode(errors="replace")
