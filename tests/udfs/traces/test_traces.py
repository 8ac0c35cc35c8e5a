"""What is found in bytes, and what is not taken for it."""

from __future__ import annotations

import json
from html import escape
from urllib.parse import quote, quote_plus

import numpy as np
import pytest

from facejoin.udfs.traces.traces import Traces

ID, NSID, URL, NAME = 4000000123, "12345678@N00", "http://farm1.test/1/4000000123_a.jpg", "Zoë_O'Neil"
VECTOR = np.random.default_rng(0).normal(size=128).astype(np.float32)
TRACES = Traces(
    frozenset({ID, 42}), frozenset({NSID}), frozenset({URL}), frozenset({NAME, "Ann"}), frozenset({VECTOR.tobytes()})
)


@pytest.mark.parametrize(
    "form", [str, json.dumps, escape, quote, quote_plus, lambda text: json.dumps(json.dumps(text))]
)
@pytest.mark.parametrize(("kind", "text"), [("nsid", NSID), ("url", URL), ("name", NAME), ("name", "Ann")])
def test_a_text_is_found_however_it_is_escaped(form, kind: str, text: str) -> None:
    for around in ("{}", 'more "{}", 9', "\n{}\n", "http://x/{}/", "<b>{}</b>"):
        assert TRACES.in_text(around.format(form(text)).encode())[kind] >= 1, around


def test_a_name_is_found_as_pages_write_it_and_not_as_part_of_another() -> None:
    assert TRACES.in_text("seen: Zoë O'Neil".encode()) == {"name": 1}
    assert TRACES.in_text(rb"line\nAnn, \u003cAnn and Ann/1.jpg") == {"name": 3}
    for other in ("Anna", "MaryAnn", "Ann_Lee", "Annë", f"{NAME}l", f"1{NSID}", f"{URL}2", "http://farm1.test/1/4"):
        assert not TRACES.in_text(other.encode()), other


def test_a_number_is_found_alone_and_a_short_one_not_in_texts() -> None:
    assert TRACES.in_text(b'{"photo_id":4000000123}') == {"id": 1}
    assert not TRACES.in_text(b"14000000123 40000001234 42")
    assert TRACES.among(np.array([1, 42, ID, ID], np.int64)) == 3


@pytest.mark.parametrize("offset", range(9))
@pytest.mark.parametrize("precision", [np.float32, np.float64])
def test_a_vector_is_found_at_any_place_in_either_precision(offset: int, precision: type) -> None:
    stored = b"\0" * offset + VECTOR.astype(precision).tobytes() + b"\1" * offset
    assert TRACES.in_binary(stored) == {"vector": 1}
    assert not TRACES.in_binary(stored[: offset + 100])


def test_short_names_are_left_out_of_what_is_no_text_and_long_ones_are_not() -> None:
    noise = b"\0Ann\0" + NAME.encode() + b"\0"
    assert TRACES.in_binary(noise) == {"name": 1}


def test_where_nobody_is_looked_for_nothing_is_found() -> None:
    assert not Traces()
    assert not Traces().in_text(b"Ann 12345678 http://a")
    assert not TRACES.in_text(b"")


def test_thousands_are_found_in_one_pass() -> None:
    urls = frozenset(f"http://farm{n % 9}.test/{n}/{n}_b.jpg" for n in range(5000))
    content = " ".join(sorted(urls)).encode() + b" http://farm1.test/1/1_c.jpg"
    assert Traces(urls=urls).in_text(content) == {"url": 5000}
