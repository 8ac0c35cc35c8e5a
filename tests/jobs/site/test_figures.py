"""Figures as SVG: always well formed, alike from alike numbers, whatever the names and however few the matches."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib import rc_context
from tallies import tally_of

from facejoin.jobs.site.figures import site_figures
from facejoin.jobs.store.distribution import Distribution

SVG = "{http://www.w3.org/2000/svg}"


def drawn(names, matches, told=True, faces=None):
    """names, how many matches each has, whether the false ones are known → the three site_figures."""
    references = {name: 10 + number for number, name in enumerate(names)}
    found = [
        (name, 0.5 + number % 7 / 20, 0.4 + number % 11 / 30)
        for name, count in zip(names, matches, strict=True)
        for number in range(count)
    ]
    return site_figures(tally_of(references, found, dict.fromkeys(names, 0.25) if told else None, faces))


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
    drawings = site_figures(tally_of({"Ann": 3}, [("Ann", value, value) for value in confidences]))
    assert [ElementTree.fromstring(drawing.svg).tag for drawing in drawings] == [f"{SVG}svg"] * 3


def test_what_piles_up_at_the_end_is_said():
    found = [("Ann", value, 0.5) for value in (0.5, 0.99, 1.0, 1.0)]
    assert "75.0% of the confidences are 0.99 or more" in site_figures(tally_of({}, found))[0].caption


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


def spread_over_all(counts, mean=0.084, deviation=0.051, log_mean=-2.63, log_deviation=0.56):
    """The study's numbers, unless others are given."""
    above = {"0.2": 0.034, "0.5": 0.001, "0.9": 0.0}
    return Distribution(0.0, 1 / 128, counts, mean, deviation, log_mean, log_deviation, above)


def test_all_faces_compared_stand_above_the_matches_with_a_log_normal_of_their_own():
    counts = np.histogram(np.random.default_rng(0).lognormal(-2.63, 0.56, 10_000), 128, (0, 1))[0].tolist()
    alone, *_ = drawn(["Ann", "Bob"], [20, 9])
    both, *_ = drawn(["Ann", "Bob"], [20, 9], faces=spread_over_all(counts))
    assert "confidence of all faces compared" in texts(both)
    assert "confidence of all faces compared" not in texts(alone)
    assert both.svg.count("stroke: #ff0000") == 2 * alone.svg.count("stroke: #ff0000") == 4
    assert "compared. In red a log-normal with μ -2.63 and σ 0.56." in both.alt
    assert "mean 0.084, standard deviation 0.051; 3.40% are 0.2 or more" in both.caption


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("counts", [[1] + [0] * 127, [0] * 127 + [5], [9] * 128])
def test_faces_however_they_pile_up_are_drawn(counts):
    for log_mean, log_deviation in ((-9.0, 4.0), (0.0, 0.0), (None, None)):
        faces = spread_over_all(counts, log_mean=log_mean, log_deviation=log_deviation)
        both, *_ = drawn(["Ann"], [0], faces=faces)
        assert ElementTree.fromstring(both.svg).tag == f"{SVG}svg"
