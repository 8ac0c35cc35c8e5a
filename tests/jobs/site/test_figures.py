"""Figures as SVG: always well formed, alike from alike numbers, whatever the names and however few the matches."""

import re
from xml.etree import ElementTree

import pytest
from matplotlib import rc_context
from pyspark.sql import Row

from facejoin.jobs.site.figures import site_figures
from facejoin.jobs.site.tally import tally

SVG = "{http://www.w3.org/2000/svg}"


def drawn(names, matches, told=True):
    """names, how many matches each has, whether the false ones are known → the three site_figures."""
    people = [Row(person=name, references=10 + number) for number, name in enumerate(names)]
    found = [
        Row(person=name, confidence=0.5 + number % 7 / 20, similarity=0.4 + number % 11 / 30)
        for name, count in zip(names, matches, strict=True)
        for number in range(count)
    ]
    return site_figures(tally(people, found, dict.fromkeys(names, 0.25) if told else None))


def texts(drawing):
    return ["".join(text.itertext()) for text in ElementTree.fromstring(drawing.svg).iter(f"{SVG}text")]


@pytest.mark.parametrize(
    ("names", "matches"),
    [([], []), (["Ann"], [0]), (["Ann"], [1]), (["Ann"], [9]), (["Ann", "Bob"], [0, 0]), (["A", "B", "C"], [9, 1, 0])],
)
@pytest.mark.parametrize("told", [True, False])
@pytest.mark.filterwarnings("error")
def test_few_people_and_matches_are_drawn_without_a_complaint(names, matches, told):
    for drawing in drawn(names, matches, told):
        assert ElementTree.fromstring(drawing.svg).tag == f"{SVG}svg"
        assert "nan" not in (drawing.alt + drawing.caption).lower().split()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("confidences", [[1.0] * 5, [1.0, 0.9999999999999999], [0.0, 1.0], [0.0]])
def test_confidences_that_pile_up_are_drawn(confidences):
    found = [Row(person="Ann", confidence=value, similarity=value) for value in confidences]
    drawings = site_figures(tally([Row(person="Ann", references=3)], found, None))
    assert [ElementTree.fromstring(drawing.svg).tag for drawing in drawings] == [f"{SVG}svg"] * 3


def test_what_piles_up_at_the_end_is_said():
    found = [Row(person="Ann", confidence=value, similarity=0.5) for value in (0.5, 0.99, 1.0, 1.0)]
    assert "75.0% of the confidences are 0.99 or more" in site_figures(tally([], found, None))[0].caption


def test_the_log_normal_is_the_red_line_over_the_confidences_alone():
    confidences, training, people = drawn(["Ann", "Bob"], [20, 9])
    assert confidences.svg.count("stroke: #ff0000") == 2  # the curve, and its line in the legend
    assert "log-normal" in texts(confidences)
    assert "μ" in confidences.alt
    assert "σ" in confidences.alt
    assert not any("#ff0000" in drawing.svg for drawing in (training, people))


def test_the_same_numbers_make_the_same_bytes_whatever_the_users_style():
    once = drawn(["Ann", "Bob"], [20, 9])
    with rc_context({"font.size": 30, "axes.facecolor": "black", "svg.fonttype": "path"}):
        assert drawn(["Ann", "Bob"], [20, 9]) == once
    assert not any(re.search(r"<dc:date>|matplotlib v", drawing.svg, re.IGNORECASE) for drawing in once)


def test_false_matches_stand_beside_the_matches_where_they_are_known():
    *_, known = drawn(["Ann", "Bob"], [20, 9], told=True)
    *_, unknown = drawn(["Ann", "Bob"], [20, 9], told=False)
    assert "false ones expected" in texts(known)
    assert texts(known).count("0.25") == 2
    assert "false ones expected" not in texts(unknown)
    assert "too few strangers are known" in unknown.caption


def test_of_many_people_forty_with_the_most_matches_are_shown_and_it_is_said():
    names = [f"Person_{number}" for number in range(5_000)]
    *_, people = drawn(names, [number % 50 for number in range(5_000)])
    shown = [text for text in texts(people) if text.startswith("Person")]
    assert len(shown) == 40
    assert "The 40 with the most of 5,000 people." in people.caption
    assert all(int(name.removeprefix("Person ")) % 50 == 49 for name in shown)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("José_Saramago", "José Saramago"),
        ("村上春樹", "村上春樹"),
        ("$\\frac$_$", "$\\frac$ $"),
        ("</text><script>x</script>", "</text><script>x</script>"),
        ("-->_]]>", "--> ]]>"),
        ("a\x01b\nc\ud800", "a\ufffdb\ufffdc\ufffd"),
        ("n" * 99, "n" * 27 + "…"),
    ],
)
def test_any_name_is_shown_as_text(name, shown):
    *_, people = drawn([name], [3])
    assert shown in texts(people)
    assert people.svg.encode()  # no lone surrogates
