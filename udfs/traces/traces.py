"""What must be found nowhere: numbers, NSIDs, URLs, names and vectors; and how often they are, in some bytes."""

from __future__ import annotations

import html
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import quote, quote_plus

import numpy as np

ANCHOR = 8  # bytes of a pattern by which many are found in one pass
FEWEST_DIGITS = 6  # of a photo id that is looked for in texts: a shorter number stands everywhere
WORD = rb"[0-9A-Za-z_\x80-\xff]"
STARTS = re.compile(rb"(?:^|[^0-9A-Za-z_\x80-\xff]|\\[bfnrt]|\\u[0-9A-Fa-f]{4}|%[0-9A-Fa-f]{2})\Z")
LONGEST_ESCAPE = 6  # bytes before a word that can be an escape: \u003c
ID, NSID, URL, NAME, VECTOR = "id", "nsid", "url", "name", "vector"


@dataclass(frozen=True)
class Pattern:
    """Bytes that stand for something. A word stands for it only where it does not go on in a longer one."""

    kind: str
    content: bytes
    is_word: bool


@dataclass(frozen=True)
class Traces:
    """Of photos, owners and people."""

    ids: frozenset[int] = frozenset()
    nsids: frozenset[str] = frozenset()
    urls: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()  # of people in galleries
    vectors: frozenset[bytes] = frozenset()  # float32

    def __bool__(self) -> bool:
        return any((self.ids, self.nsids, self.urls, self.names, self.vectors))

    def in_text(self, content: bytes) -> Counter[str]:
        """How often any is in UTF-8 text, plain or escaped as JSON, HTML and URLs do."""
        return Counter(kind for kind, _ in self._found(content, self._patterns + self._short_patterns))

    def in_binary(self, content: bytes) -> Counter[str]:
        """The same without names of a few letters, which stand in any megabyte by chance."""
        return Counter(kind for kind, _ in self._found(content, self._patterns))

    def among(self, numbers: np.ndarray) -> int:
        """How many of (n,) whole numbers are ids."""
        return int(np.isin(numbers, np.fromiter(self.ids, np.int64)).sum())

    @cached_property
    def _all_patterns(self) -> list[Pattern]:
        return [*dict.fromkeys(self._words()), *(Pattern(VECTOR, piece, False) for piece in self._vectors())]

    @cached_property
    def _patterns(self) -> list[Pattern]:
        return [pattern for pattern in self._all_patterns if len(pattern.content) >= ANCHOR]

    @cached_property
    def _short_patterns(self) -> list[Pattern]:
        return [pattern for pattern in self._all_patterns if len(pattern.content) < ANCHOR]

    def _words(self) -> Iterator[Pattern]:
        long_ids = (str(number) for number in self.ids if number >= 10 ** (FEWEST_DIGITS - 1))
        spoken = self.names | {name.replace("_", " ") for name in self.names}  # as figures and the page have them
        for kind, texts in ((ID, long_ids), (NSID, self.nsids), (URL, self.urls), (NAME, spoken)):
            yield from (Pattern(kind, form, True) for text in texts for form in _forms(text))

    def _vectors(self) -> Iterator[bytes]:
        """As embedded, and in the double precision that classifiers keep."""
        for vector in self.vectors:
            yield vector
            yield np.frombuffer(vector, np.float32).astype(np.float64).tobytes()

    @cached_property
    def _anchors(self) -> tuple[np.ndarray, list[list[Pattern]]]:
        """(sorted anchors, the patterns of each). A text's anchor is its end, for many begin alike."""
        of: dict[int, list[Pattern]] = {}
        for pattern in self._patterns:
            of.setdefault(int.from_bytes(_anchor(pattern), "little"), []).append(pattern)
        anchors = sorted(of)
        return np.array(anchors, np.uint64), [of[anchor] for anchor in anchors]

    def _found(self, content: bytes, patterns: list[Pattern]) -> Iterator[tuple[str, int]]:
        """(kind, place) of each."""
        yield from self._found_by_anchor(content)
        for pattern in patterns:
            if len(pattern.content) < ANCHOR:
                places = (match.start() for match in re.finditer(re.escape(pattern.content), content))
                yield from ((pattern.kind, place) for place in places if _stands(pattern, content, place))

    def _found_by_anchor(self, content: bytes) -> Iterator[tuple[str, int]]:
        anchors, patterns = self._anchors
        if not len(anchors):
            return
        for phase in range(min(ANCHOR, max(len(content) - ANCHOR + 1, 0))):
            words = np.frombuffer(content, "<u8", (len(content) - phase) // ANCHOR, phase)
            nearest = np.minimum(np.searchsorted(anchors, words), len(anchors) - 1)
            for hit in np.flatnonzero(anchors[nearest] == words):
                for pattern in patterns[nearest[hit]]:
                    end = phase + int(hit) * ANCHOR + ANCHOR
                    place = end - (ANCHOR if pattern.kind == VECTOR else len(pattern.content))
                    if place >= 0 and content.startswith(pattern.content, place) and _stands(pattern, content, place):
                        yield pattern.kind, place


def _anchor(pattern: Pattern) -> bytes:
    return pattern.content[:ANCHOR] if pattern.kind == VECTOR else pattern.content[-ANCHOR:]


def _stands(pattern: Pattern, content: bytes, place: int) -> bool:
    """Whether what is at this place is all of a word."""
    if not pattern.is_word:
        return True
    before = content[max(place - LONGEST_ESCAPE, 0) : place]
    after = content[place + len(pattern.content) : place + len(pattern.content) + 1]
    return bool(STARTS.search(before)) and not re.match(WORD, after)


def _forms(text: str) -> Iterable[bytes]:
    """The text as UTF-8, and escaped."""
    in_json = json.dumps(text)[1:-1]
    forms = (text, in_json, in_json.upper() if "\\u" in in_json else in_json, html.escape(text), quote(text, safe=""))
    more = (json.dumps(text, ensure_ascii=False)[1:-1], quote(text), quote_plus(text), json.dumps(in_json)[1:-1])
    return {form.encode("utf-8", errors="replace") for form in (*forms, *more)}
