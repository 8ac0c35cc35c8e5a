"""A picture as JSON, in the layout of Python's own."""

import json
from datetime import datetime

import numpy as np
import pytest

from facejoin.udfs.picture_texts import match_text, picture_text

ROW = {
    "download_url": "http://example.org/1.jpg",
    "confidence": 0.1234567,
    "similarity": 1e-7,
    "page_url": None,
    "latitude": -33.5,
    "longitude": 1e-05,
    "licence": None,
    "licence_url": None,
    "owner": "1@N00",
    "owner_name": 'Zoë \u2028 \\ "box": [',
    "title": '"box": [1]\n</script>',
    "taken": datetime(2009, 5, 1, 10, 0),
    "box": [1.25, 2.0, 3.06, 1e4],
    "width": None,
    "height": 480,
}


def within(text, depth):
    """The list of lists whose only item stands at that depth, as text."""
    opening = "\n".join(" " * level + "[" for level in range(depth))
    closing = "\n".join(" " * level + "]" for level in reversed(range(depth)))
    return f"{opening}\n{text}\n{closing}"


def test_a_picture_is_laid_out_as_in_pythons_own_results_json():
    text = within(picture_text(ROW, 3, "Perth"), 3)
    assert json.dumps(json.loads(text), indent=1, ensure_ascii=False) == text
    [[[picture]]] = json.loads(text)
    assert (picture["rank"], picture["location"], picture["dateTaken"]) == (3, "Perth", "2009-05-01 10:00:00")
    assert (picture["confidence"], picture["similarity"]) == (0.123457, 0.0)
    assert (picture["title"], picture["ownerName"]) == (ROW["title"], ROW["owner_name"])
    assert picture["box"] == [1.2, 2.0, 3.1, 10000.0]


def test_a_match_is_laid_out_as_in_pythons_own_matches_json():
    text = within(match_text("http://example.org/é.jpg", 'Ann "A"', 1 / 3), 1)
    assert json.dumps(json.loads(text), indent=1, ensure_ascii=False) == text
    assert json.loads(text) == [{"url": "http://example.org/é.jpg", "person": 'Ann "A"', "conf": 0.333333}]


@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_numbers_that_json_cannot_hold_are_refused(number):
    with pytest.raises(ValueError, match="not JSON compliant"):
        picture_text(ROW | {"similarity": number}, 0, None)
