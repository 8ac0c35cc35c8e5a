"""Who takes most of the matches, and reports of older versions."""

import pytest
from pydantic import TypeAdapter

from facejoin.jobs.store.match_report import MatchReport, taking_most


@pytest.mark.parametrize(
    "matches",
    [
        {},
        {"Ann": 0, "Bob": 0, "Cy": 0},
        {"Ann": 50, "Bob": 49, "Cy": 1},  # half is not most
        {"Ann": 90, "Bob": 10},  # of two, one has to
        {"Ann": 17, "Bob": 1, "Cy": 1},  # too few to tell
    ],
)
def test_nobody_is_named_where_nobody_takes_unusually_many(matches):
    assert taking_most(matches) is None


def test_who_takes_most_matches_is_named_with_the_share():
    named = taking_most({"Bob": 5, "Miley_Cyrus": 93, "Cy": 5})
    assert named is not None
    person, text = named
    assert person == "Miley_Cyrus"
    assert text.startswith("Miley_Cyrus has 90 % of all 103 matches: ")


def test_a_report_of_before_there_were_distributions_is_read():
    before = {
        "gallery": "g", "threshold": 0.5, "threshold_from": "as given", "faces": 2, "not_faces": 0, "matches": 1,
        "people_found": 1, "taken": 0, "people": {"Ann": 1}, "false_matches": None, "already_matched": False,
    }  # fmt: skip
    report = TypeAdapter(MatchReport).validate_python(before)
    assert (report.confidences, report.similarities, report.warnings) == (None, None, [])
